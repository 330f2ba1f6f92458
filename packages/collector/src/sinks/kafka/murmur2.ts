/**
 * Which partition a key belongs to: Kafka's own rule, murmur2 of the key's bytes (seed 0x9747b28c) with the sign bit
 * cleared, modulo the partitions. Pure. Promises the same partition as Kafka's Java client for every key.
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** @returns the hash as Kafka's Java client computes it, as a signed 32-bit number. */
export function murmur2(key: Uint8Array): number {
  const length = key.length;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k = byte(key, at) | (byte(key, at + 1) << 8) | (byte(key, at + 2) << 16) | (byte(key, at + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = length & 3;
  if (rest === 3) hash ^= byte(key, whole + 2) << 16;
  if (rest >= 2) hash ^= byte(key, whole + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byte(key, whole), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, of so many (1 at least). Text is taken as UTF-8, as Kafka's StringSerializer does. */
export function partitionFor(key: Uint8Array | string, partitions: number): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key;
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}

/** In range by construction; `?? 0` is never taken. */
function byte(key: Uint8Array, at: number): number {
  return key[at] ?? 0;
}
