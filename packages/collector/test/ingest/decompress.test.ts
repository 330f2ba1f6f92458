/** Bodies that decompress, and those that cost more than they may. */
import { once } from 'node:events';
import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompress, parseContentEncoding } from '../../src/ingest/decompress.ts';

const BYTES_MAX = 4 * 1024 * 1024;
const LIMITS = { bytesMax: BYTES_MAX, ratioMax: 10_000 };

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
