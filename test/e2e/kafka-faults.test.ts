/**
 * Faults of Kafka under load, with the real programs and brokers: every batch that a client was told yes to is in the
 * topic, whatever the brokers went through, and nothing else of the collector is held up.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startCollector } from '../app.ts';
import { available, kafkaAdmin, startKafka } from '../services/index.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { collectorWith, recoveryMs, sinkOf, testDir, until } from './sinks.ts';
import { topicLedger } from './topic-ledger.ts';

const TOPIC = 'metrics-raw';
const PARTITIONS = 12;
const RECOVERY_MS_MAX = 5000;
/** Batches that clients get through while no broker is there. */
const SERVED_MIN = 200;
/** Of a batch of clients.ts. */
const BATCH_BYTES_MIN = 200;

async function startPipeline(name: string, brokers: string[], kafka: object = {}) {
  const dir = testDir(name);
  await kafkaAdmin(brokers).createTopic({ topic: TOPIC, partitions: PARTITIONS });
  const collector = await startCollector({ dir, config: collectorWith(dir, { kafka: { brokers, ...kafka } }) });
  const fleet = startFleet({ clients: 24, url: collector.url, pauseMs: 10 });

  /** Ends the load, waits for the topic, and holds it and the files against what was sent. */
  async function checkTopicAndFiles() {
    await fleet.finish();
    await until(async () => (await sinkOf(collector, 'kafka')).lag_points === 0);
    const status = await sinkOf(collector, 'kafka');
    const end = await collector.stop();
    expect(end, collector.lastWords()).toMatchObject({ code: 0 });
    const topic = await topicLedger(brokers, TOPIC);
    const { stored, ...faults } = reconcile(topic.points, fleet.sent, fleet.acked);
    expect(faults).toEqual({ lost: [], repeated: [], invented: [] });
    expect(stored).toBe(fleet.acked.size);
    expect(status).toMatchObject({ points_dead: 0, points_dropped: 0 });
    const files = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
    expect(files).toEqual({ lost: [], repeated: [], invented: [], stored: fleet.acked.size });
    return topic;
  }
  return { collector, fleet, checkTopicAndFiles };
}

describe.runIf(await available('kafka'))('Kafka under a collector', () => {
  test('a broker killed and started again: every acknowledged batch is in the topic', { timeout: 60_000 }, async () => {
    const kafka = await startKafka();
    const { collector, fleet, checkTopicAndFiles } = await startPipeline('broker-kill', kafka.brokers);
    await until(async () => (await sinkOf(collector, 'kafka')).points_stored > 0);
    for (let kill = 0; kill < 2; kill++) {
      await kafka.kill9();
      const acked = fleet.acked.size;
      // Clients are served while Kafka is away.
      await until(() => fleet.acked.size > acked + SERVED_MIN);
      await kafka.start();
      expect(await recoveryMs(collector, 'kafka')).toBeLessThan(RECOVERY_MS_MAX);
    }
    const topic = await checkTopicAndFiles();
    expect(topic.messages).toBe(topic.points.size + topic.repeated);
  });

  test('away for longer than all memory between: the journal keeps what the topic gets later', {
    timeout: 90_000,
  }, async () => {
    const kafka = await startKafka();
    const inFlight = 1024 * 1024;
    const { collector, fleet, checkTopicAndFiles } = await startPipeline('all-away', kafka.brokers, {
      in_flight: '1MiB',
    });
    await until(async () => (await sinkOf(collector, 'kafka')).points_stored > 0);
    const before = await rateOf(collector);
    await kafka.kill9();
    const ackedBefore = fleet.acked.size;
    const away = await rateOf(collector);
    await until(() => (fleet.acked.size - ackedBefore) * BATCH_BYTES_MIN > 3 * inFlight);
    expect(away, 'the files go on as before').toBeGreaterThan(before * 0.5);
    await kafka.start();
    expect(await recoveryMs(collector, 'kafka')).toBeLessThan(RECOVERY_MS_MAX);
    await checkTopicAndFiles();
  });

  test('three brokers and a leader killed: its partitions move, nothing is missing', { timeout: 120_000 }, async () => {
    const kafka = await startKafka({ nodes: 3 });
    const { collector, checkTopicAndFiles } = await startPipeline('leader-kill', kafka.brokers);
    await until(async () => (await sinkOf(collector, 'kafka')).points_stored > 0);
    await kafka.kill9(2);
    await until(async () => {
      const partitions = await kafkaAdmin([kafka.brokers[0] ?? '']).describeTopic(TOPIC);
      return partitions.every(({ leader }) => leader !== 2 && leader !== 0);
    });
    await kafka.start(2);
    await until(async () => (await sinkOf(collector, 'kafka')).state !== 'retrying');
    await checkTopicAndFiles();
  });
});

/** JSONL points a second, over three seconds. */
async function rateOf(collector: Parameters<typeof sinkOf>[0]): Promise<number> {
  const from = await sinkOf(collector, 'jsonl');
  await delay(3000);
  const to = await sinkOf(collector, 'jsonl');
  return (to.points_stored - from.points_stored) / 3;
}
