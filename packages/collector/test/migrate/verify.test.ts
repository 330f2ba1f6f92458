/** Files compared with real InfluxDB: what is alike is called equal, and each difference is found and told exactly. */
import { createSeriesSetCache, forEachPoint, readBatch } from '@metricstream/proto/read.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it, vi } from 'vitest';
import { available, queryInflux1, startInflux1 } from '../../../../test/services/index.ts';
import { createJsonlReader } from '../../src/migrate/jsonl-reader.ts';
import { influxSeriesOf, keyOf, seriesText } from '../../src/migrate/series-key.ts';
import { isEqual, verify, type VerifyReport } from '../../src/migrate/verify.ts';
import { verifyJson, verifyText } from '../../src/migrate/verify-text.ts';
import { openFiles, randomBatch, recordOf, START_MINUTE, timeAt, write } from './fleet.ts';
import { influx1Target, type Target, targetsHere } from './influx.ts';

const WINDOW = { since: START_MINUTE, until: START_MINUTE + 30 };

function verifyDir(dir: string, { store, settings }: Target, chunkLinesMax?: number): Promise<VerifyReport> {
  const reader = createJsonlReader({ path: dir, window: WINDOW });
  return verify({ reader, store, schema: settings.schema, window: WINDOW, chunkLinesMax });
}

/** Series and minutes that records have points in, by key and minute, as a straightforward reckoning finds them. */
function cellsIn(records: readonly JournalRecord[]): Set<string> {
  const cells = new Set<string>();
  for (const record of records) {
    const batch = readBatch(record.body, createSeriesSetCache({ clientsMax: 1 }));
    const { resource } = batch.seriesSet;
    forEachPoint(batch, ({ name, unit, labels }, _at, time) => {
      const series = { clientId: record.clientId, name, unit, resource, labels };
      cells.add(`${keyOf(influxSeriesOf(series, 'seed'))} ${time / 60_000_000_000n}`);
    });
  }
  return cells;
}

const clients = ['web-1', 'web-2', 'db:1'];

/** A sweep of one series at a second of a minute. */
function sample(
  clientId: string,
  seq: number,
  { minute = 0, second = 0, value = 1, name = 'mem.used', host = clientId },
) {
  return recordOf({
    clientId,
    seq,
    resource: [['host', host]],
    series: [{ name, unit: 'bytes', kind: 'float', labels: [] }],
    timesUnixNano: [timeAt(minute, BigInt(second) * 1_000_000_000n)],
    values: Float64Array.of(value),
  });
}

/** Hundreds of requests each, on a machine that may be busy. */
vi.setConfig({ testTimeout: 60_000 });

const targets = await targetsHere();

