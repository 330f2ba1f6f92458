/** Bodies that decompress, and those that cost more than they may. */
import { once } from 'node:events';
import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, test } from 'vitest';
import { boundMet, decompress, parseContentEncoding } from '../../src/ingest/decompress.ts';

const BYTES_MAX = 4 * 1024 * 1024;
const LIMITS = { bytesMax: BYTES_MAX, ratioMax: 1e9 };

/** A frame that does not say how long its content is, as streams make them. */
async function zstdFrame(windowLog: number): Promise<Buffer> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.write('x'.repeat(1000));
  stream.flush(() => stream.end('y'));
  await once(stream, 'end');
  return Buffer.concat(pieces);
}

test('gives back what was compressed, up to the bound and not beyond', () => {
  const text = Buffer.alloc(BYTES_MAX, 'ab');
  const more = Buffer.concat([text, Buffer.from('c')]);
  for (const [encoding, compress] of [
    ['identity', (bytes: Buffer) => bytes],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    const plain = decompress(compress(text), encoding, LIMITS);
    expect(typeof plain === 'object' && text.equals(plain), encoding).toBe(true);
    expect(decompress(compress(more), encoding, LIMITS)).toBe('too_large');
  }
  expect(decompress(gzipSync(text).subarray(0, -1), 'gzip', LIMITS)).toBe('undecompressable');
  expect(decompress(text, 'zstd', LIMITS)).toBe('undecompressable');
});

test('takes zstd windows that every decoder has to, and none that ask for more memory', async () => {
  const text = Buffer.from(`${'x'.repeat(1000)}y`);
  expect(decompress(await zstdFrame(23), 'zstd', LIMITS)).toEqual(text);
  expect(decompress(await zstdFrame(24), 'zstd', LIMITS)).toBe('undecompressable');
  expect(decompress(await zstdFrame(27), 'zstd', LIMITS)).toBe('undecompressable');
});

test('knows three encodings, in any case, and no list of them', () => {
  expect(['', 'identity', 'GZip', 'ZSTD'].map(parseContentEncoding)).toEqual(['identity', 'identity', 'gzip', 'zstd']);
  expect(['br', 'gzip, gzip', 'x-gzip', '__proto__'].map(parseContentEncoding)).toEqual(new Array(4).fill(undefined));
});

test('a body may become so many times its size, a small one 256 KiB, and none more than there is room for', () => {
  const limits = { bytesMax: BYTES_MAX, ratioMax: 100 };
  const zeros = (bytes: number): Buffer => gzipSync(Buffer.alloc(bytes));
  expect(decompress(zeros(256 * 1024), 'gzip', limits), 'a thousand to one, but small').toHaveLength(256 * 1024);
  expect(decompress(zeros(256 * 1024 + 1), 'gzip', limits)).toBe('too_dense');
  expect(decompress(zstdCompressSync(Buffer.alloc(256 * 1024 + 1)), 'zstd', limits)).toBe('too_dense');
  const random = seeded(61);
  const half = Buffer.concat([random.bytes(32 * 1024), Buffer.alloc(2 * 1024 * 1024)]);
  expect(decompress(gzipSync(half), 'gzip', limits), `seed ${random.seed}`).toHaveLength(half.length);
  const whole = Buffer.concat([random.bytes(64 * 1024), Buffer.alloc(BYTES_MAX)]);
  expect(decompress(gzipSync(whole), 'gzip', limits)).toBe('too_large');
  expect(boundMet('too_dense', limits)).toMatchObject({ limit: 'limits.decompression_ratio: 100' });
  expect(boundMet('too_large', limits)).toMatchObject({ limit: 'limits.decompressed: 4MiB' });
});
