/** A ring with both its ends in one thread, at any index, for the tests of this folder. */
import type { Doorbell } from '../../src/rings/doorbell.ts';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { createRing, RING_WORD } from '../../src/rings/ring-layout.ts';
import type { RingReader } from '../../src/rings/ring-reader.ts';
import { createRingReader } from '../../src/rings/ring-reader.ts';
import type { RingWriter } from '../../src/rings/ring-writer.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';

export interface RingPair {
  shared: SharedArrayBuffer;
  writer: RingWriter;
  reader: RingReader;
  doorbell: Doorbell;
}

/** @param startIndex where the ring's indices stand at first, in units of 8 bytes, as after a long life. */
export function ringPair(capacityBytes: number, frameBytesMax: number, startIndex = 0): RingPair {
  const shared = createRing(capacityBytes, frameBytesMax);
  const words = new Int32Array(shared, 0, 128);
  words[RING_WORD.write] = startIndex;
  words[RING_WORD.settled] = startIndex;
  const doorbell = openDoorbell(createDoorbell());
  return { shared, doorbell, writer: createRingWriter(shared, doorbell), reader: createRingReader(shared) };
}

/** Writes one frame: its length, then `fill` in every byte. @returns its offset, or -1 when the ring is full. */
export function push({ writer }: RingPair, frameBytes: number, fill: number): number {
  const at = writer.tryReserve(frameBytes);
  if (at === -1) return -1;
  writer.bytes.fill(fill, at, at + frameBytes);
  writer.view.setUint32(at, frameBytes, true);
  writer.commitReserve(frameBytes);
  return at;
}
