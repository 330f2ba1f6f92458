/**
 * Bodies as they were before compression. Owns the bounds: a body that would grow beyond one is refused while it grows,
 * not after, and the bound it met is named.
 */
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { formatBytes } from '@metricstream/shared/units.ts';

export type ContentEncoding = 'identity' | 'gzip' | 'zstd';

export interface DecompressionLimits {
  /** Of any body, decompressed. */
  readonly bytesMax: number;
  /** What the bound is called where it is not `limits.decompressed`. */
  readonly bytesName?: string;
  /** Times its size on the wire that a body may become; small ones may always become RATIO_FREE_BYTES. */
  readonly ratioMax: number;
}

/** `too_dense`: within `bytesMax` perhaps, but beyond the ratio. */
export type DecompressionFault = 'undecompressable' | 'too_large' | 'too_dense';

/** A batch of many equal values compresses beyond any ratio; so much costs nobody anything. */
const RATIO_FREE_BYTES = 256 * 1024;

/** What RFC 8878 3.1.1.1.2 asks of every decoder, 8 MiB. A frame of 20 bytes may ask for 128 MiB, and a millisecond. */
const ZSTD_WINDOW_LOG_MAX = 23;

/** @returns the encoding a Content-Encoding header names, or undefined when it is none we take. */
export function parseContentEncoding(value: string): ContentEncoding | undefined {
  if (value === '') return 'identity';
  const name = value.toLowerCase();
  return name === 'identity' || name === 'gzip' || name === 'zstd' ? name : undefined;
}

/** @returns how large a body of so many bytes may become. */
export function decompressedBytesMax(
  sentBytes: number,
  encoding: ContentEncoding,
  { bytesMax, ratioMax }: DecompressionLimits,
): number {
  if (encoding === 'identity') return bytesMax;
  return Math.min(bytesMax, Math.max(RATIO_FREE_BYTES, sentBytes * ratioMax));
}

/** @returns the plain bytes, or why there are none. */
export function decompress(
  body: Uint8Array,
  encoding: ContentEncoding,
  limits: DecompressionLimits,
): Uint8Array | DecompressionFault {
  const maxOutputLength = decompressedBytesMax(body.length, encoding, limits);
  if (encoding === 'identity') return body.length > maxOutputLength ? 'too_large' : body;
  try {
    if (encoding === 'gzip') return gunzipSync(body, { maxOutputLength });
    const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };
    return zstdDecompressSync(body, { maxOutputLength, params });
  } catch (error) {
    const grew = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    if (!grew) return 'undecompressable';
    return maxOutputLength < limits.bytesMax ? 'too_dense' : 'too_large';
  }
}

/** @returns what is wrong, and the bound as the configuration has it. */
export function boundMet(
  fault: Exclude<DecompressionFault, 'undecompressable'>,
  { bytesMax, bytesName = 'limits.decompressed', ratioMax }: DecompressionLimits,
): { detail: string; limit: string } {
  const [what, limit] =
    fault === 'too_dense'
      ? [
          `for its size on the wire; beyond ${formatBytes(RATIO_FREE_BYTES)} it may be so many times as large`,
          `limits.decompression_ratio: ${ratioMax}`,
        ]
      : ['', `${bytesName}: ${formatBytes(bytesMax)}`];
  return { detail: `the body as decompressed${what === '' ? '' : `, ${what}`} (${limit})`, limit };
}
