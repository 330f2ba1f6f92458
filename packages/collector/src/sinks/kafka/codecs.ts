/**
 * Compression of record batches by node:zlib, in the form kafkajs takes: gzip at level 1 (its own is at 6, twice the CPU for
 * 2 % fewer bytes), zstd, which it lacks. What is small is done in place: handing it to a thread costs several times as
 * much. Promises that decompressing never makes more than a fixed number of bytes (unread.ts), and that what is compressed
 * otherwise is known as such.
 */
import { promisify } from 'node:util';
import {
  constants,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { readBatch, unknownCompression } from './unread.ts';

/** 0.1 to 0.2 ms in place. */
const SMALL_BYTES = 32 * 1024;

export interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const asyncGzip = promisify(gzip);
const asyncGunzip = promisify(gunzip);
const asyncZstd = promisify(zstdCompress);
const asyncUnzstd = promisify(zstdDecompress);
const fast = { level: constants.Z_BEST_SPEED };

export const gzipCodec: Codec = {
  compress: async ({ buffer }) => (isSmall(buffer) ? gzipSync(buffer, fast) : asyncGzip(buffer, fast)),
  decompress: (buffer) =>
    readBatch(buffer, async (bounds) => (isSmall(buffer) ? gunzipSync(buffer, bounds) : asyncGunzip(buffer, bounds))),
};

export const zstdCodec: Codec = {
  compress: async ({ buffer }) => (isSmall(buffer) ? zstdCompressSync(buffer) : asyncZstd(buffer)),
  decompress: (buffer) =>
    readBatch(buffer, async (bounds) =>
      isSmall(buffer) ? zstdDecompressSync(buffer, bounds) : asyncUnzstd(buffer, bounds),
    ),
};

function isSmall(buffer: Buffer): boolean {
  return buffer.length <= SMALL_BYTES;
}

/** Of others' batches, which nothing here can read. */
export function foreignCodec(name: string): Codec {
  return {
    compress: () => Promise.reject(new Error(`nothing is compressed by ${name}`)),
    decompress: (buffer) => unknownCompression(name, buffer),
  };
}
