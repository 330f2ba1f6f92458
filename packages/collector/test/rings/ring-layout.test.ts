import { describe, expect, test } from 'vitest';
import { RECORD_HEAD_BYTES } from '@metricstream/shared/journal/record.ts';
import {
  createRing,
  openRing,
  readContiguousSeq,
  readVerdict,
  RING_DATA_BYTE,
  RING_WORD,
  RingVerdict,
  writeVerdict,
} from '../../src/rings/ring-layout.ts';

describe('a ring in memory', () => {
  test('has room for its capacity and says what it is', () => {
    const shared = createRing(1024, 256);
    const memory = openRing(shared);
    expect(shared.byteLength).toBe(RING_DATA_BYTE + 1024);
    expect(memory.bytes.length).toBe(1024);
    expect(memory.capacityUnits).toBe(128);
    expect(memory.frameBytesMax).toBe(256);
  });

  test('keeps its indices 128 bytes apart', () => {
    const places = [
      RING_WORD.capacity,
      RING_WORD.write,
      RING_WORD.settled,
      RING_WORD.writerWaiting,
      RING_DATA_BYTE / 4,
    ];
    for (const [i, place] of places.slice(1).entries()) expect((place - (places[i] ?? 0)) * 4).toBe(128);
  });

  test.each([0, 63, 100, 1000, 1025, -64, Number.NaN, 2 ** 31])('refuses a capacity of %s', (capacity) => {
    expect(() => createRing(capacity, 8)).toThrow(/ring capacity is .* expected a power of two/);
  });

  test.each([0, 7, 257, 1024])('refuses frames of up to %s bytes in a ring of 1024', (frame) => {
    expect(() => createRing(1024, frame)).toThrow(/cannot carry frames of/);
  });

  test('refuses a buffer that is no ring', () => {
    expect(() => openRing(new SharedArrayBuffer(1024))).toThrow(/is no ring/);
  });

  test('carries a verdict and a contiguous seq in the frame itself', () => {
    const view = new DataView(new ArrayBuffer(RECORD_HEAD_BYTES * 2));
    expect(readVerdict(view, 64)).toBe(RingVerdict.pending);
    writeVerdict(view, 64, RingVerdict.conflict, Number.MAX_SAFE_INTEGER);
    expect(readVerdict(view, 64)).toBe(RingVerdict.conflict);
    expect(readContiguousSeq(view, 64)).toBe(Number.MAX_SAFE_INTEGER);
    expect(readVerdict(view, 0)).toBe(RingVerdict.pending);
  });
});