describe.runIf(targets.length > 0).each(targets)('verify, InfluxDB $version', ({ make }) => {
  it.each(['seed', 'telegraf', 'both'] as const)(
    'calls equal what is alike, schema %s, however it is cut into chunks',
    async (schema) => {
      for (const seed of [11, 12]) {
        const random = seeded(seed);
        const target = await make({ schema });
        const { dir, sink } = await openFiles(undefined, 20_000);
        const records = Array.from({ length: 80 }, (_, at) => randomBatch(random, random.pick(clients), at, 20));
        await write(sink, ...records);
        // A batch comes again, as it does after an agent has changed collectors.
        await write(sink, records[3]!);
        await target.write(...records);
        const forms = schema === 'both' ? 2 : 1;
        for (const chunkLinesMax of [undefined, 60]) {
          const report = await verifyDir(dir, target, chunkLinesMax);
          expect(report.findings, `seed ${random.seed}`).toEqual([]);
          expect(isEqual(report)).toBe(true);
          expect(report.equal).toBe(cellsIn(records).size * forms);
          expect(report.repeated).toBe(records[3]!.points);
        }
      }
    },
  );

  it('finds every minute and series of batches that are not there, and no other', async () => {
    for (const seed of [21, 22]) {
      const random = seeded(seed);
      const target = await make();
      const { dir, sink } = await openFiles();
      const records = Array.from({ length: 60 }, (_, at) => randomBatch(random, random.pick(clients), at, 20));
      await write(sink, ...records);
      const lost = new Set(records.filter(() => random.int(4) === 0));
      await target.write(...records.filter((record) => !lost.has(record)));
      const report = await verifyDir(dir, target, 100);
      expect(isEqual(report), `seed ${random.seed}`).toBe(false);
      expect(report.missing + report.differing).toBe(cellsIn([...lost]).size);
      expect(report.onlyInInfluxdb).toBe(0);
      expect(report.pointsMissing).toBe([...lost].reduce((sum, { points }) => sum + points, 0));
      const names = report.findings.flatMap((finding) => finding.clients);
      expect(new Set(names)).toEqual(new Set([...lost].map(({ clientId }) => clientId)));
    }
  });

  it('tells client, series, minute and both values', async () => {
    const target = await make();
    const { dir, sink } = await openFiles();
    const stored = [1, 2, 3].map((value) => sample('web-1', value, { second: value, value }));
    await write(sink, ...stored, sample('web-1', 4, { minute: 2, value: 8 }));
    await target.write(...stored.slice(0, 2), sample('web-1', 9, { minute: 5, value: 7 }));
    const report = await verifyDir(dir, target);
    const series = 'mem.used host=web-1';
    const at = (minute: number) => ({ naming: 'seed', minute: START_MINUTE + minute, series });
    const cell = (count: number, min: number, max: number, sum: number) => ({ count, min, max, sum });
    expect(report.findings).toEqual([
      { ...at(0), clients: ['web-1'], files: cell(3, 1, 3, 6), influxdb: cell(2, 1, 2, 3) },
      { ...at(2), clients: ['web-1'], files: cell(1, 8, 8, 8), influxdb: undefined },
      { ...at(5), clients: [], files: undefined, influxdb: cell(1, 7, 7, 7) },
    ]);
    expect(report).toMatchObject({ missing: 1, differing: 1, onlyInInfluxdb: 1, pointsMissing: 2, equal: 0 });
    const context = { from: 'points', where: 'influx', schema: 'seed', retentionMs: undefined } as const;
    expect(verifyText(report, context).split('\n').slice(-7)).toEqual([
      'MINUTE             CLIENT  SERIES (FILES → INFLUXDB)  COUNT    MIN    MAX    SUM',
      '2025-10-04T12:00Z  web-1   mem.used host=web-1        3 → 2      1  3 → 2  6 → 3',
      '2025-10-04T12:02Z  web-1   mem.used host=web-1        1 → 0  8 → –  8 → –  8 → –',
      '2025-10-04T12:05Z  –       mem.used host=web-1        0 → 1  – → 7  – → 7  – → 7',
      '',
      'different: 3 of 3 series minutes: 1 not in InfluxDB, 1 with other points, 1 only in InfluxDB; 2 points missing',
      '',
    ]);
    expect(JSON.parse(verifyJson(report, context))).toMatchObject({
      equal: false,
      totals: { pointsMissing: 2, missing: 1 },
      clients: [
        { client: 'web-1', differing: 2 },
        { client: '-', differing: 1 },
      ],
    });
  });

  it('calls sums equal in whatever order they are added, and different for one digit more than that', async () => {
    const random = seeded(31);
    const target = await make();
    const values = Array.from({ length: 600 }, () => (random.next() - 0.4) * 10 ** random.int(12));
    const batch = (clientId: string, given: readonly number[]) =>
      recordOf({
        clientId,
        seq: 1,
        series: [{ name: 'net.bytes', unit: '', kind: 'float', labels: [] }],
        timesUnixNano: given.map((_, at) => timeAt(0, BigInt(at) * 99_000_000n)),
        values: Float64Array.from(given),
      });
    const { dir, sink } = await openFiles();
    await write(sink, batch('web-1', values), batch('web-2', values));
    const inner = values.findIndex(
      (value) => Math.abs(value) > 1e9 && value < Math.max(...values) && value > Math.min(...values),
    );
    const touched = values.with(inner, values[inner]! * (1 + 1e-9));
    await target.write(batch('web-1', values), batch('web-2', touched));
    const report = await verifyDir(dir, target);
    expect(report).toMatchObject({ equal: 1, differing: 1 });
    expect(report.findings[0]).toMatchObject({ clients: ['web-2'], files: { count: 600 }, influxdb: { count: 600 } });
  });

  it('tells when two clients write the same series', async () => {
    const target = await make();
    const { dir, sink } = await openFiles();
    const records = [
      sample('web-1', 1, { second: 1, host: 'web' }),
      sample('web-2', 1, { second: 2, host: 'web' }),
      sample('web-3', 1, { minute: 1, host: 'web' }),
    ];
    await write(sink, ...records);
    await target.write(...records);
    const report = await verifyDir(dir, target);
    expect(isEqual(report)).toBe(true);
    expect(report.shared).toEqual([{ series: 'mem.used host=web', minute: START_MINUTE, clients: ['web-1', 'web-2'] }]);
  });

  it('knows how long the target keeps points', async () => {
    const target = await make();
    const { dir } = await openFiles();
    await expect(target.store.retentionMs()).resolves.toBeUndefined();
    const nowhere = await make({ keep: { influxql: '3h', seconds: 10_800 } });
    await expect(nowhere.store.retentionMs()).resolves.toBe(3 * 3_600_000);
    expect(isEqual(await verifyDir(dir, target))).toBe(true);
  });
});

