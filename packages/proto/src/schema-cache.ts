/**
 * What a walker has already verified: the schema of a batch (its symbols, resource and series, which lie together) is
 * the same bytes from batch to batch of one client, so it is verified once and compared afterwards. Owns copies of
 * those bytes, bounded in number and bytes; promises that only equal bytes are found, whatever hashes do.
 *
 * Two ways per set: a client that alternates between two schemas, because a slow sampler joins every third sweep,
 * keeps both.
 */
import { mixed } from './identity-set.ts';

const SETS = 16_384;
const WAYS = 2;

export interface SchemaCache {
  /** @returns the slot whose schema the bytes from `at` begin with, or -1. */
  find(bytes: Uint8Array, at: number, end: number, clientHash: number): number;
  /** Length in bytes of what a found slot holds. */
  length(slot: number): number;
  /** How many series a found slot's schema describes. */
  series(slot: number): number;
  /** Keeps a copy of a verified schema; the least recently stored of the client's set makes room. */
  store(bytes: Uint8Array, at: number, end: number, clientHash: number, series: number): void;
}

/** Memory of a copy is taken in such pieces, so that the next schema of the client mostly fits it. */
const PIECE_BYTES = 256;

/** @param bytesMax of all copies together; a schema larger than a 64th of it is not kept. */
export function createSchemaCache(bytesMax: number): SchemaCache {
  const copies: (Buffer | undefined)[] = Array.from({ length: SETS * WAYS }, () => undefined);
  const lengths = new Int32Array(SETS * WAYS);
  const seriesCounts = new Int32Array(SETS * WAYS);
  let bytesKept = 0;
  let hand = 0;

  /** @returns how many bytes are free now that were not before. */
  const drop = (slot: number): number => {
    const freed = copies[slot]?.length ?? 0;
    copies[slot] = undefined;
    bytesKept -= freed;
    return freed;
  };
  const holds = (slot: number, bytes: Uint8Array, at: number, end: number): boolean => {
    const copy = copies[slot];
    if (copy === undefined) return false;
    const length = lengths[slot]!;
    // The last byte first: it spares most unequal schemas the call.
    if (at + length > end || bytes[at + length - 1] !== copy[length - 1]) return false;
    return copy.compare(bytes, at, at + length, 0, length) === 0;
  };
  /** @returns memory for `length` bytes: the slot's own where that fits, and its copy is forgotten either way. */
  const memory = (slot: number, length: number): Buffer => {
    const own = copies[slot];
    const needed = Math.ceil(length / PIECE_BYTES) * PIECE_BYTES;
    if (own !== undefined && own.length >= length && own.length <= needed * 2) return own;
    drop(slot);
    for (let missing = bytesKept + needed - bytesMax; missing > 0; hand = (hand + 1) % copies.length)
      missing -= drop(hand);
    bytesKept += needed;
    return Buffer.allocUnsafeSlow(needed);
  };

  return {
    find(bytes, at, end, clientHash) {
      const slot = (mixed(clientHash) & (SETS - 1)) * WAYS;
      if (holds(slot, bytes, at, end)) return slot;
      return holds(slot + 1, bytes, at, end) ? slot + 1 : -1;
    },
    length: (slot) => lengths[slot]!,
    series: (slot) => seriesCounts[slot]!,
    store(bytes, at, end, clientHash, series) {
      const length = end - at;
      if ((length + PIECE_BYTES) * 64 > bytesMax) return;
      const slot = (mixed(clientHash) & (SETS - 1)) * WAYS;
      const copy = memory(slot + 1, length);
      copy.set(bytes.subarray(at, end));
      copies[slot + 1] = copies[slot];
      lengths[slot + 1] = lengths[slot]!;
      seriesCounts[slot + 1] = seriesCounts[slot]!;
      copies[slot] = copy;
      lengths[slot] = length;
      seriesCounts[slot] = series;
    },
  };
}
