/**
 * Every client's slot, in memory that all workers share. Owns which id holds which slot and promises one slot per id,
 * however many workers ask at once, and bounded memory, however many ids come. An id hashes to one window of 16 slots
 * and lives nowhere else. Finding a known id takes no lock; taking or evicting a slot locks its window.
 *
 * Invariant: a slot changes hands only while its window is locked and its generation is odd, and only if nobody has
 * touched it for `evictAfterSeconds`; whoever keeps a slot for longer compares its generation (`isCurrent`).
 */
import { randomInt } from 'node:crypto';
import {
  firstSlotWord,
  HEADER_WORD,
  HEADER_WORDS,
  ID_WORDS,
  idWords,
  LIMITS_MAX,
  packId,
  SLOT_WORD,
  SLOT_WORDS,
  tableBytes,
  tryLock,
  unlock,
  unpackId,
  WINDOW_SLOTS,
} from './client-slots.ts';
import { type ClientCounters, openClientCounters } from './client-counters.ts';
import { ticksToSeconds } from './monotonic.ts';

export const CLIENTS_MAX = 16_384;
/** The most that limits.clients may ask for: gigabytes of address space, of which only used slots take memory. */
export const CLIENTS_BOUND = 2 ** 20;
/** With four slots a client, a window of 16 overflows for fewer than one client in a million. */
const SLOTS_PER_CLIENT = 4;
/** Longer than any debt (limits.ts), so that no client sheds one by being evicted. */
export const EVICT_AFTER_SECONDS = 120;
const EVICT_AFTER_SECONDS_MIN = 61;
const THREADS_BOUND = 128;

export interface ClientTable {
  /** The table's memory and where slot 0 begins, for limits.ts. */
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly firstSlot: number;
  readonly slots: number;
  /** How many threads may count and charge at once. */
  readonly threads: number;
  readonly counters: ClientCounters;
  /**
   * Finds or takes the slot of a client and marks it seen.
   * @param id 1 to 128 ASCII characters, checked before; anything else throws.
   * @returns the slot, or -1 when the id's window is full of clients seen in the last `evictAfterSeconds` (answer 503).
   */
  find(id: string, nowTicks: number): number;
  /** @returns what changes when the slot goes to another client. */
  generation(slot: number): number;
  /** @returns whether the slot still belongs to the client it had at `generation`; marks it seen. */
  isCurrent(slot: number, generation: number, nowTicks: number): boolean;
  /** @returns the id that holds the slot, '' when it is free or changing hands. */
  idOf(slot: number): string;
  /** @returns the slots that are held now. */
  heldSlots(): number[];
  /** @returns slots in the table, slots held, clients evicted and clients refused so far. */
  usage(): { slots: number; used: number; evicted: number; refused: number };
}

export interface ClientTableOptions {
  evictAfterSeconds?: number;
  /** The greatest holder's number with which the table will be opened. */
  threads?: number;
}

/**
 * Allocates a table, which takes memory only where slots are used.
 * @param clientsMax this many clients find a slot; up to four times as many may.
 */
export function createClientTable(clientsMax = CLIENTS_MAX, options: ClientTableOptions = {}): SharedArrayBuffer {
  const { evictAfterSeconds = EVICT_AFTER_SECONDS, threads = 1 } = options;
  if (!(clientsMax >= 1 && clientsMax <= CLIENTS_BOUND))
    throw new RangeError(`a table for ${clientsMax} clients; expected 1 to ${CLIENTS_BOUND}`);
  if (!(evictAfterSeconds >= EVICT_AFTER_SECONDS_MIN))
    throw new RangeError(`eviction after ${evictAfterSeconds} s; expected ${EVICT_AFTER_SECONDS_MIN} s at least`);
  if (!(threads >= 1 && threads <= THREADS_BOUND))
    throw new RangeError(`a table for ${threads} threads; expected 1 to ${THREADS_BOUND}`);
  const slots = Math.max(WINDOW_SLOTS, 2 ** Math.ceil(Math.log2(clientsMax * SLOTS_PER_CLIENT)));
  const shared = new SharedArrayBuffer(tableBytes(slots, threads));
  const words = new Int32Array(shared);
  words[HEADER_WORD.threads] = threads;
  words[HEADER_WORD.slots] = slots;
  words[HEADER_WORD.evictAfterSeconds] = evictAfterSeconds;
  // Nobody outside can choose ids that all fall into one window.
  words[HEADER_WORD.seed] = randomInt(2 ** 31);
  return shared;
}

