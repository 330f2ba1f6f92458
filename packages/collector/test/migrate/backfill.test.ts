/** Files written to real InfluxDB: exactly what is missing, everything accounted for, whatever interrupts it. */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDeadLetter } from '@metricstream/shared/pump/dead-letter.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it, vi } from 'vitest';
import { available, startInflux1 } from '../../../../test/services/index.ts';
import { backfill, type BackfillOptions, type BackfillReport } from '../../src/migrate/backfill.ts';
import { accountText, planText, reportText } from '../../src/migrate/backfill-text.ts';
import { createJsonlReader } from '../../src/migrate/jsonl-reader.ts';
import { createProgressFile, emptyAccount, openIn, type ProgressFile } from '../../src/migrate/progress-file.ts';
import { isEqual, verify } from '../../src/migrate/verify.ts';
import { createInfluxdbSink } from '../../src/sinks/influxdb/influxdb-sink.ts';
import { never, openFiles, randomBatch, recordOf, START_MINUTE, tempDir, timeAt, write } from './fleet.ts';
import { influx1Target, type Target, targetsHere } from './influx.ts';

const ALL = { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };
const WINDOW = { since: START_MINUTE, until: START_MINUTE + 60 };
const clients = ['web-1', 'web-2', 'db:1'];

interface Run extends Partial<BackfillOptions> {
  deadLetterDir?: string;
  /** Called before each write; true: it is not done, as when the process is killed just then. */
  interrupt?(): boolean;
}

async function run(dir: string, { settings, store }: Target, options: Run = {}): Promise<BackfillReport> {
  const { deadLetterDir: letters = tempDir(), interrupt = () => false, ...given } = options;
  const { sink } = await createInfluxdbSink({ settings, clientsMax: 100 });
  const window = options.window ?? ALL;
  return backfill({
    reader: createJsonlReader({ path: dir, window }),
    window,
    store,
    schema: settings.schema,
    sink: {
      ...sink,
      write: async (delivery, signal) =>
        interrupt() ? { kind: 'retry', why: 'interrupted' } : sink.write(delivery, signal),
    },
    deadLetter: await createDeadLetter({ dir: letters, bytesMax: 1e6 }),
    progressFile: progressFileIn(tempDir()),
    resume: undefined,
    onlyMissing: true,
    dryRun: false,
    signal: never,
    ...given,
  });
}

function progressFileIn(stateDir: string): ProgressFile {
  return createProgressFile(stateDir, { from: 'points', to: 'influx', schema: 'seed', onlyMissing: true });
}

async function equalNow(dir: string, { store, settings }: Target, window = WINDOW): Promise<boolean> {
  const reader = createJsonlReader({ path: dir, window });
  return isEqual(await verify({ reader, store, schema: settings.schema, window }));
}

const pointsOf = (records: readonly JournalRecord[]): number => records.reduce((sum, { points }) => sum + points, 0);

/** A batch of two sweeps, of which a test may write only one to InfluxDB. */
function sweeps(seq: number, only?: 0 | 1): JournalRecord {
  const times = [timeAt(seq, 5n), timeAt(seq, 30_000_000_000n)];
  const chosen = only === undefined ? [0, 1] : [only];
  const names = ['mem.used', 'mem.free', 'cpu.usage'];
  return recordOf({
    clientId: 'web-1',
    seq,
    series: names.map((name) => ({ name, unit: 'count', kind: 'float', labels: [] })),
    timesUnixNano: chosen.map((at) => times[at]!),
    values: Float64Array.from(names.flatMap((_, series) => chosen.map((at) => seq + series / 10 + at / 100))),
  });
}

/** Hundreds of requests each, on a machine that may be busy. */
vi.setConfig({ testTimeout: 60_000 });

const targets = await targetsHere();

