import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { emptyTotals } from '@metricstream/shared/journal/cursor.ts';
import type { Delivery } from '@metricstream/shared/pump/types.ts';
import { expect, test } from 'vitest';
import { createKafkaSource, type KafkaSourceOptions } from '../../../src/sources/kafka/kafka-source.ts';
import type { KafkaRecord, Poison } from '../../../src/sources/kafka/messages.ts';
import { bodyOf, type MemoryTopic, memoryTopic, never, newReader } from './kafka-source-kit.ts';

const read = newReader();

/** Takes all poison, and remembers where it was. */
function graveyard() {
  const buried: string[] = [];
  return {
    buried,
    async bury(partition: number, poison: Poison[]): Promise<void> {
      for (const { message } of poison.splice(0)) buried.push(`${partition}:${message.offset}`);
    },
  };
}

function sourceOf(topic: MemoryTopic, options: Partial<KafkaSourceOptions> = {}) {
  return createKafkaSource({ consumer: topic, read, deadLetters: graveyard(), abort: never, lingerMs: 0, ...options });
}

const offsetsOf = ({ records }: Delivery): string[] =>
  (records as KafkaRecord[]).flatMap(({ origin }) =>
    origin.messages.map(({ offset }) => `${origin.partition}:${offset}`),
  );

const done = emptyTotals();

test('messages of all partitions come in one delivery, and each partition is committed to its end', async () => {
  const topic = memoryTopic({ partitions: 3 });
  for (const partition of [0, 1, 1, 2]) topic.append(partition, { value: bodyOf() });
  const source = sourceOf(topic);
  const delivery = await source.take(never);
  expect(offsetsOf(delivery!).sort()).toEqual(['0:0', '1:0', '1:1', '2:0']);
  expect(topic.committed).toEqual([0, 0, 0]);
  await source.commit(delivery!, done);
  expect(topic.committed).toEqual([1, 2, 1]);
});

test('a delivery ends at its bound, within a batch too, and the rest comes next', async () => {
  const topic = memoryTopic({ partitions: 1 });
  const body = bodyOf();
  for (let at = 0; at < 10; at++) topic.append(0, { value: body });
  const source = sourceOf(topic, { deliveryBytesMax: 3 * (body.length + 64) });
  for (const expected of [['0:0', '0:1', '0:2'], ['0:3', '0:4', '0:5'], ['0:6', '0:7', '0:8'], ['0:9']]) {
    const delivery = await source.take(never);
    expect(offsetsOf(delivery!)).toEqual(expected);
    await source.commit(delivery!, done);
  }
  expect(topic.commits.map(({ nextOffset }) => nextOffset)).toEqual([3, 6, 9, 10]);
});

test('it lingers for more, but not for ever', async () => {
  const clock = fakeClock();
  const topic = memoryTopic({ partitions: 1 });
  const source = sourceOf(topic, { lingerMs: 200, clock });
  topic.append(0, { value: bodyOf({ seq: 1 }) });
  const first = source.take(never);
  await clock.advance(5);
  expect((await first)!.records).toHaveLength(1);
  await source.commit((await first)!, done);

  topic.append(0, { value: bodyOf({ seq: 2 }) });
  let given = false;
  const second = source.take(never).finally(() => (given = true));
  await clock.advance(100);
  topic.append(0, { value: bodyOf({ seq: 3 }) });
  await clock.advance(90);
  expect(given).toBe(false);
  await clock.advance(10);
  expect((await second)!.records.map(({ seq }) => seq)).toEqual([2, 3]);
});

test('poison is delivered before its delivery is given, and committed with it', async () => {
  const topic = memoryTopic({ partitions: 1 });
  const deadLetters = graveyard();
  topic.append(0, { value: 'poison' });
  topic.append(0, { value: bodyOf() });
  const source = sourceOf(topic, { deadLetters });
  const delivery = await source.take(never);
  expect(deadLetters.buried).toEqual(['0:0']);
  expect(topic.committed).toEqual([0]);
  await source.commit(delivery!, done);
  expect(topic.committed).toEqual([2]);
});

test('where there is only poison, it is passed without the sink', async () => {
  const topic = memoryTopic({ partitions: 1 });
  const deadLetters = graveyard();
  const source = sourceOf(topic, { deadLetters });
  topic.append(0, { value: 'poison' });
  const taken = source.take(never);
  await expect.poll(() => topic.committed).toEqual([1]);
  topic.append(0, { value: bodyOf() });
  expect(offsetsOf((await taken)!)).toEqual(['0:1']);
  expect(deadLetters.buried).toEqual(['0:0']);
});