/**
 * Any thread opens the table for itself; the result belongs to that thread.
 * @param holder a number from 1 to the table's threads that tells whose a lock and a count is: each thread that writes
 * has one of its own.
 */
export function openClientTable(shared: SharedArrayBuffer, holder = 1): ClientTable {
  return new Table(shared, holder);
}

/** Opens the windows that a thread held locked when it died; call it before another thread gets its number. */
export function freeLocksOf(shared: SharedArrayBuffer, holder: number): void {
  const words = new Int32Array(shared);
  const windows = (words[HEADER_WORD.slots] ?? 0) / WINDOW_SLOTS;
  for (let i = 0; i < windows; i++) Atomics.compareExchange(words, HEADER_WORDS + i, holder, 0);
}

class Table implements ClientTable {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly firstSlot: number;
  readonly slots: number;
  readonly threads: number;
  readonly #holder: number;
  readonly counters: ClientCounters;
  readonly #evictAfterSeconds: number;
  readonly #idWords: Int32Array;
  /**
   * Slots this thread has found before; an entry whose generation has passed is worth nothing. In the second in which
   * one was marked seen nobody can have taken it.
   */
  readonly #known = new Map<string, { slot: number; generation: number; seenSeconds: number }>();
  #nowTicks = Number.NaN;
  /** Of #nowTicks: worked out once for all requests of a turn. */
  #nowSeconds = 0;
  /** The id that is looked for, packed. */
  readonly #id = new Int32Array(ID_WORDS);
  /** The generation under which it was found; read again later, it might be the next client's. */
  #foundGeneration = 0;

  constructor(shared: SharedArrayBuffer, holder: number) {
    this.#holder = holder;
    this.words = new Int32Array(shared);
    this.slots = this.words[HEADER_WORD.slots] ?? 0;
    this.threads = this.words[HEADER_WORD.threads] ?? 0;
    if (!(holder >= 1 && holder <= this.threads))
      throw new RangeError(`the client table was made for ${this.threads} threads, this is number ${holder}`);
    this.counters = openClientCounters(shared, this, holder);
    this.#evictAfterSeconds = this.words[HEADER_WORD.evictAfterSeconds] ?? 0;
    this.#idWords = idWords(this.words[HEADER_WORD.seed] ?? 0);
    this.firstSlot = firstSlotWord(this.slots);
  }

