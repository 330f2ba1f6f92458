/** Stopping a forwarder when what it stands on is not there: it leaves in time, and gives back what it could not store. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startForwarder } from '../app.ts';
import { available, kafkaAdmin, sharedInflux1, sharedKafka } from '../services/index.ts';
import { createWorld, figuresOf } from './forward-kit.ts';
import { reconcile } from './ledger.ts';
import { testDir, until } from './sinks.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

/** Of the stop: 10 s for what is in flight, 5 s for leaving the group. */
const STOP_MS_MAX = 20_000;
/** Nothing listens there. */
const NOBODY = '127.0.0.1:1';

test('without a broker it starts, says that it is not ready, and stops at once', { timeout: 60_000 }, async () => {
  const dir = testDir('forward-alone');
  const config = {
    sinks: { kafka: { brokers: [NOBODY] } },
    forward: { jsonl: { enabled: true, dir: join(dir, 'points') } },
  };
  const forwarder = await startForwarder({ dir, config });
  expect(await figuresOf(forwarder, 'jsonl')).toMatchObject({ joined: false, partitions: [] });
  const ready = await fetch(`${forwarder.admin}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toEqual({
    ready: false,
    reasons: [expect.stringContaining('no member of the consumer group')],
  });
  const since = performance.now();
  expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
  expect(performance.now() - since).toBeLessThan(STOP_MS_MAX);
});

describe.runIf(await available('sharedKafka', 'sharedInflux1', 'kafka'))('a forwarder', () => {
  test('asked to stop while InfluxDB is away leaves in time and commits nothing', { timeout: 90_000 }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const world = await createWorld({ name: 'forward-stop', brokers, influxUrl: url });
    await world.feed({ clients: 30, batches: 10 });
    const kafka = { brokers, topic: world.topic, dead_letter_topic: world.deadLetterTopic };
    const away = { url: `http://${NOBODY}`, database: world.db, from: 'kafka' };
    const config = { sinks: { kafka, influxdb: away }, forward: { group: world.group } };
    const forwarder = await startForwarder({ dir: join(world.dir, 'away'), config });
    await until(async () => (await figuresOf(forwarder, 'influxdb')).state === 'retrying');
    const since = performance.now();
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
    expect(performance.now() - since).toBeLessThan(STOP_MS_MAX);

    const group = `${world.group}-influxdb`;
    const rows = await kafkaAdmin(brokers)
      .describeGroup(group)
      .catch(() => []);
    expect(rows.filter(({ committed }) => committed > 0)).toEqual([]);
    expect(rows.filter(({ member }) => member !== '')).toEqual([]);
    const next = await world.start('next');
    await world.passed('influxdb');
    await next.stop();
    const sent = new Set(world.sent.keys());
    const found = await influxLedger({ url, db: world.db }, epochsOf(sent));
    expect(reconcile(found, world.sent, sent)).toEqual({ lost: [], repeated: [], invented: [], stored: sent.size });
  });
});
