/**
 * What is counted per client. Owns the counters' part of the client table's memory: every thread has a row of its own
 * for each slot, so that counting takes no atomic operation, and whoever reads adds the rows up. A row whose thread is
 * at a slot that changes hands meanwhile may keep that one count; nobody is at a slot that has been idle for so long.
 */
import { COUNTERS_MAX, firstCounter } from './client-slots.ts';

/** The position of each in its row. */
export const ClientCounter = {
  batches: 0,
  points: 1,
  bytes: 2,
  duplicates: 3,
  /** 429. */
  refusedLimit: 4,
  /** 503. */
  refusedBusy: 5,
  /** 4xx that says never again. */
  rejected: 6,
  /** 409. */
  conflicts: 7,
} as const;
export type ClientCounter = (typeof ClientCounter)[keyof typeof ClientCounter];

export interface ClientCounters {
  /** Adds to this thread's row. */
  add(slot: number, counter: ClientCounter, amount: number): void;
  /** The three of a batch that came in. */
  addBatch(slot: number, points: number, bytes: number): void;
  /** @returns what all threads have counted, each as of some moment during the call. */
  sum(slot: number, counter: ClientCounter): number;
  /** The slot is another client's now. */
  clear(slot: number): void;
}

/** @param holder the number of this thread, from 1 on. */
export function openClientCounters(
  shared: SharedArrayBuffer,
  { slots, threads }: { slots: number; threads: number },
  holder: number,
): ClientCounters {
  return new Rows(shared, slots, threads, holder);
}

/** A class for the reason given in ring-writer.ts. */
class Rows implements ClientCounters {
  readonly #cells: Float64Array<SharedArrayBuffer>;
  readonly #slots: number;
  readonly #threads: number;
  readonly #own: number;

  constructor(shared: SharedArrayBuffer, slots: number, threads: number, holder: number) {
    this.#cells = new Float64Array(shared, firstCounter(slots) * 8);
    this.#slots = slots;
    this.#threads = threads;
    this.#own = (holder - 1) * slots * COUNTERS_MAX;
  }

  add(slot: number, counter: ClientCounter, amount: number): void {
    const at = this.#own + slot * COUNTERS_MAX + counter;
    this.#cells[at] = (this.#cells[at] as number) + amount;
  }

  addBatch(slot: number, points: number, bytes: number): void {
    const cells = this.#cells;
    const at = this.#own + slot * COUNTERS_MAX;
    cells[at + ClientCounter.batches]! += 1;
    cells[at + ClientCounter.points]! += points;
    cells[at + ClientCounter.bytes]! += bytes;
  }

  sum(slot: number, counter: ClientCounter): number {
    let sum = 0;
    for (let thread = 0; thread < this.#threads; thread++)
      sum += this.#cells[(thread * this.#slots + slot) * COUNTERS_MAX + counter] as number;
    return sum;
  }

  clear(slot: number): void {
    for (let thread = 0; thread < this.#threads; thread++) {
      const from = (thread * this.#slots + slot) * COUNTERS_MAX;
      this.#cells.fill(0, from, from + COUNTERS_MAX);
    }
  }
}
