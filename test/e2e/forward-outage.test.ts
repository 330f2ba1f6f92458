/** A forwarder whose InfluxDB, and whose brokers, are away for longer than a session of its consumer group lasts. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { describe, expect, test } from 'vitest';
import type { App } from '../app.ts';
import { available, queryInflux1, sharedKafka, startInflux1, startKafka } from '../services/index.ts';
import { createWorld, figuresOf, PARTITIONS, type World } from './forward-kit.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { until } from './sinks.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

/** The consumer's session timeout is 10 s. */
const AWAY_MS = 12_000;
const RECOVERY_MS_MAX = 5000;
const HELD_BYTES_MAX = 16 * 1024 * 1024;
const MiB = 1024 * 1024;

const residentBytes = ({ pid }: App): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** A batch of some 45 KB that is few points: what counts here are bytes. */
function largeBody(partition: number): Uint8Array {
  const pad = (index: number): string => `${index}-`.padEnd(900, 'x');
  return encodeBatch({
    clientId: `large-${partition}`,
    epoch: 1,
    seq: 1,
    schemaVersion: 1,
    agentVersion: 'test',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource: [],
    series: Array.from({ length: 50 }, (_, at) => ({
      name: 'large.value',
      unit: '',
      kind: 'float',
      labels: [['pad', pad(at)]],
    })),
    timesUnixNano: [BigInt(Date.now()) * 1_000_000n],
    values: new Float64Array(50).fill(1),
  });
}

/** Some 100 MiB over all partitions. */
async function flood(world: World): Promise<number> {
  const messages = 200;
  let bytes = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const value = largeBody(partition);
    bytes += messages * value.length;
    for (let sent = 0; sent < messages; sent += 20)
      await world.put(
        partition,
        Array.from({ length: 20 }, () => ({ key: `large-${partition}`, value })),
      );
  }
  return bytes;
}

/** The points of the floods are there, and out of the ledger's way afterwards. */
async function checkFloods(floods: number, { url, db }: { url: string; db: string }): Promise<void> {
  const where = `"server_metrics" WHERE "metric_name" = 'large.value'`;
  const [counted] = await queryInflux1({ url, db, query: `SELECT count("value") FROM "7_days".${where}` });
  expect(Number(counted?.values[0]?.[1])).toBe(floods * PARTITIONS * 50);
  await queryInflux1({ url, db, query: `DROP SERIES FROM ${where}` });
}

async function storedAgainMs(app: App, sink: 'influxdb' | 'jsonl'): Promise<number> {
  const since = performance.now();
  const { points_stored: before } = await figuresOf(app, sink);
  await until(async () => (await figuresOf(app, sink)).points_stored > before);
  return performance.now() - since;
}

describe.runIf(await available('sharedKafka', 'influx1', 'kafka'))('a forwarder', () => {
  test('outlasts an InfluxDB that is away: it stays a member, holds little, feeds its files, and goes on at once', {
    timeout: 120_000,
  }, async () => {
    const [{ brokers }, influx] = await Promise.all([sharedKafka(), startInflux1()]);
    const world = await createWorld({ name: 'forward-away', brokers, influxUrl: influx.url, compression: 'none' });
    const forwarder = await world.start('one', { jsonl: true });
    await world.feed({ clients: 30, batches: 10 });
    await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);

    await influx.kill9();
    const sinceMs = performance.now();
    await world.feed({ clients: 30, batches: 10 });
    const flooded = await flood(world);
    await world.passed('jsonl');
    const residentAfterOne = residentBytes(forwarder);
    await flood(world);
    await world.passed('jsonl');
    // What the files' side has in hand comes and goes; what waits for InfluxDB would stay.
    expect(residentBytes(forwarder) - residentAfterOne).toBeLessThan(flooded / 2);
    await until(() => performance.now() - sinceMs > AWAY_MS);
    const away = await figuresOf(forwarder, 'influxdb');
    expect(away).toMatchObject({ state: 'retrying', joined: true, rebalances: 0, uncommitted_messages: 0 });
    expect(away.lag_messages).toBeGreaterThan(4000);
    expect(away.lag_seconds).toBeGreaterThan(AWAY_MS / 1000 - 5);
    // One fetch beside the bound.
    expect(away.held_bytes).toBeLessThan(HELD_BYTES_MAX + 4 * MiB);
    expect(away.held_bytes).toBeLessThan(flooded / 4);

    await influx.start();
    expect(await storedAgainMs(forwarder, 'influxdb')).toBeLessThan(RECOVERY_MS_MAX);
    await world.passed('influxdb');
    expect(await figuresOf(forwarder, 'influxdb')).toMatchObject({ rebalances: 0, uncommitted_messages: 0 });
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });

    await checkFloods(2, { url: influx.url, db: world.db });
    const sent = new Set(world.sent.keys());
    const expected = { lost: [], repeated: [], invented: [], stored: sent.size };
    const found = await influxLedger({ url: influx.url, db: world.db }, epochsOf(sent));
    expect(reconcile(found, world.sent, sent)).toEqual(expected);
  });

  test('outlasts brokers that are all away, and goes on at once', { timeout: 120_000 }, async () => {
    const [kafka, influx] = await Promise.all([startKafka(), startInflux1()]);
    const world = await createWorld({ name: 'forward-brokers', brokers: kafka.brokers, influxUrl: influx.url });
    const forwarder = await world.start('one', { jsonl: true });
    await world.feed({ clients: 30, batches: 20 });
    await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);
    for (const awayMs of [500, AWAY_MS]) {
      await kafka.kill9();
      await delay(awayMs);
      await kafka.start();
      await world.feed({ clients: 30, batches: 5 });
      expect(await storedAgainMs(forwarder, 'influxdb')).toBeLessThan(RECOVERY_MS_MAX);
      await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);
    }
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
    const sent = new Set(world.sent.keys());
    const expected = { lost: [], repeated: [], invented: [], stored: sent.size };
    const found = await influxLedger({ url: influx.url, db: world.db }, epochsOf(sent));
    expect(reconcile(found, world.sent, sent)).toEqual(expected);
    const files = reconcile(linesByTriple(world.jsonlDir('one')), world.sent, sent);
    expect({ ...files, repeated: [] }).toEqual(expected);
  });
});
