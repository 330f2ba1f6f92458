/**
 * Means per minute on real servers: what was computed before late points came is exact after them. InfluxDB 2.x is real
 * too, when the environment names one; the Flux tests are not registered without it (see influxdb-targets.ts).
 */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it } from 'vitest';
import { available, givenInflux2, startInflux1 } from '../../../../../test/services/index.ts';
import { setupInfluxdb } from '../../../src/setup/influxdb.ts';
import type { LineBatch } from '../../../src/sinks/influxdb/line-protocol.ts';
import {
  continuousQueries,
  createRollup,
  downsamplingTask,
  fluxText,
  influxqlName,
  lookbackMinutes,
  recomputeFlux,
  recomputeStatements,
} from '../../../src/sinks/influxdb/rollup.ts';
import { type InfluxdbSettings, SCHEMAS, type Schema } from '../../../src/sinks/influxdb/settings.ts';
import { type Changes, influx1Place, influx2Place, type Place, writeBatches } from '../../setup/influxdb-targets.ts';
import { lineBatch, never, seriesOf } from './helpers.ts';

const MINUTE_MS = 60_000;
/** Within a day, and long before anything that a continuous query looks back at. */
const START_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 6 * 3_600_000;
const nanos = (ms: number): bigint => BigInt(ms) * 1_000_000n;

const SERIES = [
  seriesOf('mem.used', { kind: 'integer', unit: 'bytes' }),
  seriesOf('disk.used_percent', { labels: [['path', '/a b,c=d']], unit: 'percent' }),
  seriesOf('disk.used_percent', { labels: [['path', '/']], unit: 'percent' }),
  seriesOf('plain'),
];

/** Five minutes of every 10 s, whole numbers, so that means are exact whatever the order of adding. */
function minutesOf(host: string, seed: number): { times: number[]; batch: LineBatch } {
  const random = seeded(seed);
  const times = Array.from({ length: 30 }, (_, at) => START_MS + at * 10_000);
  const values = Float64Array.from({ length: SERIES.length * times.length }, () => random.int(1000));
  const timesUnixNano = BigUint64Array.from(times, nanos);
  const resource: [string, string][] = [
    ['host', host],
    ['datacenter', 'fra'],
  ];
  return { times, batch: lineBatch({ clientId: host, series: SERIES, resource, timesUnixNano, values }) };
}

/** Only the sweeps for which it is true. */
function sweepsOf(batch: LineBatch, wanted: (at: number) => boolean): LineBatch {
  const kept = [...batch.timesUnixNano.keys()].filter(wanted);
  const count = batch.timesUnixNano.length;
  return {
    ...batch,
    timesUnixNano: BigUint64Array.from(kept, (at) => batch.timesUnixNano[at]!),
    values: Float64Array.from(SERIES.flatMap((_, series) => kept.map((at) => batch.values[series * count + at]!))),
  };
}

