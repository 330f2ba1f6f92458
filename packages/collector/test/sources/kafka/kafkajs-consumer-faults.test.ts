/** The consumer while brokers die, freeze and lose their lead, and while members vanish: everything acked comes, soon. */
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, type KafkaCluster, kafkaAdmin, startKafka } from '../../../../../test/services/index.ts';
import type { ConsumedBatch, KafkaConsumer } from '../../../src/sources/kafka/consumer.ts';
import { openKafkaConsumer } from '../../../src/sources/kafka/kafkajs-consumer.ts';
import { clientOf, connectionTo, newTopic, ownName, startWriter, type Writer } from '../../sinks/kafka/testing.ts';

const TWELVE = Array.from({ length: 12 }, (_, partition) => partition);

/** How long the sink takes; what came meanwhile is taken and not committed, and a fault may strike then. */
const STORE_MS = 300;

interface Eater {
  readonly consumer: KafkaConsumer;
  /** What was committed of each partition, as often as it was: the rest does not count. */
  readonly eaten: number[][];
  stop(): Promise<void>;
}

function startEater(brokers: readonly string[], { topic, group }: { topic: string; group: string }): Eater {
  const consumer = openKafkaConsumer({ connection: connectionTo({ brokers }), group, topic, log: silentLog });
  const stop = new AbortController();
  const eaten: number[][] = TWELVE.map(() => []);
  const stored: Promise<void>[] = TWELVE.map(() => Promise.resolve());
  /** By partition: what is stored and not yet committed, and the commits under way. Slower than the writers, so one passes many. */
  const newest: (ConsumedBatch | undefined)[] = [];
  const committing: Promise<void>[] = TWELVE.map(() => Promise.resolve());
  const busy = new Set<number>();
  const commitNewest = async (partition: number): Promise<void> => {
    busy.add(partition);
    for (let batch; (batch = newest[partition]) !== undefined; ) {
      newest[partition] = undefined;
      // Whether it says yes or no: a commit whose answer is lost may be one, and does not come again.
      await consumer.commit(batch);
    }
    busy.delete(partition);
  };
  const store = async (batch: ConsumedBatch, after: Promise<void> | undefined): Promise<void> => {
    await Promise.all([sleep(STORE_MS), after]);
    const { partition } = batch;
    eaten[partition]?.push(...batch.messages.map(({ value }) => Number(value)));
    newest[partition] = batch;
    if (!busy.has(partition)) committing[partition] = commitNewest(partition);
  };
  const work = async (): Promise<void> => {
    for (let batch; (batch = await consumer.take(stop.signal)); )
      stored[batch.partition] = store(batch, stored[batch.partition]);
    await Promise.all(stored);
    await Promise.all(committing);
  };
  const done = work();
  const end = async (): Promise<void> => {
    stop.abort();
    await done;
    await consumer.close();
  };
  onTestFinished(end);
  return { consumer, eaten, stop: end };
}

/** Resolves when everything acked until now was eaten. */
async function caughtUp(eater: Eater, writers: readonly Writer[], timeout = 30_000): Promise<void> {
  const marks = writers.map((writer) => writer.acked.at(-1) ?? 0);
  await expect.poll(() => marks.filter((mark, index) => !eater.eaten[index]?.includes(mark)), { timeout }).toEqual([]);
}

async function more(writers: readonly Writer[]): Promise<void> {
  const marks = writers.map((writer) => writer.acked.length);
  await expect
    .poll(() => writers.every((writer, index) => writer.acked.length > (marks[index] ?? 0)), { timeout: 30_000 })
    .toBe(true);
}

/** Nothing acked is missing, and nothing came before what precedes it. */
function checkEaten({ eaten, consumer }: Eater, writers: readonly Writer[]): void {
  for (const [partition, { acked }] of writers.entries()) {
    const first = [...new Set(eaten[partition])];
    expect(first.slice(0, acked.length), `partition ${partition}`).toEqual(acked);
  }
  expect(consumer.figures().missed).toBe(0);
}

interface Cluster {
  kafka: KafkaCluster;
  topic: string;
  group: string;
  writers: Writer[];
  eater: Eater;
}

async function startCluster(nodes: 1 | 3): Promise<Cluster> {
  const kafka = await startKafka({ nodes });
  const client = clientOf(kafka);
  const config = { 'min.insync.replicas': nodes === 3 ? '2' : '1' };
  const topic = await newTopic(client, { partitions: 12, replication: nodes, config });
  const writers = TWELVE.map((partition) => startWriter(client, { topic, partition }));
  const group = ownName('group');
  const eater = startEater(kafka.brokers, { topic, group });
  await more(writers);
  await caughtUp(eater, writers);
  return { kafka, topic, group, writers, eater };
}

