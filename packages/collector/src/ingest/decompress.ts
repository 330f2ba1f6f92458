/**
 * Bodies as they were before compression. Owns the bound: a body that would grow beyond it is refused while it grows,
 * not after.
 */
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';

export type ContentEncoding = 'identity' | 'gzip' | 'zstd';

/** What RFC 8878 3.1.1.1.2 asks of every decoder, 8 MiB. A frame of 20 bytes may ask for 128 MiB, and a millisecond. */
const ZSTD_WINDOW_LOG_MAX = 23;

/** @returns the encoding a Content-Encoding header names, or undefined when it is none we take. */
export function parseContentEncoding(value: string): ContentEncoding | undefined {
  if (value === '') return 'identity';
  const name = value.toLowerCase();
  return name === 'identity' || name === 'gzip' || name === 'zstd' ? name : undefined;
}

/** @returns the plain bytes, or why there are none. */
export function decompress(
  body: Uint8Array,
  encoding: ContentEncoding,
  bytesMax: number,
): Uint8Array | 'undecompressable' | 'too_large' {
  if (encoding === 'identity') return body.length > bytesMax ? 'too_large' : body;
  try {
    const options = { maxOutputLength: bytesMax };
    if (encoding === 'gzip') return gunzipSync(body, options);
    return zstdDecompressSync(body, { ...options, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } });
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    return tooLarge ? 'too_large' : 'undecompressable';
  }
}
