/** The consumer on a real Kafka: what it hands on, what it commits, what it holds, and what becomes of it in faults. */
import { silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, kcat, sharedKafka, startKafka } from '../../../../../test/services/index.ts';
import type { ConsumedBatch, KafkaConsumer, KafkaConsumerOptions } from '../../../src/sources/kafka/consumer.ts';
import { openKafkaConsumer } from '../../../src/sources/kafka/kafkajs-consumer.ts';
import { clientOf, connectionTo, message, never, newTopic, ownName, startWriter } from '../../sinks/kafka/testing.ts';

const TWELVE = Array.from({ length: 12 }, (_, partition) => partition);

type Asked = { brokers: readonly string[]; topic: string } & Partial<KafkaConsumerOptions>;

function consumerOf({ brokers, ...options }: Asked): KafkaConsumer {
  const connection = connectionTo({ brokers });
  const consumer = openKafkaConsumer({ connection, group: ownName('group'), log: silentLog, ...options });
  onTestFinished(() => consumer.close());
  return consumer;
}

async function taken(consumer: KafkaConsumer): Promise<ConsumedBatch> {
  const batch = await consumer.take(AbortSignal.timeout(30_000));
  if (batch === undefined) throw new Error('no batch came');
  return batch;
}

/** Takes and commits until so many messages came. @returns `partition:value` of each, in the order they came. */
async function eat(consumer: KafkaConsumer, count: number): Promise<string[]> {
  const eaten: string[] = [];
  while (eaten.length < count) {
    const batch = await taken(consumer);
    eaten.push(...batch.messages.map(({ value }) => `${batch.partition}:${String(value)}`));
    await consumer.commit(batch);
  }
  return eaten;
}

