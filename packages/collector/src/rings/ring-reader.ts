/**
 * The journal thread's end of a ring. Owns how far it has been read and promises frames in the order they were written,
 * each once, never the wrap marker. Every function here belongs to the one thread that made the reader.
 *
 * One group, over all rings (the thread that runs it also writes the journal):
 *   for each ring   refresh(); for (at = next(); at !== -1; at = next()) check the frame at `at`, remember it
 *   once            writev of the frames' bytes, straight from here; fdatasync
 *   for each ring   writeVerdict(view, at, …) in every frame; settle(position())
 *   nothing came    doorbell.sleep(() => rings.every((ring) => ring.isEmpty()), timeoutMs)
 * A frame belongs to the reader until it is settled; then to the writer, which reads the verdict and frees the room.
 */
import { openRing, RING_WORD, UNIT_SHIFT, WRAP_MARKER } from './ring-layout.ts';

// V8 folds a constant of this file into the code, but loads an imported one each time.
const SHIFT = UNIT_SHIFT;
const MARKER = WRAP_MARKER;

/** Offsets in the data area; `end` is behind the last byte. */
export interface RingSpan {
  start: number;
  end: number;
}

export interface RingReader {
  /** The data area; offsets of frames and spans are offsets in it. `view` is over the same memory. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly view: DataView<SharedArrayBuffer>;
  /** Looks at what is published; `next` and `takeSpans` go that far. @returns bytes not yet taken, markers included. */
  refresh(): number;
  /** @returns the offset of the next frame, in order, or -1 after the last one `refresh` saw. */
  next(): number;
  /** @returns the index behind everything taken, for `settle`. */
  position(): number;
  /** Takes all that `next` would still give, at once. @returns it, as at most two runs of whole frames. */
  takeSpans(): RingSpan[];
  /** Every frame before `toIndex` has its verdict: hands them back to the writer and wakes it if it sleeps. */
  settle(toIndex: number): void;
  /** @returns whether nothing is published beyond `position`, by a fresh look; for `Doorbell.sleep`. */
  isEmpty(): boolean;
  /** @returns whether the writer has closed. What it wrote before is seen by any later `refresh`. */
  isClosed(): boolean;
}

export function createRingReader(shared: SharedArrayBuffer): RingReader {
  return new Reader(shared);
}

/** A class for the same reason as the writer: a closure's variables cost a small frame 11 ns where fields cost 4. */
class Reader implements RingReader {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly view: DataView<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #capacityUnits = 0 as number;
  readonly #mask = 0 as number;
  readonly #frameBytesMax = 0 as number;
  #settled = 0;
  #taken = 0;
  #published = 0;

  constructor(shared: SharedArrayBuffer) {
    const memory = openRing(shared);
    this.bytes = memory.bytes;
    this.view = memory.view;
    this.#words = memory.words;
    this.#capacityUnits = memory.capacityUnits;
    this.#mask = memory.capacityUnits - 1;
    this.#frameBytesMax = memory.frameBytesMax;
    this.#settled = Atomics.load(memory.words, RING_WORD.settled);
    this.#taken = this.#settled;
    this.#published = this.#settled;
  }

  refresh(): number {
    this.#published = Atomics.load(this.#words, RING_WORD.write);
    return ((this.#published - this.#taken) | 0) * 8;
  }

  next(): number {
    while (this.#taken !== this.#published) {
      const place = this.#taken & this.#mask;
      const length = this.view.getInt32(place << SHIFT, true);
      if (length !== MARKER) {
        this.#taken = (this.#taken + this.#unitsOf(length, place)) | 0;
        return place << SHIFT;
      }
      this.#taken = (this.#taken + this.#capacityUnits - place) | 0;
    }
    return -1;
  }

  position(): number {
    return this.#taken;
  }

  /** A length that cannot be would send the reader astray for good; only a fault in this program writes one. */
  #unitsOf(length: number, place: number): number {
    if (length <= 0 || length > this.#frameBytesMax || (length & 7) !== 0) throw badLength(length, place);
    return length >>> SHIFT;
  }

  takeSpans(): RingSpan[] {
    const place = this.#taken & this.#mask;
    const behind = place + ((this.#published - this.#taken) | 0);
    const lapEnd = (this.#taken - place + this.#capacityUnits) | 0;
    let end = Math.min(behind, this.#capacityUnits);
    if (behind >= this.#capacityUnits && this.#words[RING_WORD.wrapIndex] === lapEnd)
      end = this.#words[RING_WORD.wrapPlace] ?? 0;
    this.#taken = this.#published;
    const found: RingSpan[] = [];
    if (end > place) found.push({ start: place << SHIFT, end: end << SHIFT });
    if (behind > this.#capacityUnits) found.push({ start: 0, end: (behind - this.#capacityUnits) << SHIFT });
    return found;
  }

  settle(toIndex: number): void {
    const count = (toIndex - this.#settled) | 0;
    if (count < 0 || count > ((this.#published - this.#settled) | 0))
      throw new RangeError(`settle(${toIndex}): expected ${this.#settled} (settled) to ${this.#published} (published)`);
    if (count === 0) return;
    if (((toIndex - this.#taken) | 0) > 0) this.#taken = toIndex;
    this.#settled = toIndex;
    Atomics.store(this.#words, RING_WORD.settled, toIndex);
    if (Atomics.load(this.#words, RING_WORD.writerWaiting) !== 0) Atomics.notify(this.#words, RING_WORD.settled);
  }

  isEmpty(): boolean {
    return Atomics.load(this.#words, RING_WORD.write) === this.#taken;
  }

  isClosed(): boolean {
    return Atomics.load(this.#words, RING_WORD.closed) !== 0;
  }
}

function badLength(length: number, place: number): Error {
  return new Error(`ring is damaged: a frame of ${length} bytes at ${place << SHIFT}; this is a fault of ours`);
}