describe.runIf(targets.length > 0).each(targets)('backfill, InfluxDB $version', ({ make }) => {
  it.each(['seed', 'telegraf', 'both'] as const)('writes everything to an empty target, schema %s', async (schema) => {
    const random = seeded(41);
    const target = await make({ schema });
    const { dir, sink } = await openFiles(undefined, 20_000);
    const records = Array.from({ length: 80 }, (_, at) => randomBatch(random, random.pick(clients), at, 20));
    await write(sink, ...records, records[5]!);
    // InfluxDB has seen these fields: all are floats.
    const names = ['cpu.usage', 'mem.used', 'diskio.read_bytes', 'plain'];
    const series = names.map((name) => ({ name, unit: '', kind: 'float' as const, labels: [] }));
    const values = Float64Array.from(names, () => 0);
    await target.write(recordOf({ clientId: 'web-9', seq: 1, series, timesUnixNano: [timeAt(-5)], values }));
    const { account, finished } = await run(dir, target, { onlyMissing: false, chunkLinesMax: 60 });
    expect(finished).toBe(true);
    expect(account).toEqual({
      ...emptyAccount(),
      read: pointsOf(records) + records[5]!.points,
      written: pointsOf(records),
      repeated: records[5]!.points,
    });
    expect(await equalNow(dir, target), `seed ${random.seed}`).toBe(true);
  });

  it('writes exactly what is missing, whole batches and single points, and then nothing more', async () => {
    for (const schema of ['seed', 'both'] as const) {
      const target = await make({ schema });
      const { dir, sink } = await openFiles();
      const records = Array.from({ length: 20 }, (_, at) => sweeps(at + 1));
      await write(sink, ...records);
      // Of every fifth batch one sweep is there, every fifth is not there at all, one point has another value.
      const there = records.flatMap((record, at) =>
        at % 5 === 0 ? [sweeps(at + 1, at % 2 === 0 ? 0 : 1)] : at % 5 === 1 ? [] : [record],
      );
      await target.write(...there);
      const other = sweeps(3, 0);
      new DataView(other.body.buffer, other.body.byteOffset).setFloat64(other.body.length - 24, 99, true);
      await target.write(other);
      const { account } = await run(dir, target, { chunkLinesMax: 30 });
      const missing = 4 * 3 + 4 * 6 + 1;
      expect(account).toEqual({ ...emptyAccount(), read: 120, written: missing, alreadyThere: 120 - missing });
      expect(await equalNow(dir, target)).toBe(true);
      expect((await run(dir, target)).account).toEqual({ ...emptyAccount(), read: 120, alreadyThere: 120 });
    }
  });

  it('counts beforehand what is older than the target keeps, and does not try it', async () => {
    const target = await make({ keep: { influxql: '2h', seconds: 7200 } });
    const { dir, sink } = await openFiles();
    const nowMinute = Math.floor(Date.now() / 60_000);
    const at = (minutesAgo: number) => sweeps(nowMinute - START_MINUTE - minutesAgo);
    await write(sink, at(300), at(200), at(100), at(50));
    let told = '';
    const { account, plan } = await run(dir, target, {
      onPlan(plan) {
        told = planText(plan, { from: dir, where: 'influx', schema: 'seed', onlyMissing: true, dryRun: false });
      },
    });
    expect(plan).toMatchObject({ tooOld: 12, toRead: 12, retentionMs: 7_200_000 });
    expect(told).toContain('keeps 2h: 12 lines are too old to be stored');
    expect(account).toEqual({ ...emptyAccount(), read: 24, written: 12, tooOld: 12 });
    expect(accountText(account, false)).toBe('read 24 = written 12 + already there 0 + too old 12 + unreadable 0');
  });

  it('only says what it would write, when asked to', async () => {
    const target = await make();
    const { dir, sink } = await openFiles();
    await write(sink, sweeps(1), sweeps(2));
    await target.write(sweeps(1, 0));
    const files = tempDir();
    const { account } = await run(dir, target, { dryRun: true, progressFile: progressFileIn(files) });
    expect(account).toEqual({ ...emptyAccount(), read: 12, written: 9, alreadyThere: 3 });
    expect(accountText(account, true)).toMatch(/^read 12 = to be written 9 \+ already there 3/);
    expect(await equalNow(dir, target)).toBe(false);
    expect(readdirSync(files)).toEqual([]);
  });

  it('keeps as dead letters, with client, epoch and seq, what the target will not take', async () => {
    const target = await make({ schema: 'telegraf' });
    const { dir, sink } = await openFiles();
    await write(sink, sweeps(1), sweeps(2));
    // Somebody has made mem.used whole numbers in this shard, and the files have fractions.
    const name = { name: 'mem.used', unit: 'count', kind: 'integer', labels: [] } as const;
    await target.write(
      recordOf({ clientId: 'web-9', seq: 1, series: [name], timesUnixNano: [timeAt(3)], values: Float64Array.of(5) }),
    );
    const deadLetterDir = tempDir();
    const report = await run(dir, target, { deadLetterDir });
    expect(report.account).toEqual({ ...emptyAccount(), read: 12, written: 10, rejected: 2 });
    const letters = readFileSync(join(deadLetterDir, 'dead-000001.jsonl'), 'utf8').trimEnd().split('\n');
    const parsed = letters.map(
      (letter) => JSON.parse(letter) as { client_id: string; epoch: number; seq: number; points: number },
    );
    expect(parsed.map(({ client_id, epoch, seq, points }) => [client_id, epoch, seq, points])).toEqual([
      ['web-1', 7, 1, 1],
      ['web-1', 7, 2, 1],
    ]);
    expect(reportText(report, { dryRun: false, deadLetterDir })).toContain(
      `they and its words are in ${deadLetterDir}`,
    );
  });

  it('asks the target what is a whole number, and does not guess where it cannot tell', async () => {
    const target = await make({ schema: 'telegraf' });
    const { dir, sink } = await openFiles();
    const series = [
      { name: 'processes.total', unit: 'count', kind: 'integer', labels: [] },
      { name: 'system.load1', unit: 'count', kind: 'float', labels: [] },
      { name: 'mem.total', unit: 'bytes', kind: 'integer', labels: [] },
    ] as const;
    const whole = (seq: number) =>
      recordOf({
        clientId: 'web-1',
        seq,
        series,
        timesUnixNano: [timeAt(seq)],
        values: Float64Array.of(seq, 0, 2 ** 40),
      });
    await write(sink, whole(1), whole(2));
    const first = await run(dir, target);
    expect(first.account).toEqual({ ...emptyAccount(), read: 6, written: 2, typeUnknown: 4 });
    expect(reportText(first, { dryRun: false, deadLetterDir: '' })).toMatch(
      /let the collector write to InfluxDB first/,
    );
    // What the agents' own points are is known as soon as one of them is there.
    await target.write(whole(30));
    expect((await run(dir, target)).account).toEqual({ ...emptyAccount(), read: 6, written: 4, alreadyThere: 2 });
    const types = await target.store.fieldTypes();
    expect([...types.values()].sort()).toEqual(['float', 'integer', 'integer']);
    expect(await equalNow(dir, target, { since: START_MINUTE, until: START_MINUTE + 20 })).toBe(true);
  });

  it('goes on where it was stopped: every point is written, and the account is of both runs', async () => {
    const random = seeded(42);
    const target = await make();
    const { dir, sink } = await openFiles();
    const records = Array.from({ length: 60 }, (_, at) => randomBatch(random, random.pick(clients), at, 20));
    await write(sink, ...records);
    appendFileSync(join(dir, 'metrics-000001.jsonl'), '{"timestamp":"2025-10-04T12:01:00.000Z","name":\nno json\n');
    await target.write(...records.slice(0, 10));
    const progressFile = progressFileIn(tempDir());
    const total = { ...emptyAccount(), read: pointsOf(records) + 2, unreadable: 2 };
    for (let runs = 1; ; runs++) {
      const stopping = new AbortController();
      let writes = 0;
      const resume = progressFile.load();
      const { account, finished } = await run(dir, target, {
        window: resume ?? ALL,
        resume,
        progressFile,
        chunkLinesMax: 40,
        signal: stopping.signal,
        interrupt() {
          if (++writes === 3) stopping.abort();
          return stopping.signal.aborted;
        },
      });
      if (finished) {
        expect(runs).toBeGreaterThan(2);
        expect(openIn(account)).toBe(0);
        expect({ ...account, written: 0, alreadyThere: 0 }).toEqual(total);
        expect(account.written + account.alreadyThere).toBe(pointsOf(records));
        break;
      }
      expect(progressFile.load()!.doneUntil).toBeGreaterThan(resume?.doneUntil ?? 0);
    }
    expect(progressFile.load()).toBeUndefined();
    expect(await equalNow(dir, target), `seed ${random.seed}`).toBe(true);
  });
});