/** All that is stored, a line of text for each value, sorted: of the points, and of the means. */
async function dump({ settings, client }: Place): Promise<{ points: string[]; means: string[] }> {
  const { target } = settings;
  if (target.version === 1) {
    const of = async (policy: string): Promise<string[]> => {
      const [series = []] = await client.influxql(`SELECT * FROM "${policy}"./.*/ GROUP BY *`);
      return series
        .flatMap(({ name, tags, columns, values }) =>
          values.flatMap((row) =>
            columns.flatMap((column, at) =>
              at === 0 || row[at] === null ? [] : [JSON.stringify([name, tags, column, row[0], row[at]])],
            ),
          ),
        )
        .sort();
    };
    return { points: await of(target.retentionPolicy), means: await of(target.rollupRetentionPolicy) };
  }
  const of = async (bucket: string): Promise<string[]> => {
    const rows = await client.flux(`from(bucket: "${bucket}") |> range(start: 0)`);
    return rows
      .map(({ result: _result, table: _table, _start, _stop, _time, ...row }) => {
        const { _measurement, _field, _value, ...tags } = row;
        const named = Object.fromEntries(
          Object.entries(tags)
            .filter(([, value]) => value !== '')
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        return JSON.stringify([_measurement, named, _field, Date.parse(String(_time)), _value]);
      })
      .sort();
  };
  return { points: await of(target.bucket), means: await of(target.rollupBucket) };
}

/** What the means must be, computed here. */
function expectedMeans(batches: LineBatch[], { schema, version }: { schema: Schema; version: 1 | 2 }): string[] {
  const means: string[] = [];
  for (const { timesUnixNano, values, seriesSet } of batches) {
    const shared = Object.fromEntries(seriesSet.resource);
    for (const [at, { name, labels }] of seriesSet.series.entries()) {
      const ofMinute = new Map<number, number[]>();
      for (const [sweep, time] of timesUnixNano.entries()) {
        const minute = Math.floor(Number(time / 1_000_000n) / MINUTE_MS) * MINUTE_MS;
        ofMinute.set(minute, [...(ofMinute.get(minute) ?? []), values[at * timesUnixNano.length + sweep]!]);
      }
      const [measurement = '', field = 'value'] = name.split('.');
      const plain = { ...shared, ...Object.fromEntries(labels) };
      for (const [minute, all] of ofMinute) {
        const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
        const add = (of: string, tags: object, as: string) =>
          means.push(JSON.stringify([of, sortedTags(tags), as, minute, mean]));
        if (schema !== 'telegraf') add('server_metrics', { ...plain, metric_name: name }, 'value');
        if (schema !== 'seed') add(measurement, plain, version === 1 ? `mean_${field}` : field);
      }
    }
  }
  return means;
}

function sortedTags(tags: object): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** InfluxDB 1.x gives every tag of the measurements asked for; those a series lacks are empty. */
function withoutEmptyTags(lines: string[]): string[] {
  return lines
    .map((line) => {
      const [name, tags, ...rest] = JSON.parse(line) as [string, Record<string, string>, ...unknown[]];
      return JSON.stringify([
        name,
        sortedTags(Object.fromEntries(Object.entries(tags).filter(([, v]) => v !== ''))),
        ...rest,
      ]);
    })
    .sort();
}

const servers: { name: string; version: 1 | 2; make(changes: Changes): Promise<Place> }[] = [];
if (await available('sharedInflux1')) servers.push({ name: 'InfluxDB 1.6', version: 1, make: influx1Place });
if (givenInflux2() !== undefined) servers.push({ name: 'InfluxDB 2.x', version: 2, make: influx2Place });

describe.each(servers)('means on $name', ({ version, make }) => {
  it.each(SCHEMAS)('are exact after late points, and nothing else has changed: schema %s', async (schema) => {
    const place = await make({ schema });
    await setupInfluxdb(place);
    const rollup = createRollup(place.settings, place.client);
    const [first, second] = [minutesOf('web-1', 1).batch, minutesOf('web-2', 2).batch];
    // The second host lacks three sweeps of its second and fourth minute.
    const isLate = (at: number): boolean => [7, 8, 11, 18, 19, 20].includes(at);
    const inTime = sweepsOf(second, (at) => !isLate(at));
    await writeBatches(place, [first, inTime]);
    await rollup.recompute(START_MS, START_MS + 5 * MINUTE_MS, never);
    const before = await dump(place);
    expect(withoutEmptyTags(before.means)).toEqual(expectedMeans([first, inTime], { schema, version }).sort());

    await writeBatches(place, [sweepsOf(second, isLate)]);
    const stale = await dump(place);
    expect(stale.means).toEqual(before.means);
    for (const minute of [1, 3])
      await rollup.recompute(START_MS + minute * MINUTE_MS, START_MS + (minute + 1) * MINUTE_MS, never);
    const after = await dump(place);
    expect(withoutEmptyTags(after.means)).toEqual(expectedMeans([first, second], { schema, version }).sort());
    expect(after.points).toEqual(stale.points);
    const changed = after.means.filter((line) => !before.means.includes(line));
    // Minutes 1 and 3 of one host: a series each, twice where it is in both schemas.
    expect(changed).toHaveLength(SERIES.length * 2 * (schema === 'both' ? 2 : 1));
    expect(changed.every((line) => line.includes('web-2'))).toBe(true);
  });

  it('are told to a person, and not tried for ever, where there is nothing to write them to', async () => {
    const place = await make({});
    const { settings, client } = place;
    const { target } = settings;
    const wrong: InfluxdbSettings = {
      ...settings,
      target:
        target.version === 1
          ? { ...target, rollupRetentionPolicy: 'nowhere' }
          : { ...target, rollupBucket: `${target.bucket}-nowhere` },
    };
    await setupInfluxdb(place);
    await writeBatches(place, [minutesOf('web-1', 1).batch]);
    await expect(createRollup(wrong, client).recompute(START_MS, START_MS + MINUTE_MS, never)).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/nowhere/),
    });
  });
});