async function endCluster({ kafka, writers, eater }: Cluster): Promise<void> {
  await Promise.all(writers.map((writer) => writer.stop()));
  await caughtUp(eater, writers);
  checkEaten(eater, writers);
  await eater.stop();
  await kafka.stop();
}

describe.runIf(await available('kafka'))('a Kafka consumer in faults', { timeout: 120_000 }, () => {
  it('keeps its place in the group while its only broker is dead, and goes on soon after', async () => {
    const cluster = await startCluster(1);
    const { kafka, writers, eater } = cluster;
    const joined = eater.consumer.figures().rebalances;
    await kafka.kill9();
    const deadMs = performance.now();
    // Longer than a session of the group.
    await expect.poll(() => performance.now() - deadMs, { timeout: 20_000 }).toBeGreaterThan(12_000);
    await kafka.start();
    const backMs = performance.now();
    await more(writers);
    await caughtUp(eater, writers);
    expect(performance.now() - backMs).toBeLessThan(5000);
    expect(eater.consumer.figures()).toMatchObject({ rebalances: joined, restarts: 0 });
    await endCluster(cluster);
  });

  it('goes on when the coordinator of its group dies, and when it comes back', async () => {
    const cluster = await startCluster(3);
    const { kafka, writers, eater } = cluster;
    const [coordinator = 1] =
      (await clientOf(kafka).describeTopic('__consumer_offsets'))?.partitions.map(({ leader }) => leader) ?? [];
    await kafka.kill9(coordinator);
    const deadMs = performance.now();
    await more(writers);
    await caughtUp(eater, writers);
    // An election takes three seconds, that the heartbeats fail is believed after another four.
    expect(performance.now() - deadMs).toBeLessThan(20_000);
    await kafka.start(coordinator);
    await more(writers);
    await endCluster(cluster);
  });

  it('leaves a broker that is frozen', async () => {
    const cluster = await startCluster(3);
    const { kafka, writers, eater } = cluster;
    const [coordinator = 1] =
      (await clientOf(kafka).describeTopic('__consumer_offsets'))?.partitions.map(({ leader }) => leader) ?? [];
    const other = (coordinator % 3) + 1;
    kafka.pause(other);
    const frozenMs = performance.now();
    await more(writers);
    await caughtUp(eater, writers, 40_000);
    // Two requests may have to time out: one for data, one for who leads now.
    expect(performance.now() - frozenMs).toBeLessThan(40_000);
    kafka.resume(other);
    await endCluster(cluster);
  });

  it('goes on when leaders move', async () => {
    const cluster = await startCluster(3);
    const { kafka, topic, writers, eater } = cluster;
    const admin = kafkaAdmin(kafka.brokers);
    for (const node of [1, 2, 3])
      for (const partition of [0, 4, 7, 11]) await admin.moveLeader({ topic, partition, node });
    const movedMs = performance.now();
    await more(writers);
    await caughtUp(eater, writers);
    expect(performance.now() - movedMs).toBeLessThan(5000);
    await endCluster(cluster);
  });

  it('gets everything through a storm of members that come and go', async () => {
    const cluster = await startCluster(1);
    const { kafka, topic, group, writers, eater } = cluster;
    const others: Eater[] = [];
    for (let round = 0; round < 6; round++) {
      const other = startEater(kafka.brokers, { topic, group });
      others.push(other);
      await expect.poll(() => other.eaten.some((own) => own.length > 0), { timeout: 20_000 }).toBe(true);
      if (round % 2 === 1) await Promise.all(others.splice(0).map((one) => keep(one, eater)));
    }
    await Promise.all(others.map((one) => keep(one, eater)));
    expect(eater.consumer.figures().rebalances).toBeGreaterThanOrEqual(6);
    await Promise.all(writers.map((writer) => writer.stop()));
    await caughtUp(eater, writers);
    for (const [partition, { acked }] of writers.entries()) {
      const all = new Set(eater.eaten[partition]);
      expect(
        acked.filter((number) => !all.has(number)),
        `partition ${partition}`,
      ).toEqual([]);
    }
    await eater.stop();
    await kafka.stop();
  });
});

/** Ends a member and keeps what it ate, as if one had eaten it all. */
async function keep(one: Eater, eater: Eater): Promise<void> {
  await one.stop();
  for (const [partition, own] of one.eaten.entries()) eater.eaten[partition]?.push(...own);
}
