/**
 * The two loops that the ring's bench and its cross-thread test drive: numbered frames in, numbered frames out. Owns
 * what such a frame looks like (length, number, then the number again in every 64th byte and in the last word) and
 * promises that a lost, repeated, reordered or torn frame is counted as a fault.
 */
import type { Doorbell } from '../src/rings/doorbell.ts';
import type { RingReader } from '../src/rings/ring-reader.ts';
import type { RingWriter } from '../src/rings/ring-writer.ts';

const SPINS_BEFORE_SLEEP = 2000;

/** Keeps a spinning thread off the shared words for about `steps` nanoseconds. */
function pause(steps: number): number {
  let x = steps;
  for (let i = 0; i < steps; i++) x = (x * 31 + i) | 0;
  return x;
}

/**
 * Writes frames number `from` to `to` of `frameBytes` each, publishing every `every` (a power of two), spinning when
 * the ring is full. `payload`, when given, is copied behind the length first.
 */
export function produce(
  writer: RingWriter,
  range: { from: number; to: number },
  frameBytes: number,
  every: number,
  payload?: Uint8Array,
): void {
  const { view, bytes } = writer;
  const mask = every - 1;
  const { from, to } = range;
  for (let number = from; number < to; number++) {
    let at = writer.tryReserve(frameBytes);
    if (at === -1) at = reserveSpinning(writer, frameBytes);
    if (payload !== undefined) bytes.set(payload, at);
    view.setInt32(at, frameBytes, true);
    view.setInt32(at + 4, number, true);
    for (let i = 64; i < frameBytes; i += 64) view.setInt32(at + i, number, true);
    view.setInt32(at + frameBytes - 4, number, true);
    writer.commitReserve(frameBytes);
    if ((number & mask) === mask) writer.publish();
  }
  writer.publish();
}

function reserveSpinning(writer: RingWriter, frameBytes: number): number {
  writer.publish();
  for (;;) {
    pause(300);
    writer.release(writer.settled());
    const at = writer.tryReserve(frameBytes);
    if (at !== -1) return at;
  }
}

/** Waits, spinning, until the reader has settled everything, and frees it. */
export function drain(writer: RingWriter): void {
  while (writer.usedBytes() > 0) {
    pause(100);
    writer.release(writer.settled());
  }
}

/** Reads and checks frames until the ring is closed and empty. @returns how many came and how many were not as expected. */
export function consume(reader: RingReader, doorbell: Doorbell): { frames: number; faults: number } {
  const state = { expected: 0, faults: 0 };
  const isQuiet = (): boolean => reader.isEmpty() && !reader.isClosed();
  let spins = 0;
  for (;;) {
    const closed = reader.isClosed();
    if (reader.refresh() > 0) {
      takeSome(reader, state);
      spins = 0;
    } else if (closed) return { frames: state.expected, faults: state.faults };
    else if (++spins < SPINS_BEFORE_SLEEP) pause(500);
    else doorbell.sleep(isQuiet, 1000);
  }
}

function takeSome(reader: RingReader, state: { expected: number; faults: number }): void {
  for (const { start, end } of reader.takeSpans()) state.faults += countFaults(reader.view, start, end, state);
  reader.settle(reader.position());
}

/** Checks the frames from `start` to `end`. @returns how many faults are in them. */
function countFaults(view: DataView, start: number, end: number, state: { expected: number }): number {
  let { expected } = state;
  let faults = 0;
  let length = 0;
  for (let at = start; at < end; at += length) {
    length = view.getInt32(at, true);
    if (view.getInt32(at + 4, true) !== expected) faults++;
    for (let i = 64; i < length; i += 64) if (view.getInt32(at + i, true) !== expected) faults++;
    if (view.getInt32(at + length - 4, true) !== expected) faults++;
    expected++;
  }
  state.expected = expected;
  return faults;
}
