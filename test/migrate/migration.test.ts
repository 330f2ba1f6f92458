/**
 * docs/MIGRATION.md from end to end with the real programs and a real InfluxDB: dual write, a hole, verify, backfill,
 * verify, cut over. Each command of the document is run here, and what it prints has the form shown there.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { describe, expect, test } from 'vitest';
import { type CollectorApp, startAgent, startCollector } from '../app.ts';
import { type SinkFigures, sinkOf, testDir, until } from '../e2e/sinks.ts';
import { available, queryInflux1, startInflux1 } from '../services/index.ts';
import { type CommandEnd, runCommand, startCommand } from './command.ts';

const BULK_BATCHES = 40;
const BULK_SERIES = ['usage_user', 'usage_system'].flatMap((field) =>
  Array.from({ length: 8 }, (_, cpu) => ({
    name: `cpu.${field}`,
    unit: 'percent',
    kind: 'float' as const,
    labels: [['cpu', `cpu${cpu}`]] as [string, string][],
  })),
);
/** Of which all but the first have no points: a batch takes 800 KB of the journal. */
const BULK_SWEEPS = 4000;

/** Waits until a sink has passed everything that the journal holds. */
async function caughtUp(collector: CollectorApp, name: string): Promise<SinkFigures> {
  let sink = await sinkOf(collector, name);
  await until(async () => {
    sink = await sinkOf(collector, name);
    return sink.lag_points === 0 && sink.points_stored > 0;
  });
  return sink;
}

/** An agent samples this host for some sweeps and is stopped; all it sampled is with the collector then. */
async function sampleFor(collector: CollectorApp, dir: string, points: number): Promise<void> {
  const before = (await sinkOf(collector, 'jsonl')).points_stored;
  const agent = await startAgent({ dir, config: { collector: { url: collector.url } } });
  await until(async () => (await sinkOf(collector, 'jsonl')).points_stored >= before + points);
  expect(await agent.stop(), agent.lastWords()).toMatchObject({ code: 0 });
}

/** Batches of a client that a small journal does not hold, every 10 s of some minutes an hour ago. */
async function sendBulk(url: string): Promise<void> {
  const clientId = 'web-1';
  const epoch = Date.now() * 1024;
  const beginMs = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
  for (let seq = 1; seq <= BULK_BATCHES; seq++) {
    const timeUnixNano = BigInt(beginMs + (seq - 1) * 10_000) * 1_000_000n;
    const values = new Float64Array(BULK_SERIES.length * BULK_SWEEPS).fill(Number.NaN);
    for (const at of BULK_SERIES.keys()) values[at * BULK_SWEEPS] = seq + at / 4;
    const body = encodeBatch({
      clientId,
      epoch,
      seq,
      schemaVersion: 1,
      agentVersion: 'test',
      configHash: 0n,
      pointsSampledTotal: seq * BULK_SERIES.length,
      droppedTotal: [],
      resource: [['host', clientId]],
      series: BULK_SERIES,
      timesUnixNano: Array.from({ length: BULK_SWEEPS }, (_, at) => timeUnixNano + BigInt(at)),
      values,
    });
    const headers = { 'content-type': 'application/x-protobuf', 'client-id': clientId, 'oldest-seq': String(seq) };
    await until(async () => {
      const answer = await fetch(`${url}/v1/batches`, { method: 'POST', headers, body });
      const { status } = answer;
      if (status !== 200 && status !== 429 && status !== 503) throw new Error(`${status}: ${await answer.text()}`);
      return status === 200;
    });
  }
}

/** What a command prints, numbers and the width of columns aside. Rows of the table of minutes begin with a number. */
function shapesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/\d[\d,.TZ:+e-]*/g, '#')
        .replaceAll(/ {2,}/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '' && !line.startsWith('#'));
}

const minuteText = (unixMs: number): string => `${new Date(unixMs).toISOString().slice(0, 16)}Z`;

/** A collector that writes to both, as the document's first step has it, and the commands of the others. */
async function startStage() {
  const dir = testDir('migration');
  const influxdb = await startInflux1();
  const { url } = influxdb;
  const config = {
    journal: { max_bytes: '16MiB', segment: '2MiB' },
    limits: { decompressed: '1MiB' },
    sinks: { jsonl: { dir: join(dir, 'points') }, influxdb: { url, database: 'metrics' } },
  };
  writeFileSync(join(dir, 'collector.yaml'), JSON.stringify(config));
  const made = await runCommand('setup', 'influxdb', '-c', join(dir, 'collector.yaml'));
  expect(made, made.err).toMatchObject({ code: 0, out: expect.stringContaining('3 changes made') });
  const collector = await startCollector({ dir, config });
  const ends = ['--from', `jsonl:${join(dir, 'points')}`, '--to', 'influxdb', '-c', join(dir, 'collector.yaml')];
  // Up to now and beyond, since a test does not wait until its points are a minute old.
  const window = ['--since', '2h', '--until', minuteText(Date.now() + 600_000)];
  return {
    dir,
    influxdb,
    config,
    collector,
    verify: (...more: string[]) => runCommand('verify', ...ends, ...window, ...more),
    backfill: (...more: string[]) => startCommand(['backfill', ...ends, '--only-missing', ...window, ...more]),
  };
}

