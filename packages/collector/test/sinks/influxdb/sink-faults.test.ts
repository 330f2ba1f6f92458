/** A real InfluxDB 1.6 that dies, hangs, refuses: each point is in it once afterwards, or among the dead letters. */
import { sleep } from '@metricstream/shared/clock.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { createPump } from '@metricstream/shared/pump/pump.ts';
import type { Committed, Delivery, Source } from '@metricstream/shared/pump/types.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  available,
  exportVictoriaMetrics,
  type Influx1,
  queryInflux1,
  sharedVictoriaMetrics,
  startInflux1,
  type Influx1Options,
} from '../../../../../test/services/index.ts';
import {
  type Changes,
  deliveryOf,
  lossesOf,
  manyRecords,
  never,
  now,
  openSink,
  recordOf,
  seriesOf,
  settingsFor1,
} from './helpers.ts';

const DATABASE = 'metrics';
/** As every sink's. */
const BACKOFF = { initialMs: 100, maxMs: 4000 };

async function start(options: Influx1Options = {}): Promise<Influx1> {
  const server = await startInflux1(options);
  onTestFinished(() => server.stop());
  await ask(server, `CREATE DATABASE ${DATABASE} WITH DURATION INF NAME raw`);
  return server;
}

function ask({ url, username, password }: Influx1, query: string) {
  return queryInflux1({ url, db: DATABASE, query, username, password });
}