test('nothing passes poison that cannot be delivered, and it is not read again meanwhile', async () => {
  const topic = memoryTopic({ partitions: 1 });
  const { buried, bury } = graveyard();
  let missing = true;
  const deadLetters = {
    bury: (partition: number, poison: Poison[]) =>
      missing ? Promise.reject(new Error('no such topic')) : bury(partition, poison),
  };
  topic.append(0, { value: bodyOf() });
  topic.append(0, { value: 'poison' });
  const source = sourceOf(topic, { deadLetters });
  await expect(source.take(never)).rejects.toThrow('no such topic');
  topic.append(0, { value: bodyOf() });
  await expect(source.take(never)).rejects.toThrow('no such topic');
  expect(topic.committed).toEqual([0]);
  expect(source.figures().messages).toBe(2);
  missing = false;
  const delivery = await source.take(never);
  expect(buried).toEqual(['0:1']);
  expect(offsetsOf(delivery!)).toEqual(['0:0']);
});

test('asked to stop, it does not wait for poison, and gives nothing that would pass it', async () => {
  const topic = memoryTopic({ partitions: 1 });
  const stop = new AbortController();
  topic.append(0, { value: 'poison' });
  topic.append(0, { value: bodyOf() });
  const deadLetters = {
    bury() {
      stop.abort();
      return Promise.reject(new Error('stopped'));
    },
  };
  expect(await sourceOf(topic, { deadLetters }).take(stop.signal)).toBeUndefined();
  expect(topic.committed).toEqual([0]);
});

test('asked to stop, it gives what it has gathered and then no more', async () => {
  const topic = memoryTopic({ partitions: 1 });
  const stop = new AbortController();
  const source = sourceOf(topic, { lingerMs: 3_600_000, clock: fakeClock() });
  topic.append(0, { value: bodyOf() });
  const taken = source.take(stop.signal);
  await expect.poll(() => source.figures().messages).toBe(1);
  stop.abort();
  expect(offsetsOf((await taken)!)).toEqual(['0:0']);
  topic.append(0, { value: bodyOf() });
  expect(await source.take(stop.signal)).toBeUndefined();
});

test('what is gathered when partitions are lost is given up, and comes again once', async () => {
  const topic = memoryTopic({ partitions: 2 });
  const clock = fakeClock();
  const source = sourceOf(topic, { lingerMs: 0, clock });
  for (const partition of [0, 1]) topic.append(partition, { value: bodyOf() });
  const taken = source.take(never);
  await expect.poll(() => source.figures().messages).toBe(2);
  topic.rebalance();
  await expect.poll(() => source.figures().messages).toBe(4);
  await clock.advance(5);
  expect(offsetsOf((await taken)!).sort()).toEqual(['0:0', '1:0']);
});

test('what is in flight when partitions are lost is not committed, and counted', async () => {
  const topic = memoryTopic({ partitions: 2 });
  const source = sourceOf(topic);
  for (const partition of [0, 1, 1]) topic.append(partition, { value: bodyOf() });
  const delivery = await source.take(never);
  topic.rebalance();
  await source.commit(delivery!, done);
  expect(topic.committed).toEqual([0, 0]);
  expect(source.figures().messagesUncommitted).toBe(3);
  const again = await source.take(never);
  expect(offsetsOf(again!).sort()).toEqual(['0:0', '1:0', '1:1']);
});

test('the rest of a batch is not given after its partition was lost', async () => {
  const topic = memoryTopic({ partitions: 1 });
  for (let at = 0; at < 4; at++) topic.append(0, { value: bodyOf() });
  const source = sourceOf(topic, { deliveryBytesMax: 100 });
  const delivery = await source.take(never);
  await source.commit(delivery!, done);
  topic.rebalance();
  expect(offsetsOf((await source.take(never))!)).toEqual(['0:1']);
  expect(source.figures().messages, 'nor read').toBe(2);
});

test('a state that cannot be kept keeps the offsets where they are', async () => {
  const topic = memoryTopic({ partitions: 1 });
  topic.append(0, { value: bodyOf() });
  let full = true;
  const beforeCommit = () => {
    if (full) throw new Error('disk full');
  };
  const source = sourceOf(topic, { beforeCommit });
  const delivery = await source.take(never);
  await expect(source.commit(delivery!, done)).rejects.toThrow('disk full');
  expect(topic.committed).toEqual([0]);
  full = false;
  await source.commit(delivery!, done);
  expect(topic.committed).toEqual([1]);
});

test('it knows how old the oldest message under way is, and the newest that is stored', async () => {
  const topic = memoryTopic({ partitions: 2 });
  for (const timestampMs of [100, 200]) topic.append(1, { value: bodyOf(), timestampMs });
  const source = sourceOf(topic);
  const delivery = await source.take(never);
  expect([...source.figures().oldestUnixMs]).toEqual([[1, 100]]);
  await source.commit(delivery!, done);
  expect([...source.figures().oldestUnixMs]).toEqual([]);
  expect([...source.figures().passedUnixMs]).toEqual([[1, 200]]);
});
