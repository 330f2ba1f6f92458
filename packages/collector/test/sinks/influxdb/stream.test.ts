/** Bodies on their way: two at most, none changed meanwhile, and always the same few. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../../src/sinks/influxdb/body.ts';
import { createLineWriter } from '../../../src/sinks/influxdb/line-protocol.ts';
import { createLineStream, type LineStream } from '../../../src/sinks/influxdb/stream.ts';
import { lineBatch, seriesOf } from './helpers.ts';

const many = lineBatch({
  series: Array.from({ length: 3000 }, (_, at) => seriesOf(`m.f${at}`)),
  values: Float64Array.from({ length: 3000 }, (_, at) => at),
});

/** Takes some turns of the event loop for each body, and looks whether it stays as it is. */
function slowSettler() {
  const seen = new Set<Body>();
  let [now, most, lines, changed] = [0, 0, 0, 0];
  const settler = {
    stop: undefined as unknown,
    async settle(body: Body) {
      seen.add(body);
      most = Math.max(most, ++now);
      const text = body.bytes.toString('latin1', 0, body.length);
      for (let turns = 0; turns < 3; turns++) await turn();
      if (body.bytes.toString('latin1', 0, body.length) !== text) changed++;
      lines += body.lines;
      now--;
    },
  };
  return { settler, seen, counts: () => ({ most, lines, changed }) };
}

function open() {
  const slow = slowSettler();
  const stream = createLineStream(createLineWriter('seed'));
  stream.begin(slow.settler);
  return { ...slow, stream };
}

describe('a stream of bodies', () => {
  it('has two on their way at most, of four in all, and none is touched meanwhile', async () => {
    const { stream, seen, counts } = open();
    for (let at = 0; at < 40; at++) await stream.add(many, { index: at });
    await stream.drain();
    expect(counts()).toEqual({ most: 2, lines: 40 * 3000, changed: 0 });
    expect(seen.size).toBeLessThanOrEqual(4);
  });

  it('sends nothing more after a stop, and uses its bodies again', async () => {
    const { stream, settler, seen, counts } = open();
    await stream.add(many, { index: 0 });
    await stream.add(many, { index: 1 });
    settler.stop = 'stopped';
    await stream.add(many, { index: 2 });
    await stream.drain();
    expect(counts().lines).toBe(5000);
    settler.stop = undefined;
    await stream.add(many, { index: 0 });
    await stream.drain();
    expect(counts()).toEqual({ most: 1, lines: 8000, changed: 0 });
    expect(seen.size).toBeLessThanOrEqual(3);
  });
});

describe('a stream whose server takes no long bodies', () => {
  const label = ['l', 'x'.repeat(60_000)] as const;
  const long = lineBatch({
    series: Array.from({ length: 64 }, (_, at) => seriesOf(`m.f${at}`, { labels: [label] })),
    values: Float64Array.from({ length: 64 }, () => 1),
  });

  /** Sends so many bodies or some more. @returns their lengths, in order. */
  async function lengthsOf(count: number, onBody: (body: Body, stream: LineStream) => void = () => undefined) {
    const lengths: number[] = [];
    const stream = createLineStream(createLineWriter('seed'));
    stream.begin({
      stop: undefined,
      async settle(body) {
        lengths.push(body.length);
        onBody(body, stream);
      },
    });
    stream.limitBodies(200_000);
    while (lengths.length < count) await stream.add(long, { index: 0 });
    await stream.drain();
    return lengths;
  }

  it('tries one twice as long after 128, and so on up to the usual', async () => {
    const lengths = await lengthsOf(600);
    const longest = [0, 1, 2, 3].map((at) => Math.max(...lengths.slice(at * 128, (at + 1) * 128)));
    // Lines of 60 KB: three, six, thirteen, seventeen.
    expect(longest.map((bytes) => Math.floor(bytes / 60_000))).toEqual([3, 6, 13, 17]);
    expect(Math.max(...lengths)).toBe(longest[3]);
  });

  it('that still takes none is asked seldom', async () => {
    let refused = 0;
    await lengthsOf(1000, (body, stream) => {
      if (body.length <= 200_000) return;
      refused++;
      stream.limitBodies(body.length >> 1);
    });
    expect(refused).toBeGreaterThan(4);
    expect(refused).toBeLessThan(20);
  });
});
