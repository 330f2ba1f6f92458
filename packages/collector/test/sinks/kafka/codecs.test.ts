/** The codecs against the zlib of Node, and against a bomb. That Kafka's own client reads them is in kafkajs.test.ts. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it } from 'vitest';
import { gzipCodec, zstdCodec } from '../../../src/sinks/kafka/codecs.ts';

describe.each([
  ['gzip', gzipCodec, gzipSync],
  ['zstd', zstdCodec, zstdCompressSync],
] as const)('%s', (_name, codec, compressSync) => {
  it('gives back what it was given, the empty and the incompressible included', async () => {
    const random = seeded(7);
    for (const length of [0, 1, 1000, 300_000]) {
      for (const buffer of [Buffer.alloc(length, 'ab'), Buffer.from(random.bytes(length))]) {
        const packed = await codec.compress({ buffer });
        expect(buffer.equals(await codec.decompress(packed)), `${length} bytes, seed ${random.seed}`).toBe(true);
      }
    }
  });

  it('reads what others wrote', async () => {
    expect(String(await codec.decompress(compressSync('from elsewhere')))).toBe('from elsewhere');
  });

  it('rejects what would become more than 8 MiB, and what is cut off', async () => {
    const bomb = compressSync(Buffer.alloc(8 * 1024 * 1024 + 1));
    expect(bomb.length).toBeLessThan(40_000);
    await expect(codec.decompress(bomb)).rejects.toThrow('larger than');
    await expect(codec.decompress(compressSync('cut off').subarray(0, 12))).rejects.toThrow(/unexpected|src size/i);
  });
});
