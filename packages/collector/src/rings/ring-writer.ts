/**
 * The ingest worker's end of a ring. Owns the room in it: what is reserved, published and released. Promises that a
 * frame is contiguous, is seen by the reader only once published, and keeps its place until the writer has released it,
 * so that the reader's verdict can be read from the frame itself. Every function here belongs to the one thread that
 * made the writer; none blocks.
 *
 * Invariant: released ≤ settled ≤ published ≤ reserved ≤ released + capacity (as differences of wrapping indices).
 */
import type { Doorbell } from './doorbell.ts';
import { openRing, RING_WORD, UNIT_SHIFT, WRAP_MARKER } from './ring-layout.ts';

// V8 folds a constant of this file into the code, but loads an imported one each time.
const SHIFT = UNIT_SHIFT;
const MARKER = WRAP_MARKER;

/** How long a sleeping writer trusts that it will be woken, before it looks for itself. */
export const SETTLED_FALLBACK_MS = 1000;

export interface RingWriter {
  /** The data area; offsets of frames are offsets in it. `view` is over the same memory. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly view: DataView<SharedArrayBuffer>;
  /** The longest frame that may be reserved. */
  readonly frameBytesMax: number;
  /**
   * Finds contiguous room for one frame.
   * @param frameBytes a multiple of 8, at most `frameBytesMax`; anything else is a programmer's error and throws.
   * @returns the frame's offset, or -1 when the ring is full (answer 503). Until `commitReserve` it may be asked again.
   */
  tryReserve(frameBytes: number): number;
  /** The frame just reserved is complete: its first u32 is its length, which is `frameBytes`, at most what was reserved. */
  commitReserve(frameBytes: number): void;
  /** Shows all committed frames to the reader and wakes it if it sleeps. Once per event-loop turn. */
  publish(): void;
  /** @returns the settled index, fresh from the reader; also how far `nextSettled` goes. */
  settled(): number;
  /** @returns the offset of the next frame with a verdict, in order, or -1 after the last one `settled` saw. */
  nextSettled(): number;
  /** Frees everything before `toIndex`, a value `settled` returned; offsets of those frames are void from here. */
  release(toIndex: number): void;
  /**
   * Resolves when the settled index is no longer `lastSeen`, or after SETTLED_FALLBACK_MS, or earlier for no reason:
   * look at `settled()` again. Pass the value whose frames were answered, never a fresh load: what settles between the
   * last look and a fresh load would wake nobody. The wait keeps no process alive.
   */
  waitSettled(lastSeen: number): Promise<void>;
  /** @returns bytes between the oldest unreleased frame and the end of the newest, markers included. */
  usedBytes(): number;
  /** Publishes, and tells the reader that nothing more will come. */
  close(): void;
}

export function createRingWriter(shared: SharedArrayBuffer, doorbell: Doorbell): RingWriter {
  return new Writer(shared, doorbell);
}

/** A class and no closures: V8 keeps its fields in registers, which halves the cost of a small frame (7.1 to 3.6 ns). */
class Writer implements RingWriter {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly view: DataView<SharedArrayBuffer>;
  readonly frameBytesMax = 0 as number;
  readonly waitSettled: (lastSeen: number) => Promise<void>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #capacityBytes: number;
  readonly #mask: number;
  readonly #doorbell: Doorbell;
  // The two that every frame changes: where the next one goes, and how much is known to be free from there on.
  #at = 0;
  #roomBytes = 0;
  /** Index of offset 0 in the present lap: the reserved index is this plus #at. */
  #lapIndex = 0;
  #published = 0;
  #settledSeen = 0;
  #answered = 0;
  #released = 0;

  constructor(shared: SharedArrayBuffer, doorbell: Doorbell) {
    const memory = openRing(shared);
    this.bytes = memory.bytes;
    this.view = memory.view;
    this.frameBytesMax = memory.frameBytesMax;
    this.waitSettled = createSettledWait(memory.words);
    this.#words = memory.words;
    this.#capacityBytes = memory.capacityUnits << SHIFT;
    this.#mask = memory.capacityUnits - 1;
    this.#doorbell = doorbell;
    const index = Atomics.load(memory.words, RING_WORD.write);
    if (index !== Atomics.load(memory.words, RING_WORD.settled))
      throw new Error('this ring still holds frames of another writer: give each writer a ring of its own');
    this.#at = (index & this.#mask) << SHIFT;
    this.#lapIndex = (index - (index & this.#mask)) | 0;
    this.#published = index;
    this.#settledSeen = index;
    this.#answered = index;
    this.#released = index;
  }

  tryReserve(frameBytes: number): number {
    if ((frameBytes & 7) !== 0 || frameBytes <= 0 || frameBytes > this.frameBytesMax) throw this.#badFrame(frameBytes);
    return frameBytes <= this.#roomBytes ? this.#at : this.#findRoom(frameBytes);
  }

