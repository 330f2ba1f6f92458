/** Messages that are not read, on a real Kafka: bombs of compression are passed by and told, other compressions wait. */
import { type LogFields, silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, kcat, sharedKafka } from '../../../../../test/services/index.ts';
import type { ConsumedBatch, ConsumedMessage, KafkaConsumer } from '../../../src/sources/kafka/consumer.ts';
import { openKafkaConsumer } from '../../../src/sources/kafka/kafkajs-consumer.ts';
import { clientOf, connectionTo, message, never, newTopic, ownName } from '../../sinks/kafka/testing.ts';

const MIB = 1024 * 1024;

function consumerOf(topic: string, brokers: readonly string[]): { consumer: KafkaConsumer; errors: string[] } {
  const errors: string[] = [];
  const error = (text: string, fields?: LogFields): void => void errors.push(`${text} ${JSON.stringify(fields)}`);
  const connection = connectionTo({ brokers });
  const log = { ...silentLog, error };
  const consumer = openKafkaConsumer({ connection, group: ownName('group'), topic, log });
  onTestFinished(() => consumer.close());
  return { consumer, errors };
}

async function taken(consumer: KafkaConsumer): Promise<ConsumedBatch> {
  const batch = await consumer.take(AbortSignal.timeout(30_000));
  if (batch === undefined) throw new Error('no batch came');
  return batch;
}

/** Takes and commits until so many messages came. */
async function eat(consumer: KafkaConsumer, count: number): Promise<ConsumedMessage[]> {
  const eaten: ConsumedMessage[] = [];
  while (eaten.length < count) {
    const batch = await taken(consumer);
    eaten.push(...batch.messages);
    await consumer.commit(batch);
  }
  return eaten;
}

describe.runIf(await available('kafka', 'kcat'))('what a Kafka consumer does not read', () => {
  it.each(['gzip', 'zstd'] as const)(
    'passes record batches of more than 8 MiB by, offset by offset, and has what is between, %s',
    { timeout: 40_000 },
    async (compression) => {
      const { brokers } = await sharedKafka();
      const client = clientOf({ brokers, compression });
      const topic = await newTopic(client);
      const write = (...values: Uint8Array[]) =>
        client.produce({ topic, partition: 0, messages: values.map((value) => message(value)) }, never);
      const small = Buffer.from('small');
      await write(small, small);
      // Offsets of two and three bytes in the batch.
      await write(...Array.from({ length: 200 }, () => new Uint8Array(48 * 1024)));
      await write(new Uint8Array(7 * MIB));
      await write(new Uint8Array(9 * MIB));
      await write(small);
      const { consumer, errors } = consumerOf(topic, brokers);
      const messages = await eat(consumer, 205);
      expect(messages.map(({ offset }) => offset)).toEqual(Array.from({ length: 205 }, (_, offset) => offset));
      const readable = messages.filter(({ unread }) => unread === undefined);
      expect(readable.map(({ offset, value }) => [offset, value?.length])).toEqual([
        [0, 5],
        [1, 5],
        [202, 7 * MIB],
        [204, 5],
      ]);
      const bomb = messages[203];
      expect(bomb).toMatchObject({ key: undefined, value: undefined, headers: {} });
      expect(bomb?.unread).toContain('more than 8388608 bytes decompressed');
      expect(bomb?.timestampMs).toBeGreaterThan(Date.now() - 60_000);
      expect(errors[0]).toContain('passed by');
      expect(errors[0]).toContain('"partition":0,"offset":2,');
      expect(consumer.figures()).toMatchObject({ missed: 0, restarts: 0, heldBytes: 0 });
    },
  );

  it.each([30, 6])('holds what it may of many messages that become %i MiB each', { timeout: 60_000 }, async (size) => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers, compression: 'zstd' });
    const topic = await newTopic(client, { partitions: 2 });
    const messages = [message(new Uint8Array(size * MIB))];
    for (let number = 0; number < 20; number++)
      for (const partition of [0, 1]) await client.produce({ topic, partition, messages }, never);
    const beforeBytes = process.memoryUsage().rss;
    let peakBytes = 0;
    const timer = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage().rss)), 20);
    const { consumer } = consumerOf(topic, brokers);
    let count = 0;
    let heldBytesMax = 0;
    while (count < 40) {
      const batch = await taken(consumer);
      count += batch.messages.length;
      heldBytesMax = Math.max(heldBytesMax, consumer.figures().heldBytes);
      await consumer.commit(batch);
    }
    clearInterval(timer);
    expect(heldBytesMax).toBeLessThan((16 + 24) * MIB);
    expect(peakBytes - beforeBytes).toBeLessThan(160 * MIB);
    expect(consumer.figures()).toMatchObject({ missed: 0, restarts: 0, heldBytes: 0 });
  });

  it.each(['snappy', 'lz4'])(
    'waits before messages in %s, says where, and the other partitions go on',
    async (name) => {
      const { brokers } = await sharedKafka();
      const client = clientOf({ brokers });
      const topic = await newTopic(client, { partitions: 2 });
      await client.produce({ topic, partition: 1, messages: [message('before')] }, never);
      await kcat(['-b', brokers.join(), '-P', '-t', topic, '-p', '1', '-z', name], 'x'.repeat(1000));
      const { consumer, errors } = consumerOf(topic, brokers);
      expect(await eat(consumer, 1)).toMatchObject([{ offset: 0, value: Buffer.from('before') }]);
      await expect
        .poll(() => errors.join(), { timeout: 10_000 })
        .toContain(`"partition":1,"offset":1,"why":"compressed by ${name}"`);
      expect(errors[0]).toContain('compression.type=producer');
      for (let number = 0; number < 5; number++) {
        await client.produce({ topic, partition: 0, messages: [message(String(number))] }, never);
        expect(await eat(consumer, 1)).toMatchObject([{ offset: number, value: Buffer.from(String(number)) }]);
      }
      expect(await consumer.take(AbortSignal.timeout(500))).toBeUndefined();
      expect(consumer.figures()).toMatchObject({ restarts: 0, rebalances: 0 });
    },
  );
});
