/**
 * The decisions of one ingest worker, newest last, for whoever watches (`tap`, `top`). Owns a small ring that never
 * makes the worker wait: it overwrites the oldest. Promises that the reader hands out no torn entry and counts every
 * one that it missed. Counters do not depend on it; they are in the client's slot (admission/client-table.ts).
 *
 *   byte     0  i32 capacity in entries
 *   byte   128  i32 claimed     every entry below it may be being overwritten; moves ahead CLAIM entries at a time
 *   byte   256  i32 published   every entry below it is complete
 *   byte   384  entries of 16 bytes: u32 client slot · u32 time, ms · u8 allowed, u8 reason, u16 0 · u32 check
 *
 * Indices count entries and wrap at 2^32. The reader copies an entry, then looks at `claimed` again: if the writer may
 * have come round since, the copy is thrown away. The check word covers what plain reads and writes of shared memory
 * do not promise on every CPU: that the copy is seen in the order it was written. One reader per ring, which reads at
 * least once in 2^31 decisions.
 */

const WORD = { capacity: 0, claimed: 32, published: 64 } as const;
const DATA_WORD = 96;
const ENTRY_WORDS = 4;
/** Storing an index is a full fence; claiming some entries at once spares it on most decisions. */
const CLAIM = 16;
export const DECISIONS_MIN = 64;

/** Why a request was allowed or not. */
export const DecisionReason = {
  accepted: 0,
  duplicate: 1,
  /** 429: requests/s, bytes/s, points/s. */
  requests: 2,
  bytes: 3,
  points: 4,
  /** 503: the ring is full, the journal failed or is full, no slot for one more client. */
  ringFull: 5,
  journal: 6,
  clients: 7,
  /** 401, 403. */
  auth: 8,
  /** 400, 413, 415, 422. */
  malformed: 9,
  /** 409. */
  conflict: 10,
  /** 503: shutting down. */
  draining: 11,
} as const;
export type DecisionReason = (typeof DecisionReason)[keyof typeof DecisionReason];

/** @param entries a power of two, DECISIONS_MIN at least. */
export function createDecisions(entries = 1024): SharedArrayBuffer {
  if (entries < DECISIONS_MIN || !Number.isInteger(Math.log2(entries)))
    throw new RangeError(`${entries} decisions; expected a power of two, ${DECISIONS_MIN} at least`);
  const shared = new SharedArrayBuffer((DATA_WORD + entries * ENTRY_WORDS) * 4);
  new Int32Array(shared)[WORD.capacity] = entries;
  return shared;
}

/** Mixes an entry's index and words, so that parts of two entries do not make a third. */
function checkOf(index: number, slot: number, timeMs: number, outcome: number): number {
  let x = Math.imul(index ^ 0x5bd1e995, 0x9e3779b1);
  x = Math.imul((x ^ (x >>> 15)) + slot, 0x85ebca6b);
  x = Math.imul((x ^ (x >>> 13)) + timeMs, 0xc2b2ae35);
  return ((x ^ (x >>> 16)) + outcome) | 0;
}

export interface DecisionWriter {
  /** Writes one decision, wait-free. `timeMs` is the low 32 bits of the shared monotonic clock. */
  record(slot: number, timeMs: number, allowed: boolean, reason: DecisionReason): void;
  /** Shows what was recorded to the reader; once per event-loop turn. */
  publish(): void;
}

/** For the ingest worker that owns the ring, and no other thread. */
export function createDecisionWriter(shared: SharedArrayBuffer): DecisionWriter {
  return new Writer(shared);
}

/** A class for the reason given in ring-writer.ts. */
class Writer implements DecisionWriter {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;
  #index = 0;
  #claimed = 0;
  #published = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
    this.#mask = (this.#words[WORD.capacity] ?? 0) - 1;
    this.#index = Atomics.load(this.#words, WORD.published);
    this.#published = this.#index;
    this.#claimed = this.#index;
  }

  record(slot: number, timeMs: number, allowed: boolean, reason: DecisionReason): void {
    const index = this.#index;
    if (index === this.#claimed) {
      this.#claimed = (index + CLAIM) | 0;
      Atomics.store(this.#words, WORD.claimed, this.#claimed);
    }
    const at = DATA_WORD + (index & this.#mask) * ENTRY_WORDS;
    const outcome = (allowed ? 1 : 0) | (reason << 8);
    this.#words[at] = slot;
    this.#words[at + 1] = timeMs;
    this.#words[at + 2] = outcome;
    this.#words[at + 3] = checkOf(index, slot | 0, timeMs | 0, outcome);
    this.#index = (index + 1) | 0;
  }

  publish(): void {
    if (this.#index === this.#published) return;
    this.#published = this.#index;
    Atomics.store(this.#words, WORD.published, this.#index);
  }
}

/** What the reader calls for each decision; `timeMs` is unsigned. */
export type OnDecision = (slot: number, timeMs: number, allowed: boolean, reason: DecisionReason) => void;

export interface DecisionReader {
  /** Hands out, in order, every decision published since the last call that is still whole. @returns how many. */
  read(each: OnDecision): number;
  /** @returns how many decisions this reader has missed since it was made, because it came too late. */
  overwritten(): number;
}

/** For one thread; a reader begins with what is published when it is made. */
export function createDecisionReader(shared: SharedArrayBuffer): DecisionReader {
  const words = new Int32Array(shared);
  const capacity = words[WORD.capacity] ?? 0;
  let cursor = Atomics.load(words, WORD.published);
  let missed = 0;

  function read(each: OnDecision): number {
    const end = Atomics.load(words, WORD.published);
    let given = 0;
    while (cursor !== end) {
      const at = DATA_WORD + (cursor & (capacity - 1)) * ENTRY_WORDS;
      const slot = words[at] ?? 0;
      const timeMs = words[at + 1] ?? 0;
      const outcome = words[at + 2] ?? 0;
      const check = words[at + 3] ?? 0;
      const lost = (Atomics.load(words, WORD.claimed) - capacity - cursor) | 0;
      if (lost > 0) {
        // Everything the writer may have touched goes at once, but never more than what is published.
        const skip = Math.min(lost, (end - cursor) | 0);
        missed += skip;
        cursor = (cursor + skip) | 0;
        continue;
      }
      if (check === checkOf(cursor, slot, timeMs, outcome)) {
        each(slot >>> 0, timeMs >>> 0, (outcome & 1) === 1, ((outcome >>> 8) & 0xff) as DecisionReason);
        given++;
      } else missed++;
      cursor = (cursor + 1) | 0;
    }
    return given;
  }

  return { read, overwritten: () => missed };
}
