/** Members of the group that come and go all the time: nothing is missing, nothing is committed for others. */
import { openKafkaConsumer } from '@metricstream/collector/sources/kafka/kafkajs-consumer.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { available, sharedInflux1, sharedKafka } from '../services/index.ts';
import { createWorld, figuresOf, type World } from './forward-kit.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

const JOINS = 10;

/** Joins a group, takes something of its share, and leaves again without having stored it. */
async function passBy({ brokers, group, topic }: World, sink: string): Promise<void> {
  const consumer = openKafkaConsumer({
    connection: { brokers, sasl: undefined, tls: undefined },
    group: `${group}-${sink}`,
    topic,
    log: silentLog,
  });
  await consumer.take(new AbortController().signal);
  await consumer.close();
}

describe.runIf(await available('sharedKafka', 'sharedInflux1', 'kafka'))('a rebalance storm', () => {
  test(`with ${JOINS} members that join and leave loses nothing`, { timeout: 150_000 }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const world = await createWorld({ name: 'forward-storm', brokers, influxUrl: url });
    const random = seeded(91);
    const names = ['one', 'two'];
    const forwarders = await Promise.all(names.map((name) => world.start(name, { jsonl: true })));
    const feeding = new AbortController();
    const fed = (async () => {
      while (!feeding.signal.aborted) {
        await world.feed({ clients: 60, batches: 1 });
        await delay(10);
      }
    })();
    for (let join = 0; join < JOINS; join++) {
      await Promise.all(['influxdb', 'jsonl'].map((sink) => passBy(world, sink)));
      await delay(random.int(500));
    }
    feeding.abort();
    await fed;
    await Promise.all([world.passed('influxdb'), world.passed('jsonl')]);
    const rebalances = await Promise.all(forwarders.map(async (app) => (await figuresOf(app, 'jsonl')).rebalances));
    for (const forwarder of forwarders)
      expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
    expect(Math.max(...rebalances), 'the storm must have been one').toBeGreaterThanOrEqual(JOINS);

    const sent = new Set(world.sent.keys());
    const expected = { lost: [], invented: [], stored: sent.size };
    const points = reconcile(await influxLedger({ url, db: world.db }, epochsOf(sent)), world.sent, sent);
    expect(points, `seed ${random.seed}`).toEqual({ ...expected, repeated: [] });
    const lines = new Map<string, number>();
    for (const name of names)
      for (const [triple, count] of linesByTriple(world.jsonlDir(name)))
        lines.set(triple, (lines.get(triple) ?? 0) + count);
    const { repeated, ...files } = reconcile(lines, world.sent, sent);
    expect(files, `seed ${random.seed}`).toEqual(expected);
    for (const triple of repeated) expect((lines.get(triple) ?? 0) % 5, triple).toBe(0);
  });
});