/** The values of all points, in order. */
async function valuesIn(server: Influx1): Promise<unknown[]> {
  const [found] = await ask(server, 'SELECT value FROM server_metrics');
  return (found?.values ?? []).map((row) => row[1]).sort((a, b) => Number(a) - Number(b));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Records one delivery after the other, and what was committed. */
function memorySource(deliveries: JournalRecord[][]) {
  const waiting = deliveries.map((records) => deliveryOf(...records));
  const committed: Committed[] = [];
  let wake: () => void = () => undefined;
  const source: Source = {
    take: () => Promise.resolve<Delivery | undefined>(waiting[0]),
    commit(_delivery, done) {
      waiting.shift();
      committed.push(structuredClone(done));
      wake();
    },
  };
  /** Resolves after so many commits. */
  const reached = async (count: number): Promise<void> => {
    while (committed.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { source, committed, reached };
}

/** A pump of deliveries with `perDelivery` records of 60 points, all values different. */
async function pumpTo(server: Influx1, deliveries: number, changes: Changes = {}, perDelivery = 50) {
  const records = manyRecords(deliveries * perDelivery, 60);
  const slices = upTo(deliveries).map((at) => records.slice(at * perDelivery, (at + 1) * perDelivery));
  const { source, committed, reached } = memorySource(slices);
  const { sink } = await openSink(settingsFor1(server.url, DATABASE, changes));
  const letters: string[] = [];
  const deadLetter = { put: (_record: unknown, _sink: string, why: string) => void letters.push(why) };
  const pump = createPump({ source, sink, deadLetter, backoff: BACKOFF });
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const ended = pump.run(never, abort.signal);
  return { pump, committed, reached, ended, letters, values: upTo(deliveries * perDelivery * 60) };
}

/** Resolves when the pump has been in trouble. */
async function inTrouble(
  pump: Awaited<ReturnType<typeof pumpTo>>['pump'],
  state: 'retrying' | 'halted',
): Promise<void> {
  while (pump.stats.state !== state) await sleep(5);
}

describe.runIf(await available('influx1'))('InfluxDB 1.6', () => {
  it('killed while it is written to, and started again, holds each point once', { timeout: 60_000 }, async () => {
    const server = await start();
    const { pump, committed, reached, ended, letters, values } = await pumpTo(server, 40, { compression: 'gzip' });
    for (const at of [5, 15]) {
      await reached(at);
      await server.kill9();
      await inTrouble(pump, 'retrying');
      await server.start();
      const backMs = performance.now();
      const before = committed.length;
      await reached(before + 1);
      expect(performance.now() - backMs).toBeLessThan(5000);
    }
    await ended;
    expect(letters).toEqual([]);
    expect(await valuesIn(server)).toEqual(values);
  });

  it('that hangs costs a timeout each time, and no point', { timeout: 60_000 }, async () => {
    const server = await start();
    const { pump, committed, reached, ended, letters, values } = await pumpTo(server, 20, { timeoutMs: 300 });
    await reached(5);
    server.pause();
    await inTrouble(pump, 'retrying');
    expect(pump.stats.why).toContain('did not answer within 300 ms');
    const retries = pump.stats.retries;
    while (pump.stats.retries === retries) await sleep(20);
    server.resume();
    const backMs = performance.now();
    await reached(committed.length + 1);
    expect(performance.now() - backMs).toBeLessThan(5000);
    await ended;
    expect(letters).toEqual([]);
    expect(await valuesIn(server)).toEqual(values);
  });

  it('that is full again and again until it has written to its disk loses no point', { timeout: 60_000 }, async () => {
    const config = {
      // In the third delivery: a half of its last body would fit.
      'data.cache-max-memory-size': 3_670_000,
      // Never for its size: only some seconds after the last write.
      'data.cache-snapshot-memory-size': '25m',
      'data.cache-snapshot-write-cold-duration': '2s',
    };
    const server = await start({ config });
    const { pump, ended, letters, values } = await pumpTo(server, 3, {}, 200);
    await inTrouble(pump, 'retrying');
    expect(pump.stats.why).toContain('cache-max-memory-size exceeded');
    await ended;
    expect(letters).toEqual([]);
    expect(await valuesIn(server)).toEqual(values);
  });

  it('that does not know the password for a while halts the sink, which loses nothing', {
    timeout: 60_000,
  }, async () => {
    const server = await start({ auth: true });
    const { username, password } = server;
    const target = {
      version: 1,
      database: DATABASE,
      retentionPolicy: 'raw',
      rollupRetentionPolicy: 'means',
      username: 'writer',
      password: 'first-password',
    } as const;
    await ask(server, `CREATE USER writer WITH PASSWORD 'another-one'; GRANT WRITE ON ${DATABASE} TO writer`);
    const { write } = await openSink({ ...settingsFor1(server.url, DATABASE), target });
    const wrong = await write(recordOf());
    expect(wrong).toMatchObject({ kind: 'halt' });
    expect(JSON.stringify(wrong)).toContain(`${server.url}, database ${DATABASE} answered 401`);
    expect(JSON.stringify(wrong)).not.toContain('first-password');
    await ask(server, `SET PASSWORD FOR writer = 'first-password'; REVOKE WRITE ON ${DATABASE} FROM writer`);
    expect(await write(recordOf())).toMatchObject({
      kind: 'halt',
      why: expect.stringContaining('privilege') as string,
    });
    await ask(server, `GRANT WRITE ON ${DATABASE} TO writer`);
    expect(await write(recordOf())).toEqual({ kind: 'stored', losses: [] });
    expect(await valuesIn(server)).toEqual([1]);
    expect([username, password]).not.toContain('writer');
  });

  it('without the database, or its retention policy, halts and says how to make it', async () => {
    const server = await start();
    const { write } = await openSink(settingsFor1(server.url, DATABASE));
    for (const [drop, create] of [
      [`DROP DATABASE ${DATABASE}`, `CREATE DATABASE ${DATABASE} WITH DURATION INF NAME raw`],
      [
        `DROP RETENTION POLICY raw ON ${DATABASE}`,
        `CREATE RETENTION POLICY raw ON ${DATABASE} DURATION INF REPLICATION 1`,
      ],
    ] as const) {
      await ask(server, drop);
      expect(await write(recordOf())).toMatchObject({
        kind: 'halt',
        why: expect.stringContaining('setup influxdb') as string,
      });
      await ask(server, create);
      expect(await write(recordOf())).toEqual({ kind: 'stored', losses: [] });
    }
  });

  it.each(['none', 'gzip'] as const)(
    'with a small limit for bodies gets them small enough, compression %s',
    async (compression) => {
      const server = await start({ config: { 'http.max-body-size': 5000 } });
      const { write, figure } = await openSink(settingsFor1(server.url, DATABASE, { compression }));
      expect(await write(...manyRecords(50, 60))).toEqual({ kind: 'stored', losses: [] });
      expect(figure('influxdb_writes_total', 'too_large')).toBeGreaterThan(0);
      expect(await valuesIn(server)).toEqual(upTo(3000));
      const asked = figure('influxdb_writes_total', 'too_large');
      expect(await write(...manyRecords(50, 60))).toEqual({ kind: 'stored', losses: [] });
      expect(figure('influxdb_writes_total', 'too_large') - asked).toBeLessThan(20);
    },
  );

  it('that cannot read some lines stores all others, and those come back with its words', async () => {
    const server = await start();
    const { write } = await openSink(settingsFor1(server.url, DATABASE));
    const labels = Array.from({ length: 70 }, (_, at) => [`l${at + 10}`, 'x'.repeat(1000)] as const);
    const long = seriesOf('a.long', { labels });
    const records = manyRecords(80, 60);
    for (const at of [70, 33, 11])
      records.splice(at, 0, recordOf({ clientId: `bad-${at}`, series: [long, seriesOf('a.b')], values: [-1, -2] }));
    const losses = lossesOf(await write(...records));
    expect(losses.map(({ index, points }) => [index, points])).toEqual([
      [11, 1],
      [34, 1],
      [72, 1],
    ]);
    for (const { why, text } of losses) {
      expect(why).toContain('max key length exceeded');
      expect(text).toMatch(/^server_metrics,host=bad-\d\d,l10=x+,/);
    }
    expect(await valuesIn(server)).toEqual([-2, -2, -2, ...upTo(4800)]);
  });
});

describe.runIf(await available('sharedVictoriaMetrics'))(
  'VictoriaMetrics, which keeps what InfluxDB would hide',
  () => {
    it('holds each point of a good delivery once', async () => {
      const { url } = await sharedVictoriaMetrics();
      const { write } = await openSink(settingsFor1(url, DATABASE, { compression: 'gzip' }));
      const name = `once.value_${process.pid}_${now()}`;
      const records = upTo(100).map((at) =>
        recordOf({
          clientId: `host-${at}`,
          series: upTo(60).map((of) => seriesOf(name, { labels: [['at', String(of)]], unit: '' })),
          values: upTo(60).map((of) => at * 60 + of),
        }),
      );
      expect(await write(...records)).toEqual({ kind: 'stored', losses: [] });
      const found = await exportVictoriaMetrics(url, `server_metrics_value{metric_name="${name}"}`);
      expect(found.flatMap(({ values }) => values).sort((a, b) => a - b)).toEqual(upTo(6000));
    });
  },
);
