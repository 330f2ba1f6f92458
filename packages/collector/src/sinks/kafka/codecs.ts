/**
 * Compression of record batches by node:zlib, in the form kafkajs takes: gzip at level 1 (its own is at 6, twice the CPU for
 * 2 % fewer bytes), zstd, which it lacks. What is small is done in place: handing it to a thread costs several times as
 * much. Promises that decompressing never makes more than a fixed number of bytes.
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

/** Far above what a batch of ours comes to (1 MiB stored); a bomb ends here and not with the process. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
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
const bounded = { maxOutputLength: OUTPUT_BYTES_MAX };

export const gzipCodec: Codec = {
  compress: async ({ buffer }) => (isSmall(buffer) ? gzipSync(buffer, fast) : asyncGzip(buffer, fast)),
  decompress: async (buffer) => (isSmall(buffer) ? gunzipSync(buffer, bounded) : asyncGunzip(buffer, bounded)),
};

export const zstdCodec: Codec = {
  compress: async ({ buffer }) => (isSmall(buffer) ? zstdCompressSync(buffer) : asyncZstd(buffer)),
  decompress: async (buffer) => (isSmall(buffer) ? zstdDecompressSync(buffer, bounded) : asyncUnzstd(buffer, bounded)),
};

function isSmall(buffer: Buffer): boolean {
  return buffer.length <= SMALL_BYTES;
}