  #at(slot: number): number {
    return this.firstSlot + slot * SLOT_WORDS;
  }

  generation(slot: number): number {
    return Atomics.load(this.words, this.#at(slot) + SLOT_WORD.generation);
  }

  #lastSeenSeconds(slot: number): number {
    return Atomics.load(this.words, this.#at(slot) + SLOT_WORD.lastSeenSeconds);
  }

  isCurrent(slot: number, generation: number, nowTicks: number): boolean {
    const nowSeconds = ticksToSeconds(nowTicks);
    // Seen first, generation then: an evictor does it the other way round, so one of the two notices the other.
    if (nowSeconds > this.#lastSeenSeconds(slot))
      Atomics.store(this.words, this.#at(slot) + SLOT_WORD.lastSeenSeconds, nowSeconds);
    return this.generation(slot) === generation;
  }

  find(id: string, nowTicks: number): number {
    if (nowTicks !== this.#nowTicks) {
      this.#nowTicks = nowTicks;
      this.#nowSeconds = ticksToSeconds(nowTicks);
    }
    const seen = this.#known.get(id);
    const isSeen = seen?.seenSeconds === this.#nowSeconds;
    if (seen !== undefined && (isSeen || this.isCurrent(seen.slot, seen.generation, nowTicks))) {
      seen.seenSeconds = this.#nowSeconds;
      return seen.slot;
    }
    return this.#findUnknown(id, nowTicks);
  }

  #findUnknown(id: string, nowTicks: number): number {
    const hash = packId(id, this.#idWords, this.#id);
    const first = (hash & (this.slots / WINDOW_SLOTS - 1)) * WINDOW_SLOTS;
    let slot = this.#scan(first, hash, nowTicks);
    if (slot === -1) slot = this.#take(first, hash, nowTicks);
    if (slot === -1) return -1;
    if (this.#known.size >= this.slots) this.#known.clear();
    this.#known.set(id, { slot, generation: this.#foundGeneration, seenSeconds: this.#nowSeconds });
    return slot;
  }

  /** @returns the slot among the 16 from `first` that holds the id packed in #id, marked seen, or -1. */
  #scan(first: number, hash: number, nowTicks: number): number {
    for (let slot = first; slot < first + WINDOW_SLOTS; slot++) {
      const generation = this.generation(slot);
      if (generation === 0 || (generation & 1) === 1 || !this.#holds(slot, hash)) continue;
      if (!this.isCurrent(slot, generation, nowTicks)) continue;
      this.#foundGeneration = generation;
      return slot;
    }
    return -1;
  }

  /** Atomics throughout, since another worker may be writing this very slot: `isCurrent` tells afterwards. */
  #holds(slot: number, hash: number): boolean {
    const at = this.#at(slot);
    if (Atomics.load(this.words, at + SLOT_WORD.hash) !== hash) return false;
    for (let i = 0; i < ID_WORDS; i++)
      if (Atomics.load(this.words, at + SLOT_WORD.id + i) !== this.#id[i]) return false;
    return true;
  }

  #take(first: number, hash: number, nowTicks: number): number {
    const lockAt = HEADER_WORDS + first / WINDOW_SLOTS;
    if (!tryLock(this.words, lockAt, this.#holder)) return -1;
    const found = this.#scan(first, hash, nowTicks);
    const slot = found === -1 ? this.#claim(first, ticksToSeconds(nowTicks)) : found;
    if (found === -1 && slot !== -1) this.#fill(slot, hash, nowTicks);
    unlock(this.words, lockAt);
    if (slot === -1) Atomics.add(this.words, HEADER_WORD.refused, 1);
    return slot;
  }

  /** With the window locked: @returns a free slot, else the one idle longest if idle enough, its generation odd; or -1. */
  #claim(first: number, nowSeconds: number): number {
    let oldest = first;
    for (let slot = first; slot < first + WINDOW_SLOTS; slot++) {
      const generation = this.generation(slot);
      // Odd under our lock: a thread died while it was filling this slot.
      if ((generation & 1) === 1) return slot;
      if (generation === 0) {
        Atomics.add(this.words, this.#at(slot) + SLOT_WORD.generation, 1);
        Atomics.add(this.words, HEADER_WORD.used, 1);
        return slot;
      }
      if (this.#lastSeenSeconds(slot) < this.#lastSeenSeconds(oldest)) oldest = slot;
    }
    return this.#tryEvict(oldest, nowSeconds) ? oldest : -1;
  }

  #tryEvict(slot: number, nowSeconds: number): boolean {
    if (nowSeconds - this.#lastSeenSeconds(slot) < this.#evictAfterSeconds) return false;
    const at = this.#at(slot) + SLOT_WORD.generation;
    Atomics.add(this.words, at, 1);
    const idle = nowSeconds - this.#lastSeenSeconds(slot) >= this.#evictAfterSeconds;
    // When its client came back between the two looks, it keeps the slot.
    if (idle) Atomics.add(this.words, HEADER_WORD.evicted, 1);
    else Atomics.sub(this.words, at, 1);
    return idle;
  }

  /** Writes a slot anew, its generation being odd, and makes that even. */
  #fill(slot: number, hash: number, nowTicks: number): void {
    const { words } = this;
    const at = this.#at(slot);
    const nowSeconds = ticksToSeconds(nowTicks);
    for (let i = 0; i < LIMITS_MAX; i++) {
      Atomics.store(words, at + SLOT_WORD.chargedSeconds + i, nowSeconds);
      Atomics.store(words, at + SLOT_WORD.arrivalTicks + i, nowTicks | 0);
    }
    this.counters.clear(slot);
    for (let i = 0; i < ID_WORDS; i++) Atomics.store(words, at + SLOT_WORD.id + i, this.#id[i] ?? 0);
    Atomics.store(words, at + SLOT_WORD.hash, hash);
    Atomics.store(words, at + SLOT_WORD.lastSeenSeconds, nowSeconds);
    this.#foundGeneration = Atomics.add(words, at + SLOT_WORD.generation, 1) + 1;
  }

  idOf(slot: number): string {
    const generation = this.generation(slot);
    if (generation === 0 || (generation & 1) === 1) return '';
    const id = unpackId(this.words, this.#at(slot));
    return this.generation(slot) === generation ? id : '';
  }

  heldSlots(): number[] {
    const held: number[] = [];
    for (let slot = 0; slot < this.slots; slot++) if (this.generation(slot) !== 0) held.push(slot);
    return held;
  }

  usage(): { slots: number; used: number; evicted: number; refused: number } {
    return {
      slots: this.slots,
      used: Atomics.load(this.words, HEADER_WORD.used),
      evicted: Atomics.load(this.words, HEADER_WORD.evicted),
      refused: Atomics.load(this.words, HEADER_WORD.refused),
    };
  }
}
