/** Against the partitioner of Kafka's own client, and against Kafka's published hashes. */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it } from 'vitest';
import { available, javaPartitions } from '../../../../../test/services/index.ts';
import { murmur2, partitionFor } from '../../../src/sinks/kafka/murmur2.ts';

const ALPHABETS = ['abcdefghijklmnopqrstuvwxyz0123456789-._', 'ABC:/ \t"\\', 'äßéñøжщ中文字', '😀🏔️\u0000\u007f'];

describe('the partition of a key', () => {
  it('has the hashes that the tests of Kafka expect', () => {
    const known: [string, number][] = [
      ['21', -973_932_308],
      ['foobar', -790_332_482],
      ['a-little-bit-long-string', -985_981_536],
      ['a-little-bit-longer-string', -1_486_304_829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
      ['abc', 479_470_107],
    ];
    for (const [text, hash] of known) expect(murmur2(Buffer.from(text)), text).toBe(hash);
  });

  it('is the same for text and for its bytes, and for every alignment of the bytes', () => {
    const bytes = Buffer.from('xx-client-ü-17');
    for (let from = 0; from < 5; from++) {
      const part = bytes.subarray(from);
      expect(partitionFor(part, 12)).toBe(partitionFor(Buffer.from(part), 12));
    }
    expect(partitionFor('client-ü-17', 12)).toBe(partitionFor(new TextEncoder().encode('client-ü-17'), 12));
  });
});

describe.runIf(await available('kafka'))('the partition of a key, beside Kafka’s Java client', () => {
  it.each([12, 13, 1, 1000])('is the same for 10,000 keys of every kind over %i partitions', async (partitions) => {
    const random = seeded(partitions);
    const keys = Array.from({ length: 10_000 }, (_, index) => {
      const letters = Array.from(random.pick(ALPHABETS));
      const length = index % 40;
      return Array.from({ length }, () => random.pick(letters)).join('');
    });
    const ours = keys.map((key) => partitionFor(key, partitions));
    expect(ours, `seed ${random.seed}`).toEqual(await javaPartitions(keys, partitions));
  });
});
