/**
 * Finds equal members of one table in one pass: symbols that come twice, series that would overwrite each other. Owns a
 * hash set over preallocated memory, and promises that a hash only suggests equality: `same` decides.
 */
import { randomInt } from 'node:crypto';

export interface IdentitySet {
  /** Forgets all members, in constant time. */
  clear(): void;
  /** Takes the next member, numbered from 0. @returns the number of an equal member taken before, or -1. */
  add(hash: number): number;
}

const SLOTS_AT_FIRST = 1024;

/**
 * @param membersMax how many members `add` may take between two `clear`s.
 * @param same whether members `a` and `b` are equal; asked only when their hashes are.
 */
export function createIdentitySet(membersMax: number, same: (a: number, b: number) => boolean): IdentitySet {
  // Twice the members at most in use, so probes stay short, and few slots for few members, so they stay in the CPU's cache.
  const slotsMax = Math.max(2 ** Math.ceil(Math.log2(membersMax * 2)), SLOTS_AT_FIRST);
  /** Per slot: the generation it was taken in, the member. */
  const slots = new Int32Array(slotsMax * 2);
  const hashes = new Int32Array(membersMax);
  let mask = SLOTS_AT_FIRST - 1;
  let generation = 0;
  let count = 0;

  const nextGeneration = (): void => {
    generation = (generation + 1) | 0;
    if (generation !== 0) return;
    slots.fill(0);
    generation = 1;
  };
  const grow = (): void => {
    mask = mask * 4 + 3;
    if (mask >= slotsMax) mask = slotsMax - 1;
    nextGeneration();
    for (let member = 0; member < count; member++) {
      let slot = mixed(hashes[member]!) & mask;
      while (slots[slot * 2] === generation) slot = (slot + 1) & mask;
      slots[slot * 2] = generation;
      slots[slot * 2 + 1] = member;
    }
  };

  return {
    clear() {
      count = 0;
      mask = SLOTS_AT_FIRST - 1;
      nextGeneration();
    },
    add(hash) {
      if (count * 2 > mask) grow();
      let slot = mixed(hash) & mask;
      while (slots[slot * 2] === generation) {
        const other = slots[slot * 2 + 1]!;
        if (hashes[other] === hash && same(other, count)) return other;
        slot = (slot + 1) & mask;
      }
      slots[slot * 2] = generation;
      slots[slot * 2 + 1] = count;
      hashes[count++] = hash;
      return -1;
    },
  };
}

/** Where hashes begin: random per process. */
export const HASH_SEED = randomInt(2 ** 32) | 0;

/**
 * Per byte value a random word, new in each process, so that nobody outside can prepare texts that collide. A seed alone
 * does not do that: this hash is affine in it once its low byte is given, and there are only 256 of those to prepare for.
 */
export const BYTE_WORDS = Int32Array.from({ length: 256 }, () => randomInt(2 ** 32) | 0);

/**
 * @returns `hash` continued by one word of 32 bits: FNV-1a, and a rotation so that the high bits reach the low ones too.
 * Nobody outside can tell which hashes collide only where they cannot tell the words.
 */
export function hashed(hash: number, word: number): number {
  const bits = Math.imul(hash ^ word, 0x01000193);
  return (bits << 13) | (bits >>> 19);
}

/** Spreads a hash over all its bits (MurmurHash3's finalizer), since a table uses the low ones only. */
export function mixed(hash: number): number {
  let bits = hash ^ (hash >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
