/**
 * Faults of InfluxDB under load, with the real programs and servers: every point that a client was told yes to is in
 * InfluxDB once it is back, directly from the journal and through Kafka, and the files never wait for it.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type CollectorApp, type Config, startCollector, startForwarder } from '../app.ts';
import {
  available,
  type Influx1,
  kafkaAdmin,
  queryInflux1,
  sharedKafka,
  startInflux1,
  startKafka,
} from '../services/index.ts';
import { type Fleet, startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { collectorWith, createDatabase, recoveryMs, sinkOf, testDir, until } from './sinks.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

const DB = 'metrics';
const RECOVERY_MS_MAX = 5000;
const PAUSE_MS = 5000;

async function influxWithDatabase(): Promise<Influx1> {
  const influx = await startInflux1();
  await createDatabase({ url: influx.url, db: DB });
  return influx;
}

async function checkPoints(influx: Influx1, fleet: Fleet): Promise<void> {
  const found = await influxLedger({ url: influx.url, db: DB }, epochsOf(fleet.sent.keys()));
  const { stored, ...faults } = reconcile(found, fleet.sent, fleet.acked);
  expect(faults).toEqual({ lost: [], repeated: [], invented: [] });
  expect(stored).toBe(fleet.acked.size);
}

describe.runIf(await available('influx1'))('InfluxDB under a collector', () => {
  test('killed, then stopped for a while: each point is there once, and the files never waited', {
    timeout: 90_000,
  }, async () => {
    const influx = await influxWithDatabase();
    const dir = testDir('influx-faults');
    const influxdb = { url: influx.url, database: DB, timeout: '2s' };
    const collector = await startCollector({ dir, config: collectorWith(dir, { influxdb }) });
    const fleet = startFleet({ clients: 12, url: collector.url, pauseMs: 10 });
    await until(async () => (await sinkOf(collector, 'influxdb')).points_stored > 0);

    await influx.kill9();
    await until(async () => (await sinkOf(collector, 'influxdb')).state === 'retrying');
    const { points_stored: before } = await sinkOf(collector, 'jsonl');
    await until(async () => (await sinkOf(collector, 'jsonl')).points_stored > before);
    await influx.start();
    expect(await recoveryMs(collector, 'influxdb')).toBeLessThan(RECOVERY_MS_MAX);

    influx.pause();
    await delay(PAUSE_MS);
    expect(await sinkOf(collector, 'influxdb')).toMatchObject({ state: 'retrying' });
    influx.resume();
    expect(await recoveryMs(collector, 'influxdb')).toBeLessThan(RECOVERY_MS_MAX);

    await fleet.finish();
    await until(async () => (await sinkOf(collector, 'influxdb')).lag_points === 0);
    expect(await collector.stop(), collector.lastWords()).toMatchObject({ code: 0 });
    await checkPoints(influx, fleet);
    const files = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
    expect(files).toEqual({ lost: [], repeated: [], invented: [], stored: fleet.acked.size });
  });
});

describe.runIf(await available('influx1', 'kafka'))('a sink that is away', () => {
  test('leaves the others their rate, within 5 %', { timeout: 90_000 }, async () => {
    const [influx, kafka] = await Promise.all([influxWithDatabase(), startKafka()]);
    await kafkaAdmin(kafka.brokers).createTopic({ topic: 'metrics-raw', partitions: 12 });
    const dir = testDir('rates');
    const sinks = {
      kafka: { brokers: kafka.brokers },
      influxdb: { url: influx.url, database: DB, timeout: '2s' },
    };
    const collector = await startCollector({ dir, config: collectorWith(dir, sinks) });
    // Paced, so that the rate is the clients' and not what the machine has to spare.
    const fleet = startFleet({ clients: 24, url: collector.url, pauseMs: 200 });
    await until(async () => (await sinkOf(collector, 'influxdb')).points_stored > 0);
    const [files, topic] = await ratesOf(collector, ['jsonl', 'kafka']);
    influx.pause();
    await until(async () => (await sinkOf(collector, 'influxdb')).state === 'retrying');
    const [filesAway, topicAway] = await ratesOf(collector, ['jsonl', 'kafka']);
    influx.resume();
    expect((filesAway ?? 0) / (files ?? 0)).toBeGreaterThan(0.95);
    expect((topicAway ?? 0) / (topic ?? 0)).toBeGreaterThan(0.95);
    await fleet.finish();
    await collector.stop();
  });
});

/** Points a second that the sinks stored over ten seconds. */
async function ratesOf(collector: CollectorApp, names: string[]): Promise<number[]> {
  const read = () => Promise.all(names.map(async (name) => (await sinkOf(collector, name)).points_stored));
  const [before, sinceMs] = [await read(), performance.now()];
  await delay(10_000);
  const [after, seconds] = [await read(), (performance.now() - sinceMs) / 1000];
  return after.map((points, at) => (points - (before[at] ?? 0)) / seconds);
}

describe.runIf(await available('influx1', 'sharedKafka'))(
  'the whole way: clients, collector, Kafka, forwarder, InfluxDB',
  () => {
    test('with a forwarder killed twice, each acknowledged point is in InfluxDB once', {
      timeout: 120_000,
    }, async () => {
      const influx = await influxWithDatabase();
      const { brokers } = await sharedKafka();
      const dir = testDir('whole-way');
      const topic = `whole-way-${process.pid}`;
      for (const name of [topic, `${topic}-dead`])
        await kafkaAdmin(brokers).createTopic({ topic: name, partitions: 12 });
      const sinks: Config = {
        kafka: { brokers, topic, dead_letter_topic: `${topic}-dead` },
        influxdb: { url: influx.url, database: DB, from: 'kafka' },
      };
      const collector = await startCollector({ dir, config: collectorWith(dir, sinks) });
      const forward = { dir, config: { sinks: { ...sinks, jsonl: { enabled: false } }, forward: { group: topic } } };
      let forwarder = await startForwarder(forward);
      const fleet = startFleet({ clients: 12, url: collector.url, pauseMs: 10 });
      for (let kill = 0; kill < 2; kill++) {
        await until(async () => (await sinkOf(forwarder, 'influxdb')).points_stored > 0);
        await forwarder.kill9();
        forwarder = await startForwarder(forward);
      }
      await fleet.finish();
      await until(async () => (await sinkOf(collector, 'kafka')).lag_points === 0);
      const expected = [...fleet.sent.values()].reduce((sum, points) => sum + points, 0);
      const count = 'SELECT count("value") FROM "7_days"."server_metrics"';
      await until(async () => {
        const [series] = await queryInflux1({ url: influx.url, db: DB, query: count });
        return Number(series?.values[0]?.[1] ?? 0) >= expected;
      });
      expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
      expect(await collector.stop(), collector.lastWords()).toMatchObject({ code: 0 });
      await checkPoints(influx, fleet);
    });
  },
);