  #findRoom(frameBytes: number): number {
    const freeBytes = this.#capacityBytes - this.usedBytes();
    const toEndBytes = this.#capacityBytes - this.#at;
    this.#roomBytes = Math.min(freeBytes, toEndBytes);
    if (frameBytes <= this.#roomBytes) return this.#at;
    if (toEndBytes + frameBytes > freeBytes) return -1;
    this.#lapIndex = (this.#lapIndex + (this.#capacityBytes >>> SHIFT)) | 0;
    this.#markLapEnd();
    this.#at = 0;
    this.#roomBytes = freeBytes - toEndBytes;
    return 0;
  }

  /** Once in a lap, and not again before the reader has settled this one: until then the words stay as they are. */
  #markLapEnd(): void {
    if (this.#at < this.#capacityBytes) this.view.setInt32(this.#at, MARKER, true);
    this.#words[RING_WORD.wrapIndex] = this.#lapIndex;
    this.#words[RING_WORD.wrapPlace] = this.#at >>> SHIFT;
  }

  #badFrame(frameBytes: number): RangeError {
    return new RangeError(`a frame of ${frameBytes} bytes; expected a multiple of 8, at most ${this.frameBytesMax}`);
  }

  commitReserve(frameBytes: number): void {
    this.#at += frameBytes;
    this.#roomBytes -= frameBytes;
  }

  #reserved(): number {
    return (this.#lapIndex + (this.#at >>> SHIFT)) | 0;
  }

  publish(): void {
    const reserved = this.#reserved();
    if (reserved === this.#published) return;
    this.#published = reserved;
    Atomics.store(this.#words, RING_WORD.write, reserved);
    this.#doorbell.ringIfAsleep();
  }

  settled(): number {
    this.#settledSeen = Atomics.load(this.#words, RING_WORD.settled);
    return this.#settledSeen;
  }

  nextSettled(): number {
    while (this.#answered !== this.#settledSeen) {
      const place = this.#answered & this.#mask;
      const length = this.view.getInt32(place << SHIFT, true);
      if (length !== MARKER) {
        this.#answered = (this.#answered + (length >>> SHIFT)) | 0;
        return place << SHIFT;
      }
      this.#answered = (this.#answered + (this.#capacityBytes >>> SHIFT) - place) | 0;
    }
    return -1;
  }

  release(toIndex: number): void {
    const freed = (toIndex - this.#released) | 0;
    if (freed < 0 || freed > ((this.#settledSeen - this.#released) | 0))
      throw new RangeError(
        `release(${toIndex}): expected ${this.#released} (released) to ${this.#settledSeen} (settled)`,
      );
    if (((toIndex - this.#answered) | 0) > 0) this.#answered = toIndex;
    this.#released = toIndex;
  }

  usedBytes(): number {
    return ((this.#reserved() - this.#released) | 0) << SHIFT;
  }

  close(): void {
    this.publish();
    Atomics.store(this.#words, RING_WORD.closed, 1);
    this.#doorbell.ring();
  }
}

/**
 * One wait at a time on the settled index. The fallback is a timer of our own, kept and refreshed, since a timeout given
 * to Atomics.waitAsync costs 10 µs a wait and stays in the event loop until it is due. A wait that outlives the
 * fallback is kept: whatever settles after it began will end it, whichever value the caller saw last.
 */
function createSettledWait(words: Int32Array<SharedArrayBuffer>): (lastSeen: number) => Promise<void> {
  let asleep = false;
  let promised: Promise<void> | undefined;
  let resolvePromised: (() => void) | undefined;
  let fallback: NodeJS.Timeout | undefined;

  function resolveNow(): void {
    const resolve = resolvePromised;
    promised = undefined;
    resolvePromised = undefined;
    resolve?.();
  }

  function wake(): void {
    asleep = false;
    Atomics.store(words, RING_WORD.writerWaiting, 0);
    resolveNow();
  }

  return function waitSettled(lastSeen: number): Promise<void> {
    if (promised !== undefined) return promised;
    if (!asleep) {
      // Before the wait looks at the index: the reader stores the index before it looks at this.
      Atomics.store(words, RING_WORD.writerWaiting, 1);
      const wait = Atomics.waitAsync(words, RING_WORD.settled, lastSeen);
      if (!wait.async) {
        Atomics.store(words, RING_WORD.writerWaiting, 0);
        return Promise.resolve();
      }
      asleep = true;
      void wait.value.then(wake);
    }
    promised = new Promise((resolve) => (resolvePromised = resolve));
    fallback = fallback?.refresh() ?? setTimeout(resolveNow, SETTLED_FALLBACK_MS).unref();
    return promised;
  };
}