/** Takes and commits all the time. */
function startEater(consumer: KafkaConsumer): { eaten: Map<number, number[]>; stop(): Promise<void> } {
  const stop = new AbortController();
  const eaten = new Map<number, number[]>();
  const work = async (): Promise<void> => {
    for (;;) {
      const batch = await consumer.take(stop.signal);
      if (batch === undefined) return;
      const own = eaten.get(batch.partition) ?? [];
      eaten.set(batch.partition, own);
      own.push(...batch.messages.map(({ value }) => Number(value)));
      await consumer.commit(batch, { signal: stop.signal });
    }
  };
  const done = work();
  return {
    eaten,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

describe.runIf(await available('kafka', 'kcat'))('a Kafka consumer', () => {
  it.each(['none', 'gzip', 'zstd'] as const)('hands on bytes, keys and headers as written, %s', async (compression) => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers, compression });
    const topic = await newTopic(client);
    const value = Buffer.alloc(5000, 'ü');
    const messages = [{ ...message(value, { epoch: '1', note: 'ß' }), timestampMs: 1_700_000_000_123 }, message('two')];
    await client.produce({ topic, partition: 0, messages }, never);
    const batch = await taken(consumerOf({ brokers, topic }));
    expect(batch).toMatchObject({ topic, partition: 0, nextOffset: 2 });
    expect(batch.messages[0]).toEqual({
      offset: 0,
      timestampMs: 1_700_000_000_123,
      key: Buffer.from('client-1'),
      value,
      headers: { epoch: '1', note: 'ß' },
    });
    expect(batch.messages[1]).toMatchObject({ offset: 1, value: Buffer.from('two'), headers: {} });
  });

  it('goes on after what was committed, and brings again what was not', async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client);
    const group = ownName('group');
    const values = ['a', 'b', 'c', 'd'];
    await client.produce({ topic, partition: 0, messages: values.map((value) => message(value)) }, never);
    const first = consumerOf({ brokers, topic, group });
    const batch = await taken(first);
    expect(batch.messages).toHaveLength(4);
    expect(await first.commit(batch, { nextOffset: 2 })).toBe(true);
    await first.close();
    expect(first.owns(batch)).toBe(false);
    expect(await first.commit(batch)).toBe(false);
    expect(await client.groupLag({ group, topic })).toMatchObject([{ partition: 0, committed: 2, end: 4, lag: 2 }]);
    expect(await eat(consumerOf({ brokers, topic, group }), 2)).toEqual(['0:c', '0:d']);
    expect(await client.groupLag({ group, topic })).toMatchObject([{ committed: 4, lag: 0 }]);
  });

  it('ends a wait when asked to or closed', async () => {
    const { brokers } = await sharedKafka();
    const topic = await newTopic(clientOf({ brokers }));
    const consumer = consumerOf({ brokers, topic });
    expect(await consumer.take(AbortSignal.timeout(50))).toBeUndefined();
    const pending = consumer.take(never);
    await consumer.close();
    expect(await pending).toBeUndefined();
    expect(await consumer.take(never)).toBeUndefined();
  });

  it('waits for a topic that is not there yet', async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = ownName();
    const consumer = consumerOf({ brokers, topic });
    await expect.poll(() => consumer.figures().restarts, { timeout: 10_000 }).toBeGreaterThan(0);
    await client.createTopic({ topic, partitions: 1, replication: 1, config: {} });
    await client.produce({ topic, partition: 0, messages: [message('x')] }, never);
    expect(await eat(consumer, 1)).toEqual(['0:x']);
  });

  it('holds a batch for longer than a session while the membership lives, and the other partitions go on', {
    timeout: 40_000,
  }, async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client, { partitions: 2 });
    const write = (partition: number, value: string) =>
      client.produce({ topic, partition, messages: [message(value)] }, never);
    await write(0, 'held');
    const consumer = consumerOf({ brokers, topic, sessionTimeoutMs: 6000 });
    const held = await taken(consumer);
    const startMs = performance.now();
    for (let number = 0; performance.now() - startMs < 9000; number++) {
      await write(1, String(number));
      expect(await eat(consumer, 1)).toEqual([`1:${number}`]);
    }
    expect(consumer.owns(held)).toBe(true);
    expect(await consumer.commit(held)).toBe(true);
    expect(consumer.figures()).toMatchObject({ rebalances: 0, restarts: 0, missed: 0, heldBytes: 0 });
  });

  it('holds no more than it may when nobody commits, and catches up afterwards', { timeout: 40_000 }, async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client, { partitions: 4 });
    const value = new Uint8Array(50_000);
    for (let number = 0; number < 40; number++)
      for (let partition = 0; partition < 4; partition++)
        await client.produce({ topic, partition, messages: [message(value)] }, never);
    const limits = { heldBytesMax: 1_000_000, partitionBytesMax: 100_000 };
    const consumer = consumerOf({ brokers, topic, ...limits });
    const kept: ConsumedBatch[] = [];
    for (let batch; (batch = await consumer.take(AbortSignal.timeout(2000))); ) kept.push(batch);
    const { heldBytes } = consumer.figures();
    expect(heldBytes).toBeGreaterThanOrEqual(1_000_000);
    // What one more fetch of every partition may bring on top.
    expect(heldBytes).toBeLessThan(1_000_000 + 4 * 150_000);
    let count = kept.reduce((sum, { messages }) => sum + messages.length, 0);
    for (const batch of kept) expect(await consumer.commit(batch)).toBe(true);
    count += (await eat(consumer, 160 - count)).length;
    expect(count).toBe(160);
    expect(consumer.figures()).toMatchObject({ heldBytes: 0, missed: 0 });
  });

  it('shares the partitions with another one, tells both, and loses nothing in between', {
    timeout: 40_000,
  }, async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client, { partitions: 12 });
    const group = ownName('group');
    const writers = TWELVE.map((partition) => startWriter(client, { topic, partition }));
    const told: string[] = [];
    const one = consumerOf({
      brokers,
      topic,
      group,
      onAssigned: (partitions) => void told.push(`+${partitions.length}`),
      onRevoked: (partitions) => void told.push(`-${partitions.length}`),
    });
    const eaters = [startEater(one)];
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(['+12']);
    const two = consumerOf({ brokers, topic, group });
    eaters.push(startEater(two));
    await expect.poll(() => two.figures().partitions.length, { timeout: 10_000 }).toBe(6);
    await expect.poll(() => told).toEqual(['+12', '-12', '+6']);
    expect(one.figures().rebalances).toBe(1);
    await expect.poll(() => eaters[1]?.eaten.size, { timeout: 10_000 }).toBe(6);
    await eaters[1]?.stop();
    await two.close();
    const ofOne = () => one.figures().partitions.map(({ partition }) => partition);
    await expect.poll(ofOne, { timeout: 10_000 }).toEqual(TWELVE);
    await Promise.all(writers.map((writer) => writer.stop()));
    await expect
      .poll(async () => (await client.groupLag({ group, topic })).every(({ lag }) => lag === 0), { timeout: 20_000 })
      .toBe(true);
    await eaters[0]?.stop();
    checkEaten(writers, eaters);
    expect(one.figures().missed + two.figures().missed).toBe(0);
  });

  it('sees partitions that are added', { timeout: 40_000 }, async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client);
    const consumer = consumerOf({ brokers, topic });
    await expect.poll(() => consumer.figures().partitions.length, { timeout: 10_000 }).toBe(1);
    await client.addPartitions({ topic, partitions: 3 });
    await client.produce({ topic, partition: 2, messages: [message('new')] }, never);
    expect(await eat(consumer, 1)).toEqual(['2:new']);
  });

  it('counts what retention took before it was read', { timeout: 60_000 }, async () => {
    const often = { 'log.retention.check.interval.ms': '300', 'log.initial.task.delay.ms': '300' };
    const { brokers } = await startKafka({ config: often });
    const client = clientOf({ brokers });
    const config = { 'retention.bytes': '30000', 'segment.bytes': '1048576', 'file.delete.delay.ms': '0' };
    const topic = await newTopic(client, { config });
    const group = ownName('group');
    const write = () => client.produce({ topic, partition: 0, messages: [message(new Uint8Array(300_000))] }, never);
    await write();
    const consumer = consumerOf({ brokers, topic, group, heldBytesMax: 1, sessionTimeoutMs: 6000 });
    const first = await taken(consumer);
    for (let number = 0; number < 12; number++) await write();
    const begins = async () =>
      Number(
        await kcat(['-b', brokers.join(), '-Q', '-t', `${topic}:0:-2`]).then((text) => /offset (\d+)/.exec(text)?.[1]),
      );
    await expect.poll(begins, { timeout: 20_000, interval: 500 }).toBeGreaterThan(2);
    await consumer.commit(first);
    const next = await taken(consumer);
    const gone = (next.messages[0]?.offset ?? 0) - first.nextOffset;
    expect(gone).toBeGreaterThan(0);
    expect(consumer.figures().missed).toBe(gone);

    // The same while nobody reads.
    await consumer.commit(next);
    await consumer.close();
    const before = await begins();
    for (let number = 0; number < 12; number++) await write();
    await expect.poll(begins, { timeout: 20_000, interval: 500 }).toBeGreaterThan(before + 2);
    const later = consumerOf({ brokers, topic, group });
    const after = await taken(later);
    const missed = (after.messages[0]?.offset ?? 0) - next.nextOffset;
    await expect.poll(() => later.figures().missed, { timeout: 5000 }).toBe(missed);
  });
});

/** Everything written was eaten, in order within each partition but for what came again. */
function checkEaten(
  writers: readonly { acked: number[] }[],
  eaters: readonly { eaten: Map<number, number[]> }[],
): void {
  for (const [partition, { acked }] of writers.entries()) {
    const all = new Set(eaters.flatMap(({ eaten }) => eaten.get(partition) ?? []));
    expect(
      acked.filter((number) => !all.has(number)),
      `partition ${partition}`,
    ).toEqual([]);
    for (const { eaten } of eaters) {
      const first = [...new Set(eaten.get(partition))];
      expect(first).toEqual([...first].sort((a, b) => a - b));
    }
  }
}
