/**
 * The shared memory of the client table. Owns where each word of a client's slot lies; the table and the limits import
 * it and nobody else does.
 *
 *   header   64 words   slots, eviction age, hash seed, used, evicted, refused, threads
 *   locks    1 word per window of 16 slots: 0, or the number of the thread that holds it
 *   slots    48 words (192 bytes) each:
 *     0 generation   0 free · odd while the slot changes hands · even for the client that holds it
 *     1 hash         2 last seen, s
 *     4-6 limits: when each was last charged, s           7-9 limits: theoretical arrival time, ticks
 *    16-47 id, 4 ASCII bytes a word, zero-padded
 *   counters 8 doubles per thread and slot, all of the first thread, then all of the next: each has one writer
 */
import { hashed, mixed } from '@metricstream/proto/identity-set.ts';

export const HEADER_WORD = {
  slots: 0,
  evictAfterSeconds: 1,
  seed: 2,
  used: 3,
  evicted: 4,
  refused: 5,
  threads: 6,
} as const;
export const HEADER_WORDS = 64;
export const WINDOW_SLOTS = 16;
export const SLOT_WORDS = 48;
const ID_BYTES_MAX = 128;
export const ID_WORDS = ID_BYTES_MAX / 4;
export const COUNTERS_MAX = 8;

export const SLOT_WORD = {
  generation: 0,
  hash: 1,
  lastSeenSeconds: 2,
  chargedSeconds: 4,
  arrivalTicks: 7,
  id: 16,
} as const;

/** How many limits a slot has words for (limits.ts names them). */
export const LIMITS_MAX = 3;

const LOCK_SPINS = 200;
const LOCK_WAITS_MAX = 50;

/** @returns the position of slot 0 in a table of `slots`. */
export function firstSlotWord(slots: number): number {
  return HEADER_WORDS + slots / WINDOW_SLOTS;
}

/** @returns the position of the counters in a table of `slots`, in doubles. */
export function firstCounter(slots: number): number {
  return Math.ceil((firstSlotWord(slots) + slots * SLOT_WORDS) / 2);
}

/** @returns the bytes of a table of `slots` in which so many threads count. */
export function tableBytes(slots: number, threads: number): number {
  return (firstCounter(slots) + threads * slots * COUNTERS_MAX) * 8;
}

/**
 * @returns the word that each ASCII character adds to an id's hash, the same in every thread for the same seed. A seed
 * that only begins the hash would not keep ids from being prepared to collide (see proto's identity-set.ts).
 */
export function idWords(seed: number): Int32Array {
  return Int32Array.from({ length: 128 }, (_, code) => mixed(seed + Math.imul(code + 1, 0x9e3779b9)));
}

/**
 * Packs an id into `into`, 4 characters a word.
 * @param id 1 to ID_BYTES_MAX ASCII characters without NUL; anything else throws. @param words of `idWords`.
 * @returns its 32-bit hash, mixed once more so that the low bits may choose a window.
 */
export function packId(id: string, words: Int32Array, into: Int32Array): number {
  if (id.length === 0 || id.length > ID_BYTES_MAX)
    throw new RangeError(`a client id of ${id.length} characters; expected 1 to ${ID_BYTES_MAX}`);
  into.fill(0);
  let hash = 0;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    if (code === 0 || code > 127) throw new RangeError(`client id ${JSON.stringify(id)}: character ${i} is not ASCII`);
    into[i >> 2] = (into[i >> 2] ?? 0) | (code << ((i & 3) * 8));
    hash = hashed(hash, words[code] ?? 0);
  }
  return mixed(hash);
}

/** @returns the id of the slot that begins at word `at`. */
export function unpackId(words: Int32Array<SharedArrayBuffer>, at: number): string {
  const codes: number[] = [];
  for (let i = 0; i < ID_BYTES_MAX; i++) {
    const code = (Atomics.load(words, at + SLOT_WORD.id + (i >> 2)) >>> ((i & 3) * 8)) & 0xff;
    if (code === 0) break;
    codes.push(code);
  }
  return String.fromCharCode(...codes);
}

/**
 * Takes a lock that its holders keep for about a microsecond. A holder that was scheduled away is waited for, up to
 * LOCK_WAITS_MAX milliseconds.
 * @param holder a number from 1 on that names the thread.
 * @returns whether it was taken; not, when its holder died with it (see `freeLocksOf` in client-table.ts).
 */
export function tryLock(words: Int32Array<SharedArrayBuffer>, at: number, holder: number): boolean {
  for (let waits = 0; waits < LOCK_WAITS_MAX; waits++) {
    let held = 0;
    for (let i = 0; i < LOCK_SPINS; i++) {
      held = Atomics.compareExchange(words, at, 0, holder);
      if (held === 0) return true;
    }
    Atomics.wait(words, at, held, 1);
  }
  return false;
}

export function unlock(words: Int32Array<SharedArrayBuffer>, at: number): void {
  Atomics.store(words, at, 0);
}
