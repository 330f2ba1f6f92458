/**
 * How old a point is when InfluxDB first answers with it, having gone the whole way: client, collector, Kafka, forwarder,
 * InfluxDB, all real programs at their defaults. Owns the clients' pace and the looking; a look costs some milliseconds,
 * which count as age.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Program, startProgram } from '../../../install/local/program.ts';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { startFleet } from '../../../test/e2e/clients.ts';
import { endServers, kafkaAdmin, queryInflux1, startInflux1, startKafka } from '../../../test/services/index.ts';

const CLIENTS = 20;
const PAUSE_MS = 1000;
const RUN_MS = 60_000;
const RUN_QUICK_MS = 6000;
const LOOK_EVERY_MS = 10;
const DB = 'metrics';
const ENTRY = 'packages/collector/src/main.ts';
const NEWEST = `SELECT last("value") FROM "7_days"."server_metrics" WHERE "metric_name" = 'test.value0' GROUP BY "host"`;

export const bench: Bench = {
  name: 'freshness',
  title: `age of a point when InfluxDB first answers with it, through Kafka; ${CLIENTS} clients, a batch a second each`,
  async run(options) {
    try {
      return await run(options);
    } finally {
      await endServers();
    }
  },
};

async function run({ quick, progress }: BenchOptions): Promise<BenchRow[]> {
  progress('starting Kafka, InfluxDB, a collector and a forwarder');
  const [kafka, influx] = await Promise.all([startKafka(), startInflux1()]);
  for (const topic of ['metrics-raw', 'metrics-dead'])
    await kafkaAdmin(kafka.brokers).createTopic({ topic, partitions: 12 });
  const make = `CREATE DATABASE "${DB}"; CREATE RETENTION POLICY "7_days" ON "${DB}" DURATION 7d REPLICATION 1 DEFAULT`;
  await queryInflux1({ url: influx.url, query: make });
  const dir = mkdtempSync(join(tmpdir(), 'ms-freshness-'));
  const programs = await startPrograms(dir, kafka.brokers, influx.url);
  try {
    const fleet = startFleet({ clients: CLIENTS, url: programs.url, pauseMs: PAUSE_MS });
    progress('looking');
    const agesMs = await look(influx.url, quick ? RUN_QUICK_MS : RUN_MS);
    await fleet.finish();
    return rowsOf(agesMs);
  } finally {
    for (const program of programs.all) await program.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function startPrograms(dir: string, brokers: string[], url: string): Promise<{ url: string; all: Program[] }> {
  const config = {
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    state_dir: join(dir, 'state'),
    sinks: { kafka: { brokers }, influxdb: { url, database: DB, from: 'kafka' } },
    forward: { admin: { listen: '127.0.0.1:0' } },
  };
  const file = join(dir, 'collector.yaml');
  writeFileSync(file, JSON.stringify(config));
  const start = (verb: string): Program => startProgram({ name: verb, entry: ENTRY, args: [verb, '-c', file] });
  const [collector, forwarder] = [start('run'), start('forward')];
  const [{ address }] = await Promise.all([collector.waitForLog('listening'), forwarder.waitForLog('admin listening')]);
  return { url: `http://${String(address)}`, all: [collector, forwarder] };
}

/** Asks for every host's newest point again and again. @returns the age of each point when it was first seen, in ms. */
async function look(url: string, forMs: number): Promise<number[]> {
  const seen = new Map<string, string>();
  const agesMs: number[] = [];
  for (const endMs = performance.now() + forMs; performance.now() < endMs; await delay(LOOK_EVERY_MS)) {
    for (const { tags, values } of await queryInflux1({ url, db: DB, query: NEWEST })) {
      const [time, host] = [String(values[0]?.[0]), tags?.['host'] ?? ''];
      if (seen.get(host) === time) continue;
      // A host's first point may have waited for the group to form.
      if (seen.has(host)) agesMs.push(Date.now() - Number(BigInt(time) / 1_000_000n));
      seen.set(host, time);
    }
  }
  return agesMs.toSorted((a, b) => a - b);
}

function rowsOf(agesMs: number[]): BenchRow[] {
  const at = (part: number): number =>
    agesMs[Math.min(agesMs.length - 1, Math.floor(agesMs.length * part))] ?? Number.NaN;
  const note = `${agesMs.length} points seen, oldest ${Math.round(at(1))} ms`;
  return [
    { what: 'age when first queryable, p50', value: at(0.5) / 1000, unit: 's', note },
    { what: 'age when first queryable, p99', value: at(0.99) / 1000, unit: 's', hold: { op: '<=', value: 2 } },
  ];
}