type Stage = Awaited<ReturnType<typeof startStage>>;

/** InfluxDB is away for longer than the journal lasts. @returns how many points it lacks now. */
async function makeHole({ influxdb, collector, dir, verify }: Stage): Promise<{ away: CommandEnd; dropped: number }> {
  await influxdb.kill9();
  const away = await verify();
  expect(away).toMatchObject({ code: 69, out: '', err: expect.stringContaining('ECONNREFUSED') });
  await sendBulk(collector.url);
  await sampleFor(collector, dir, 300);
  await caughtUp(collector, 'jsonl');
  await influxdb.start();
  const { points_dropped: dropped } = await caughtUp(collector, 'influxdb');
  expect(dropped).toBeGreaterThan(BULK_SERIES.length * 6);
  return { away, dropped };
}

async function findHole({ verify }: Stage, dropped: number): Promise<CommandEnd> {
  const hole = await verify();
  expect(hole, hole.err).toMatchObject({ code: 1 });
  expect(hole.out).toContain(`${dropped.toLocaleString('en-US')} points missing`);
  const json = JSON.parse((await verify('--json')).out) as { equal: boolean; totals: object };
  expect(json).toMatchObject({ equal: false, totals: { pointsMissing: dropped, onlyInInfluxdb: 0 } });
  return hole;
}

async function fillHole({ backfill }: Stage, dropped: number): Promise<CommandEnd[]> {
  const dry = await backfill('--dry-run').ended;
  expect(dry, dry.err).toMatchObject({ code: 0 });
  expect(dry.out).toContain(`to be written ${dropped.toLocaleString('en-US')} `);
  // Killed at some moment of its work; on a busy machine that may be its last.
  const killed = backfill();
  await killed.said('write     what InfluxDB lacks');
  killed.kill9();
  expect([null, 0]).toContain((await killed.ended).code);
  const filled = await backfill().ended;
  expect(filled, filled.err).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^read [\d,]+ = written [\d,]+ \+ /),
  });
  expect(filled.out).not.toContain('not done yet');
  return [dry, filled];
}

/** web-1 counts up by one every 10 s. */
async function checkMeans(url: string): Promise<void> {
  const means = await queryInflux1({
    url,
    db: 'metrics',
    query: `SELECT value FROM "90_days"."server_metrics" WHERE host = 'web-1' AND metric_name = 'cpu.usage_user' AND cpu = 'cpu0'`,
  });
  const byMinute = Array.from({ length: Math.ceil(BULK_BATCHES / 6) }, (_, minute) => {
    const first = minute * 6 + 1;
    return (first + Math.min(first + 5, BULK_BATCHES)) / 2;
  });
  expect(means.flatMap(({ values }) => values.map(([, mean]) => mean))).toEqual(byMinute);
}

/** Files no longer grow, InfluxDB does. */
async function cutOver({ dir, config, collector: before }: Stage): Promise<void> {
  await before.stop();
  const lines = readdirSync(join(dir, 'points')).map((name) => statSync(join(dir, 'points', name)).size);
  const jsonl = { ...config.sinks.jsonl, enabled: false };
  const collector = await startCollector({ dir, config: { ...config, sinks: { ...config.sinks, jsonl } } });
  const stored = (await sinkOf(collector, 'influxdb')).points_stored;
  const agent = await startAgent({ dir, config: { collector: { url: collector.url } } });
  await until(async () => (await sinkOf(collector, 'influxdb')).points_stored > stored);
  await agent.stop();
  await caughtUp(collector, 'influxdb');
  expect(await collector.stop(), collector.lastWords()).toMatchObject({ code: 0 });
  expect(readdirSync(join(dir, 'points')).map((name) => statSync(join(dir, 'points', name)).size)).toEqual(lines);
}

describe.runIf(await available('influx1'))('the migration', () => {
  test('goes as docs/MIGRATION.md says: dual write, a hole, verify, backfill, verify, cut over', {
    timeout: 180_000,
  }, async () => {
    const stage = await startStage();
    await sampleFor(stage.collector, stage.dir, 300);
    await caughtUp(stage.collector, 'influxdb');
    const dual = await stage.verify();
    expect(dual, dual.err).toMatchObject({ code: 0, out: expect.stringMatching(/\nequal: [\d,]+ series minutes\n$/) });

    const { away, dropped } = await makeHole(stage);
    const hole = await findHole(stage, dropped);
    const filled = await fillHole(stage, dropped);
    const clean = await stage.verify();
    expect(clean, clean.out).toMatchObject({ code: 0 });
    await checkMeans(stage.influxdb.url);
    await cutOver(stage);
    await stage.influxdb.stop();

    const doc = readFileSync(new URL('../../docs/MIGRATION.md', import.meta.url), 'utf8');
    const shown = new Set(shapesOf(doc));
    for (const { out, err } of [dual, away, hole, ...filled, clean]) {
      const printed = (out + err).replaceAll(stage.dir, '/var/lib/metricstream');
      expect(shapesOf(printed).filter((line) => !shown.has(line))).toEqual([]);
    }
  });
});
