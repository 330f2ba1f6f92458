/**
 * Reading protobuf's primitives in place. Owns varints and 64-bit words for the walker and the reader, and promises
 * never to read past `end`: a fault is a negative number, never a throw.
 */

/** Where a reader stands; functions that consume bytes move `at`. */
export interface Cursor {
  at: number;
}

/** `readVarint` met `end` before the varint's last byte. */
export const VARINT_TRUNCATED = -1;
/** `readVarint` met an eleventh byte, or bits beyond 64. */
export const VARINT_TOO_LONG = -2;

export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** What a doc comment in metricstream.proto calls "below 2^53". */
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;

const TWO_32 = 4294967296;

/**
 * Reads the varint at `cursor.at` and moves past it.
 * @returns its value, exact up to 2^53 and merely greater than that above, or one of the VARINT_ faults; then the cursor
 * has not moved.
 */
export function readVarint(bytes: Uint8Array, cursor: Cursor, end: number): number {
  const at = cursor.at;
  if (at >= end) return VARINT_TRUNCATED;
  const first = bytes[at]!;
  if (first < 0x80) {
    cursor.at = at + 1;
    return first;
  }
  return readLongVarint(bytes, cursor, end);
}

function readLongVarint(bytes: Uint8Array, cursor: Cursor, end: number): number {
  let at = cursor.at;
  let value = 0;
  let scale = 1;
  for (let index = 0; index < 10; index++) {
    if (at >= end) return VARINT_TRUNCATED;
    const byte = bytes[at++]!;
    if (index === 9 && byte > 1) return VARINT_TOO_LONG;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      cursor.at = at;
      return value;
    }
    scale *= 128;
  }
  return VARINT_TOO_LONG;
}

/** @returns the little-endian u32 at `at`, which must be within `bytes`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** @returns the fixed64 at `at` as a number: exact up to 2^53, merely greater than that above. */
export function readFixed64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + 4) * TWO_32 + readU32(bytes, at);
}

/** @returns the fixed64 at `at`, exact. */
export function readFixed64BigInt(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32(bytes, at + 4)) << 32n) | BigInt(readU32(bytes, at));
}
