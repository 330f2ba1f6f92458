/**
 * The shared memory of one ingest ring. Owns where every word and frame lies and promises that writer and reader agree
 * on it: both import this file, and nobody else knows an offset. One worker writes, the journal thread reads.
 *
 *   byte     0  u32 capacity in bytes · u32 longest frame · u32 closed         written once each
 *   byte   128  i32 write index      stored by the writer, once per event-loop turn
 *               i32 wrap index, i32 wrap place   where the last lap ended, as an index, and where its frames did
 *   byte   256  i32 settled index    stored by the reader, once per group: everything before it has its verdict
 *   byte   384  i32 writer waiting   1 while the writer sleeps on the settled index: only then does settling notify
 *   byte   512  data, `capacity` bytes: frames
 *
 *      released          settled              taken               written     reserved
 *   ──────┼─────────────────┼───────────────────┼────────────────────┼────────────┼──────▶ index
 *   free  │ writer answers  │ journal: write,   │ published, not yet │ being      │ free
 *         │ from verdicts   │ sync, verdicts    │ seen by the reader │ filled     │
 *
 * `released` and `reserved` are the writer's own, `taken` the reader's. Indices count units of 8 bytes, grow for ever
 * and wrap at 2^32; only differences are used, and those are at most the capacity. index & mask is the place.
 * A frame is contiguous: one that does not fit before the end of the data starts at 0, and a marker (0xFFFFFFFF where
 * its length would be) fills the rest. The marker is never handed out. A frame's first u32 is its length, a multiple
 * of 8; in production a frame is a journal record (shared/journal/record.ts), byte for byte.
 * The indices are 128 bytes apart because CPUs fetch cache lines in pairs of 64.
 */
import { RECORD_OFFSET, readU64, writeU64 } from '@metricstream/shared/journal/record.ts';

/** Positions among the i32 words of the buffer. */
export const RING_WORD = {
  capacity: 0,
  frameMax: 1,
  closed: 2,
  write: 32,
  wrapIndex: 33,
  wrapPlace: 34,
  settled: 64,
  writerWaiting: 96,
} as const;
export const RING_DATA_BYTE = 512;
/** 0xFFFFFFFF read as an i32: small integers compare faster. */
export const WRAP_MARKER = -1;
/** log2 of the unit that indices count in. */
export const UNIT_SHIFT = 3;
export const RING_CAPACITY_BYTES_MIN = 64;
/** Far below 2^31 units, so that differences of wrapped indices stay positive in 32 bits. */
export const RING_CAPACITY_BYTES_MAX = 1024 * 1024 * 1024;
/** A frame is at most this part of the ring, so that an empty ring takes any frame, wherever its indices stand. */
export const RING_FRAMES_MIN = 4;

/** What became of a frame; the journal thread stores it in the frame before it settles it. */
export const RingVerdict = {
  pending: 0,
  /** On disk, synced. */
  durable: 1,
  /** Its triple was durable before, with the same bytes. */
  duplicate: 2,
  /** Its triple is durable with other bytes: alarm and 409. */
  conflict: 3,
  /** The write or the sync failed: nothing is known to be stored, 503. */
  failed: 4,
  /** The journal is at its size limit: 503. */
  full: 5,
} as const;
export type RingVerdict = (typeof RingVerdict)[keyof typeof RingVerdict];

/**
 * Allocates a ring.
 * @param capacityBytes a power of two from RING_CAPACITY_BYTES_MIN to RING_CAPACITY_BYTES_MAX.
 * @param frameBytesMax the longest frame, at most a quarter of the capacity.
 */
export function createRing(capacityBytes: number, frameBytesMax: number): SharedArrayBuffer {
  const powerOfTwo = capacityBytes > 0 && Number.isInteger(Math.log2(capacityBytes));
  if (!powerOfTwo || capacityBytes < RING_CAPACITY_BYTES_MIN || capacityBytes > RING_CAPACITY_BYTES_MAX)
    throw new RangeError(
      `ring capacity is ${capacityBytes} bytes; expected a power of two from ${RING_CAPACITY_BYTES_MIN} to ${RING_CAPACITY_BYTES_MAX}`,
    );
  if (!(frameBytesMax >= 8) || frameBytesMax * RING_FRAMES_MIN > capacityBytes)
    throw new RangeError(
      `ring of ${capacityBytes} bytes cannot carry frames of ${frameBytesMax}; expected 8 to ${capacityBytes / RING_FRAMES_MIN}: raise the ring or lower the largest body`,
    );
  const shared = new SharedArrayBuffer(RING_DATA_BYTE + capacityBytes);
  const words = new Int32Array(shared, 0, RING_DATA_BYTE / 4);
  words[RING_WORD.capacity] = capacityBytes;
  words[RING_WORD.frameMax] = frameBytesMax;
  return shared;
}

/** The views over a ring that both ends need. */
export interface RingMemory {
  words: Int32Array<SharedArrayBuffer>;
  bytes: Uint8Array<SharedArrayBuffer>;
  view: DataView<SharedArrayBuffer>;
  capacityUnits: number;
  frameBytesMax: number;
}

export function openRing(shared: SharedArrayBuffer): RingMemory {
  const words = new Int32Array(shared, 0, RING_DATA_BYTE / 4);
  const capacityBytes = words[RING_WORD.capacity] ?? 0;
  if (shared.byteLength !== RING_DATA_BYTE + capacityBytes)
    throw new TypeError(`this shared buffer of ${shared.byteLength} bytes is no ring; make one with createRing`);
  return {
    words,
    bytes: new Uint8Array(shared, RING_DATA_BYTE, capacityBytes),
    view: new DataView(shared, RING_DATA_BYTE, capacityBytes),
    capacityUnits: capacityBytes >>> UNIT_SHIFT,
    frameBytesMax: words[RING_WORD.frameMax] ?? 0,
  };
}

/**
 * Stores the journal thread's answer in the frame at offset `at`. `contiguousSeq` (the client's highest seq below which
 * nothing is missing, for its Ack) takes the place of the oldest seq, which is in the file by now.
 */
export function writeVerdict(view: DataView, at: number, verdict: RingVerdict, contiguousSeq: number): void {
  view.setUint32(at + RECORD_OFFSET.verdict, verdict, true);
  writeU64(view, at + RECORD_OFFSET.oldestSeq, contiguousSeq);
}

/** @returns the verdict of the settled frame at offset `at`. */
export function readVerdict(view: DataView, at: number): RingVerdict {
  return view.getUint32(at + RECORD_OFFSET.verdict, true) as RingVerdict;
}

/** @returns the contiguous seq that came with the verdict of the settled frame at offset `at`. */
export function readContiguousSeq(view: DataView, at: number): number {
  return readU64(view, at + RECORD_OFFSET.oldestSeq);
}

/** Marks a ring as closed on behalf of a writer whose thread has ended; what it had published is still read. */
export function closeRing(shared: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(shared), RING_WORD.closed, 1);
}
