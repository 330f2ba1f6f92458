/** The points of a stretch of time: each once, in order, summed up as a straightforward reckoning would. */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it } from 'vitest';
import { cellsOf, type Chunk, clientsOf, createChunk, planChunks } from '../../src/migrate/chunk.ts';
import type { FilePoint, FileSeries } from '../../src/sinks/jsonl/read-line.ts';
import { influxSeriesOf, keyOf } from '../../src/migrate/series-key.ts';
import { START_MINUTE } from './fleet.ts';

const WINDOW = { since: START_MINUTE, until: START_MINUTE + 10 };

function seriesOf(clientId: string, name = 'mem.used', host = clientId): FileSeries {
  return { clientId, name, unit: 'bytes', resource: [['host', host]], labels: [] };
}

function point(series: FileSeries, minute: number, nanos: number, value: number, seq = 1): FilePoint {
  return { series, minute: START_MINUTE + minute, nanos, value, epoch: 7, seq };
}

function chunkOf(points: readonly FilePoint[]): Chunk {
  const chunk = createChunk(WINDOW);
  for (const one of points) chunk.add(one);
  return chunk.finish();
}

describe('a chunk', () => {
  it('has each series and time once, with the value and the batch of the line that came last', () => {
    const web = seriesOf('web-1');
    const chunk = chunkOf([
      point(web, 1, 5, 10, 1),
      point(web, 0, 9, 20, 2),
      point(web, 1, 5, 11, 3),
      point(web, 0, 9, 20, 2),
    ]);
    expect(chunk).toMatchObject({ points: 2, repeated: 2, conflicting: 1 });
    const [series] = chunk.series;
    expect(series).toMatchObject({ times: [9, 60e9 + 5], values: [20, 11] });
    expect(series!.triples.map((at) => chunk.triples[at]!.seq)).toEqual([2, 3]);
  });

  it('takes as one series what is one in InfluxDB, and knows whose points are whose', () => {
    const [one, two] = [seriesOf('web-1', 'mem.used', 'web'), seriesOf('web-2', 'mem.used', 'web')];
    const chunk = chunkOf([point(one, 0, 1, 1), point(two, 0, 2, 2), point(one, 1, 1, 3), point(two, 2, 1, 4)]);
    expect(chunk.series).toHaveLength(1);
    const [series] = chunk.series;
    const clients = [...cellsOf(chunk, series!)].map((cell) => clientsOf(chunk, series!, cell));
    expect(clients).toEqual([['web-1', 'web-2'], ['web-1'], ['web-2']]);
  });

  it('comes to the same as a straightforward reckoning, whatever the order of the lines', () => {
    for (const seed of [1, 2, 3, 4]) {
      const random = seeded(seed);
      const all = ['a', 'b', 'c'].flatMap((client) => ['mem.used', 'mem.free'].map((name) => seriesOf(client, name)));
      const points = Array.from({ length: 2000 }, (_, at) =>
        point(random.pick(all), random.int(10), random.int(20) * 3e9, random.next() * 100 - 50, at),
      );
      const expected = new Map<string, { count: number; min: number; max: number; sum: number }>();
      const lastly = new Map(
        points.map((one) => [`${keyOf(influxSeriesOf(one.series, 'seed'))} ${one.minute} ${one.nanos}`, one]),
      );
      for (const { series, minute, value } of [...lastly.values()].sort((a, b) => a.nanos - b.nanos)) {
        const key = `${keyOf(influxSeriesOf(series, 'seed'))} ${minute}`;
        const cell = expected.get(key) ?? { count: 0, min: Infinity, max: -Infinity, sum: 0 };
        const { count, min, max, sum } = cell;
        expected.set(key, { count: count + 1, min: Math.min(min, value), max: Math.max(max, value), sum: sum + value });
      }
      const chunk = chunkOf(points);
      const got = chunk.series.flatMap((series) => {
        const key = keyOf(influxSeriesOf(series.sources[0]!, 'seed'));
        return [...cellsOf(chunk, series)].map(
          ({ minute, count, min, max, sum }) => [`${key} ${minute}`, { count, min, max, sum }] as const,
        );
      });
      expect(new Map(got), `seed ${random.seed}`).toEqual(expected);
      expect(got).toHaveLength(expected.size);
      expect(chunk.points).toBe(lastly.size);
      expect(chunk.points + chunk.repeated).toBe(points.length);
    }
  });
});

describe('the plan of chunks', () => {
  const window = { since: 100, until: 200 };

  it('covers the window without holes or overlaps, each chunk within its bounds unless one minute is not', () => {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed);
      const minutes = new Map(
        Array.from({ length: 40 }, () => [100 + random.int(100), 1 + random.int(random.pick([5, 80]))]),
      );
      const linesMax = 50;
      const minutesMax = random.pick([7, 1000]);
      const chunks = planChunks(minutes, window, { linesMax, minutesMax });
      let at = window.since;
      for (const { since, until, lines } of chunks) {
        expect(since).toBe(at);
        expect(until).toBeGreaterThan(since);
        expect(until - since).toBeLessThanOrEqual(minutesMax);
        const held = [...minutes].filter(([minute]) => minute >= since && minute < until);
        expect(lines).toBe(held.reduce((sum, [, count]) => sum + count, 0));
        expect(lines <= linesMax || held.length === 1, `seed ${random.seed}`).toBe(true);
        at = until;
      }
      expect(at).toBe(window.until);
    }
  });

  it('is nothing for no time, one chunk for little, pieces for a long time without lines', () => {
    expect(planChunks(new Map(), { since: 5, until: 5 }, { linesMax: 1, minutesMax: 1 })).toEqual([]);
    expect(planChunks(new Map([[150, 1]]), window, { linesMax: 9, minutesMax: 1000 })).toEqual([
      { ...window, lines: 1 },
    ]);
    expect(planChunks(new Map(), window, { linesMax: 9, minutesMax: 60 })).toEqual([
      { since: 100, until: 160, lines: 0 },
      { since: 160, until: 200, lines: 0 },
    ]);
  });
});