describe.runIf(await available('influx1'))('backfill with a server of its own', () => {
  it('waits while InfluxDB is away, says so, and goes on by itself', async () => {
    const server = await startInflux1();
    const target = await influx1Target({ url: server.url });
    const { dir, sink } = await openFiles();
    const records = Array.from({ length: 30 }, (_, at) => sweeps(at + 1));
    await write(sink, ...records);
    let killed: Promise<void> | undefined;
    const whys = new Set<string>();
    const { account } = await run(dir, target, {
      chunkLinesMax: 30,
      onProgress({ pump, doneUntil }) {
        if (doneUntil > START_MINUTE + 10) killed ??= server.kill9();
        if (pump.why !== '' && whys.size === 0) void killed?.then(() => server.start());
        if (pump.why !== '') whys.add(pump.why);
      },
    });
    expect([...whys].join()).toContain(server.url);
    expect(account.written + account.alreadyThere).toBe(pointsOf(records));
    expect(openIn(account)).toBe(0);
    expect(await equalNow(dir, target)).toBe(true);
    await server.stop();
  });

  it('takes the lines of the seed, whose client is named on the command line', async () => {
    const target = await influx1Target();
    const dir = tempDir();
    for (let at = 0; at < 50; at++)
      appendFileSync(
        join(dir, 'metrics.jsonl'),
        `{"timestamp":"2025-10-04T12:00:${String(at).padStart(2, '0')}.123Z","name":"cpu_usage","value":${at / 3}}\n`,
      );
    const reader = createJsonlReader({ path: dir, window: ALL, bareClientId: 'old-server' });
    expect((await run(dir, target, { reader })).account).toEqual({ ...emptyAccount(), read: 50, written: 50 });
    const names: string[] = [];
    await target.store.cells(WINDOW, { naming: 'seed', measurements: new Set() }, (key) => names.push(key));
    expect(names).toEqual(['["server_metrics","value",[["host","old-server"],["metric_name","cpu_usage"]]]']);
  });
});
