/** The bounds of what is decompressed, on record batches made here; that a real Kafka's are such is in kafkajs-unread.test.ts. */
import { AsyncResource } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { beginFetch, readBatch, unknownCompression, unreadOf } from '../../../src/sinks/kafka/unread.ts';

const MIB = 1024 * 1024;

/** A record batch as a fetch brings it. @returns its compressed records, in the same memory as its header. */
function batchOf(
  header: { records?: number; lastOffsetDelta?: number; magic?: number; baseOffset?: number } = {},
): Buffer {
  const { records = 1, lastOffsetDelta = records - 1, magic = 2, baseOffset = 7 } = header;
  const batch = Buffer.alloc(61 + 10);
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch[16] = magic;
  batch.writeInt32BE(lastOffsetDelta, 23);
  batch.writeInt32BE(records, 57);
  return batch.subarray(61);
}

const becomes = (bytes: number) => () => Promise.resolve(Buffer.alloc(bytes));
const tooMuch = (): Promise<Buffer> =>
  Promise.reject(Object.assign(new Error('much'), { code: 'ERR_BUFFER_TOO_LARGE' }));

/** Runs as what one fetch does. */
function inFetch<T>(work: () => Promise<T>, tell: (why: string) => void = () => undefined): Promise<T> {
  return new AsyncResource('fetch').runInAsyncScope(async () => {
    beginFetch(tell);
    return work();
  });
}

/** How many batches of one message a fetch takes until it leaves the rest to the next one. */
async function countTaken(bytes: number): Promise<number> {
  return inFetch(async () => {
    for (let count = 0; ; count++) {
      try {
        await readBatch(batchOf(), becomes(bytes));
      } catch (error) {
        expect((error as Error).name).toBe('KafkaJSPartialMessageError');
        return count;
      }
    }
  });
}

test('a fetch takes batches until they come to 16 MiB, and fetches under way do not count together', async () => {
  expect(await countTaken(8 * MIB)).toBe(2);
  expect(await Promise.all([countTaken(5 * MIB), countTaken(5 * MIB)])).toEqual([4, 4]);
});

test('messages weigh something, however small', async () => {
  const taken = inFetch(async () => {
    await readBatch(batchOf({ records: 20_000 }), becomes(0));
    await readBatch(batchOf({ records: 20_000 }), becomes(0));
    await readBatch(batchOf(), becomes(0));
  });
  await expect(taken).rejects.toMatchObject({ name: 'KafkaJSPartialMessageError' });
});

test('a batch of more messages than the library can take is not begun, and told with what to do', async () => {
  const told: string[] = [];
  const batch = batchOf({ records: 150_000_000, baseOffset: 41 });
  const read = inFetch(
    () => readBatch(batch, becomes(1)),
    (why) => told.push(why),
  );
  await expect(read).rejects.toMatchObject({ name: 'KafkaJSPartialMessageError' });
  expect(told).toEqual([expect.stringMatching(/at offset 41 has 150000000 messages.*set to 150000041/)]);
});

test('a stand-in has a record for every message, with its offset, and only a stand-in is one', async () => {
  const records = await inFetch(() => readBatch(batchOf({ records: 3, lastOffsetDelta: 300 }), tooMuch));
  expect([...records]).toEqual(
    [
      [12, 0, 0, 0, 1, 0, 0],
      [12, 0, 0, 2, 1, 0, 0],
      [14, 0, 0, 0xd8, 4, 1, 0, 0],
    ].flat(),
  );
  expect(unreadOf(records.subarray(6, 6))).toMatchObject({ readable: false });
  expect(unreadOf(Buffer.from(records))).toBeUndefined();
  expect(unreadOf(null)).toBeUndefined();
  const snappy = await unknownCompression('snappy', batchOf());
  expect(unreadOf(snappy)).toEqual({ why: 'compressed by snappy', readable: true });
});

test('without a header that is one, nothing stands for the bytes', async () => {
  for (const batch of [batchOf({ magic: 1 }), batchOf({ records: 3, lastOffsetDelta: 1 }), Buffer.alloc(10)]) {
    await expect(readBatch(batch, tooMuch)).rejects.toThrow('much');
    await expect(unknownCompression('lz4', batch)).rejects.toThrow('compressed by lz4');
  }
});

test('bytes that are damaged are an error', async () => {
  await expect(readBatch(batchOf(), () => Promise.reject(new Error('damaged')))).rejects.toThrow('damaged');
});