describe.runIf(await available('influx1'))('a server with limits of its own', () => {
  it('is asked for fewer minutes at once where it takes no more', async () => {
    const { url } = await startInflux1({ config: { 'coordinator.max-select-buckets': 2 } });
    const place = await influx1Place({ schema: 'both' }, { url });
    await setupInfluxdb(place);
    const { batch } = minutesOf('web-1', 3);
    await writeBatches(place, [batch]);
    await createRollup(place.settings, place.client).recompute(START_MS, START_MS + 5 * MINUTE_MS, never);
    const { means } = await dump(place);
    expect(withoutEmptyTags(means)).toEqual(expectedMeans([batch], { schema: 'both', version: 1 }).sort());
  });

  it('that takes not even one minute is told to a person', async () => {
    const { url } = await startInflux1({ config: { 'coordinator.max-select-series': 1 } });
    const place = await influx1Place({}, { url });
    await setupInfluxdb(place);
    await writeBatches(place, [minutesOf('web-1', 3).batch]);
    await expect(
      createRollup(place.settings, place.client).recompute(START_MS, START_MS + 5 * MINUTE_MS, never),
    ).rejects.toMatchObject({ retryable: false, message: expect.stringMatching(/max-select-series/) });
  });
});

describe('the text of means', () => {
  const settings = { schema: 'both', lateMs: 300_000 } as InfluxdbSettings;
  const target1 = {
    version: 1,
    database: 'my metrics',
    retentionPolicy: '7_days',
    rollupRetentionPolicy: '90_days',
    username: '',
    password: '',
  } as const;
  const target2 = { version: 2, org: 'o', bucket: 'a ${b} $c', rollupBucket: 'means', token: '' } as const;
  const minutes = { fromUnixMs: 60_000, toUnixMs: 120_000 };

  it('is the same in a continuous query and in what computes a minute again, but for the time', () => {
    const queries = continuousQueries(target1, settings).map(
      ({ statement }) => / BEGIN (.*) END$/.exec(statement)?.[1],
    );
    const statements = recomputeStatements(target1, 'both', minutes).map((statement) =>
      statement.replace('time >= 60000ms AND time < 120000ms', '').replace(/ (WHERE|AND) {2}GROUP/, ' GROUP'),
    );
    expect(statements).toEqual(queries);
    expect(statements).toHaveLength(2);
  });

  it('is the same in the task and in what computes a minute again, but for the time', () => {
    const pipeline = (flux: string): string[] =>
      flux
        .slice(flux.indexOf('from(bucket'))
        .replace(/range\(.*\)/, '')
        .split('\n');
    const task = pipeline(downsamplingTask(target2, settings).flux);
    const again = pipeline(recomputeFlux(target2, 'both', minutes));
    expect(again.slice(0, 5)).toEqual(task.slice(0, 5));
    expect(again.slice(5)).toEqual(['    |> filter(fn: (r) => false)', '']);
    expect(recomputeFlux(target2, 'both', minutes)).toContain(
      'start: 1970-01-01T00:01:00.000Z, stop: 1970-01-01T00:02:00.000Z',
    );
  });

  it('looks back at what the sink does not compute again', () => {
    expect(lookbackMinutes({ lateMs: 300_000 })).toBe(8);
    expect(lookbackMinutes({ lateMs: 300_001 })).toBe(9);
    expect(continuousQueries(target1, settings)[0]?.statement).toContain('RESAMPLE EVERY 1m FOR 8m BEGIN');
    expect(downsamplingTask(target2, settings).flux).toContain('date.sub(d: 8m, from: stop)');
  });

  it('has names that cannot be anything else', () => {
    expect(fluxText('a "b" \\ ${c} $d')).toBe('"a \\"b\\" \\\\ \\${c} $d"');
    expect(influxqlName('a "b" \\')).toBe('"a \\"b\\" \\\\"');
  });
});

describe.each(givenInflux2() === undefined ? [] : ['InfluxDB 2.x'])('%s', () => {
  it('tells a person of texts in the bucket, which have no mean', async () => {
    const place = await influx2Place({ schema: 'telegraf' });
    await setupInfluxdb(place);
    await place.client.write(Buffer.from(`other text="x" ${nanos(START_MS)}\n`));
    await expect(
      createRollup(place.settings, place.client).recompute(START_MS, START_MS + MINUTE_MS, never),
    ).rejects.toMatchObject({ retryable: false, message: expect.stringMatching(/unsupported input type/) });
  });

  it('takes the odd name of a bucket as it is', async () => {
    const place = await influx2Place();
    const { target } = place.settings;
    if (target.version !== 2) throw new Error('2.x expected');
    const odd = { ...place.settings, target: { ...target, bucket: `${target.bucket} \${x} $y 'z'` } };
    await setupInfluxdb({ ...place, settings: odd });
    const done = createRollup(odd, place.client).recompute(START_MS, START_MS + MINUTE_MS, never);
    await expect(done).resolves.toBeUndefined();
  });
});