describe.runIf(await available('influx1'))('verify with a server of its own', () => {
  it('does not take an answer that was cut short for all there is', async () => {
    const server = await startInflux1({ config: { 'http.max-row-limit': 5 } });
    const target = await influx1Target({ url: server.url });
    const { dir, sink } = await openFiles();
    const records = Array.from({ length: 10 }, (_, minute) => sample('web-1', minute, { minute }));
    await write(sink, ...records);
    await target.write(...records);
    // Ten rows in all are asked for in parts; ten in one minute cannot be.
    expect(isEqual(await verifyDir(dir, target))).toBe(true);
    const names = Array.from({ length: 10 }, (_, at) => sample('web-1', 20 + at, { name: `mem.field${at}` }));
    await write(sink, ...names);
    await target.write(...names);
    await expect(verifyDir(dir, target)).rejects.toMatchObject({ code: 'limit', message: /max-row-limit/ });
    await server.stop();
    await expect(verifyDir(dir, target)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('names the database, or the retention policy, that is not there', async () => {
    const server = await startInflux1();
    const target = await influx1Target({ url: server.url });
    const { target: named } = target.settings;
    if (named.version !== 1) throw new Error('not 1.x');
    const { url } = server;
    await queryInflux1({
      url,
      query: `CREATE RETENTION POLICY "other" ON "${named.database}" DURATION INF REPLICATION 1`,
    });
    await queryInflux1({ url, query: `DROP RETENTION POLICY "7_days" ON "${named.database}"` });
    await expect(target.store.retentionMs()).rejects.toMatchObject({ code: 'config_invalid', message: /7_days/ });
    await queryInflux1({ url, query: `DROP DATABASE "${named.database}"` });
    await expect(target.store.retentionMs()).rejects.toMatchObject({ code: 'config_invalid', message: /not found/ });
    await server.stop();
  });
});

it('words a series as a person would', () => {
  const series = {
    clientId: 'c',
    name: 'disk.used',
    unit: '',
    resource: [['datacenter', 'fra']],
    labels: [['path', '/']],
  } as const;
  expect(seriesText(influxSeriesOf(series, 'seed'))).toBe('disk.used{path=/} host=c datacenter=fra');
  expect(seriesText(influxSeriesOf(series, 'telegraf'))).toBe('disk.used{path=/} host=c datacenter=fra');
});
