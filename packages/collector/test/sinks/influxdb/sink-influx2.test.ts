/** The sink's outcomes on 2.x: on the stand-in, and on a real one when MS_TEST_INFLUX2_URL, _TOKEN and _ORG name it. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { givenInflux2, startInflux2StandIn } from '../../../../../test/services/index.ts';
import { createInfluxdbClient } from '../../../src/sinks/influxdb/client.ts';
import type { InfluxdbSettings } from '../../../src/sinks/influxdb/settings.ts';
import {
  type Changes,
  lossesOf,
  lost,
  manyRecords,
  now,
  openSink,
  recordOf,
  seriesOf,
  settingsFor1,
} from './helpers.ts';

const SECOND = 1_000_000_000n;
const given = givenInflux2();

/** A 2.x with a bucket of its own, and a look into it. */
interface Target {
  settings: InfluxdbSettings;
  /** The numbers in a field of a measurement. */
  valuesOf(measurement: string, field: string): Promise<number[]>;
}

async function standIn(retentionSeconds: number, changes: Changes): Promise<Target> {
  const { url, org, token, points } = await startInflux2StandIn({ buckets: { metrics: retentionSeconds } });
  const target = { version: 2, org, bucket: 'metrics', rollupBucket: 'means', token } as const;
  return {
    settings: { ...settingsFor1(url, '', changes), target },
    valuesOf: (measurement, field) =>
      Promise.resolve(
        points().flatMap((point) =>
          point.measurement === measurement && point.fields[field] ? [Number(point.fields[field].value)] : [],
        ),
      ),
  };
}

async function real(retentionSeconds: number, changes: Changes): Promise<Target> {
  const { url, org, token } = given!;
  const bucket = `test-${randomBytes(6).toString('hex')}`;
  const target = { version: 2, org, bucket, rollupBucket: 'means', token } as const;
  const settings = { ...settingsFor1(url, '', changes), target };
  const client = createInfluxdbClient(settings);
  const found = await client.api({ method: 'GET', path: `/api/v2/orgs?org=${encodeURIComponent(org)}` });
  const orgID = (found.json as { orgs: { id: string }[] }).orgs[0]?.id;
  const retentionRules = retentionSeconds === 0 ? [] : [{ type: 'expire', everySeconds: retentionSeconds }];
  const made = await client.api({
    method: 'POST',
    path: '/api/v2/buckets',
    json: { orgID, name: bucket, retentionRules },
  });
  const { id } = made.json as { id: string };
  onTestFinished(async () => {
    await client.api({ method: 'DELETE', path: `/api/v2/buckets/${id}` });
    client.close();
  });
  return {
    settings,
    async valuesOf(measurement, field) {
      const filter = `r._measurement == ${JSON.stringify(measurement)} and r._field == ${JSON.stringify(field)}`;
      const rows = await client.flux(
        `from(bucket: "${bucket}") |> range(start: -30d, stop: 1h) |> filter(fn: (r) => ${filter}) |> keep(columns: ["_value"])`,
      );
      return rows.map((row) => Number(row['_value']));
    },
  };
}

const targets = [
  { name: 'the stand-in', open: standIn },
  ...(given === undefined ? [] : [{ name: 'a real 2.x', open: real }]),
];

describe.each(targets)('on $name', ({ open }) => {
  const start = async (retentionSeconds = 0, changes: Changes = {}) => {
    const target = await open(retentionSeconds, changes);
    return { ...target, ...(await openSink(target.settings)) };
  };
  const ascending = (a: number, b: number): number => a - b;

  it('a good delivery is stored, compressed too', async () => {
    const { write, valuesOf, settings } = await start(0, { compression: 'gzip' });
    expect(await write(...manyRecords(150, 60))).toEqual({ kind: 'stored', losses: [] });
    const found = await valuesOf('server_metrics', 'value');
    expect(found.sort(ascending)).toEqual(Array.from({ length: 9000 }, (_, at) => at));
    expect(settings.target.version).toBe(2);
  });

  it('hostile labels go through, and whole numbers beyond 2^53 in full', async () => {
    const { write, valuesOf } = await start(0, { schema: 'both' });
    const labels = Object.entries({ _field: 'a', device: String.raw`C:\ `.trim(), time: '1 2', x: 'a,b=c "d" é漢' });
    const series = [seriesOf('m.f', { labels, kind: 'integer', unit: '"\\' }), seriesOf('m.time', { labels })];
    expect(await write(recordOf({ series, values: [2 ** 60 + 512, 0.1] }))).toEqual({ kind: 'stored', losses: [] });
    expect(await valuesOf('m', 'f')).toEqual([2 ** 60 + 512]);
    expect(await valuesOf('m.time', 'value')).toEqual([0.1]);
  });

  it('a field in conflict loses its own values only', async () => {
    const { write, valuesOf } = await start(0, { schema: 'telegraf' });
    const used = (kind: 'float' | 'integer') => seriesOf('mem.used', { kind });
    await write(recordOf({ clientId: 'other', series: [used('float')], values: [1.5] }));
    const records = Array.from({ length: 50 }, (_, at) =>
      recordOf({ clientId: `host-${at}`, series: [used('integer'), seriesOf('mem.free')], values: [1, at] }),
    );
    for (let round = 0; round < 2; round++) {
      const losses = lossesOf(await write(...records));
      expect(lost(losses)).toBe(50);
      expect(losses[0]?.why).toContain('is type integer, already exists as type float');
    }
    expect(await valuesOf('mem', 'used')).toEqual([1.5]);
    expect((await valuesOf('mem', 'free')).sort(ascending)).toEqual(Array.from({ length: 50 }, (_, at) => at));
  });

  it('a line that cannot be read is lost alone', async () => {
    const { write, valuesOf } = await start();
    const labels = Array.from({ length: 70 }, (_, at) => [`l${at + 10}`, 'x'.repeat(1000)] as const);
    const bad = recordOf({ clientId: 'bad', series: [seriesOf('a.b', { labels }), seriesOf('a.c')], values: [-1, -2] });
    const losses = lossesOf(await write(...manyRecords(10, 60), bad));
    expect(losses).toMatchObject([
      { index: 10, points: 1, why: expect.stringContaining('max key length exceeded') as string },
    ]);
    expect((await valuesOf('server_metrics', 'value')).length).toBe(601);
  });

  it('points beyond the retention are counted, by what the bucket says and by the answer', async () => {
    const { write, valuesOf } = await start(3600);
    const aged = (clientId: string, seconds: bigint) => recordOf({ clientId, times: [now() - seconds * SECOND] });
    const losses = lossesOf(await write(aged('a', 7200n), aged('b', 3610n), aged('c', 0n), aged('d', 3605n)));
    expect(losses.map(({ index, dropped }) => [index, dropped])).toEqual([
      [0, 'retention'],
      [1, 'retention'],
      [3, 'retention'],
    ]);
    expect((await valuesOf('server_metrics', 'value')).length).toBe(1);
  });

  it('a wrong token and a missing bucket halt', async () => {
    const { settings } = await start();
    const check = async (target: object, what: string): Promise<void> => {
      const changed = { ...settings, target: { ...settings.target, ...target } } as InfluxdbSettings;
      const { write } = await openSink(changed);
      expect(await write(recordOf())).toMatchObject({ kind: 'halt', why: expect.stringContaining(what) as string });
    };
    await check({ token: 'another' }, 'check the token');
    await check({ bucket: 'nowhere' }, 'setup influxdb');
    await check({ org: 'nobody' }, 'setup influxdb');
  });
});
