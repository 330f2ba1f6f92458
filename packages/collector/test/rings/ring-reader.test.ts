import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { createRing } from '../../src/rings/ring-layout.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { between } from './random.ts';
import { push, ringPair } from './rings.ts';
import type { StressData, StressResult } from './ring-stress-worker.ts';
import { frameBytesOf, stressFrame } from './stress-frame.ts';

describe('spans', () => {
  test('are none, one or two runs of whole frames without the marker', () => {
    const pair = ringPair(64, 16);
    const { reader, writer } = pair;
    reader.refresh();
    expect(reader.takeSpans()).toEqual([]);
    for (let i = 0; i < 3; i++) push(pair, 16, i);
    writer.publish();
    expect(reader.takeSpans(), 'before refresh').toEqual([]);
    reader.refresh();
    expect(reader.next()).toBe(0);
    expect(reader.takeSpans(), 'next has taken the first frame').toEqual([{ start: 16, end: 48 }]);
    expect(reader.takeSpans()).toEqual([]);
    expect(reader.next()).toBe(-1);
    reader.settle(reader.position());
    writer.release(writer.settled());
    push(pair, 8, 4);
    push(pair, 16, 5);
    writer.publish();
    reader.refresh();
    expect(reader.takeSpans()).toEqual([
      { start: 48, end: 56 },
      { start: 0, end: 16 },
    ]);
  });

  test('reach the end of the data when a frame ends there, and leave out a marker with nothing behind it', () => {
    const pair = ringPair(64, 16);
    const { reader, writer } = pair;
    const takeAll = (): unknown => {
      writer.publish();
      reader.refresh();
      const spans = reader.takeSpans();
      reader.settle(reader.position());
      writer.release(writer.settled());
      return spans;
    };
    for (let i = 0; i < 4; i++) push(pair, 16, i);
    expect(takeAll()).toEqual([{ start: 0, end: 64 }]);
    for (const bytes of [16, 16, 16, 8]) push(pair, bytes, 1);
    expect(takeAll()).toEqual([{ start: 0, end: 56 }]);
    expect(writer.tryReserve(16), 'reserved behind a marker, never committed').toBe(0);
    expect(takeAll()).toEqual([]);
    expect(writer.usedBytes()).toBe(0);
    for (const bytes of [16, 16, 16, 8]) push(pair, bytes, 1);
    expect(writer.tryReserve(16)).toBe(-1);
    expect(takeAll()).toEqual([{ start: 0, end: 56 }]);
    for (let i = 0; i < 3; i++) push(pair, 8, 2);
    expect(takeAll()).toEqual([
      { start: 56, end: 64 },
      { start: 0, end: 16 },
    ]);
  });

  test.each([0, -900, 2147483647 - 900])('hold the same frames as next gives, from index %i on', (startIndex) => {
    const random = mulberry32(21);
    const pair = ringPair(256, 64, startIndex);
    const { reader, writer } = pair;
    const written: number[] = [];
    const found: number[] = [];
    for (let i = 0; i < 3000; i++) {
      for (let left = between(random, 0, 8); left > 0; left--) {
        const at = push(pair, between(random, 1, 8) * 8, 1);
        if (at !== -1) written.push(at);
      }
      writer.publish();
      reader.refresh();
      for (let left = between(random, 0, 2); left > 0; left--) {
        const at = reader.next();
        if (at !== -1) found.push(at);
      }
      for (const span of reader.takeSpans()) {
        let at = span.start;
        for (; at < span.end; at += reader.view.getInt32(at, true)) found.push(at);
        expect(at).toBe(span.end);
      }
      reader.settle(reader.position());
      writer.release(writer.settled());
    }
    expect(found).toEqual(written);
  });
});

describe('a reader', () => {
  test('refuses to settle what is not published or was settled before', () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    expect(() => pair.reader.settle(2)).toThrow(/settle\(2\)/);
    pair.writer.publish();
    pair.reader.refresh();
    pair.reader.settle(2);
    expect(() => pair.reader.settle(1)).toThrow(/settle\(1\)/);
  });

  test.each([0, 12, 24, -8])('stops with an error at a frame whose length is %s', (length) => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    pair.writer.view.setInt32(0, length, true);
    pair.writer.publish();
    pair.reader.refresh();
    expect(() => pair.reader.next()).toThrow(/ring is damaged/);
  });

  test('sees what was written before the writer closed', () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    expect(pair.reader.isClosed()).toBe(false);
    expect(pair.reader.isEmpty()).toBe(true);
    pair.writer.close();
    expect(pair.reader.isClosed()).toBe(true);
    expect(pair.reader.isEmpty()).toBe(false);
    expect(pair.reader.refresh()).toBe(16);
  });
});

/** Writes `frames` frames of random sizes as fast as the ring takes them, with pauses by chance. */
async function stress(
  seed: number,
  frames: number,
  capacityBytes: number,
  frameBytesMax: number,
): Promise<StressResult> {
  const random = mulberry32(seed);
  const ring = createRing(capacityBytes, frameBytesMax);
  const bell = createDoorbell();
  const data: StressData = { ring, bell, seed, frameBytesMax };
  const worker = new Worker(new URL('./ring-stress-worker.ts', import.meta.url), { workerData: data });
  const result = once(worker, 'message') as Promise<[StressResult]>;
  const writer = createRingWriter(ring, openDoorbell(bell));
  let verdicts = 0;
  let wrongVerdicts = 0;
  const answer = (): void => {
    const to = writer.settled();
    for (let at = writer.nextSettled(); at !== -1; at = writer.nextSettled())
      if (writer.view.getUint32(at + 4, true) !== ~verdicts++ >>> 0) wrongVerdicts++;
    writer.release(to);
  };
  for (let number = 0; number < frames; ) {
    const bytes = frameBytesOf(number, seed, frameBytesMax);
    const at = writer.tryReserve(bytes);
    if (at === -1) {
      writer.publish();
      const seen = writer.settled();
      answer();
      if (writer.tryReserve(bytes) === -1) await writer.waitSettled(seen);
      continue;
    }
    stressFrame(writer.view, at, bytes, number);
    writer.commitReserve(bytes);
    number++;
    if (random() < 0.05) writer.publish();
    if (random() < 0.00002) await new Promise((resolve) => setTimeout(resolve, between(random, 0, 2)));
  }
  writer.close();
  while (writer.usedBytes() > 0) {
    const seen = writer.settled();
    answer();
    if (writer.usedBytes() > 0) await writer.waitSettled(seen);
  }
  const [found] = await result;
  expect(wrongVerdicts, `seed ${seed}`).toBe(0);
  expect(verdicts, `seed ${seed}`).toBe(frames);
  return found;
}

describe('across threads', () => {
  test('2,000,000 frames of random sizes arrive once each, in order, whole, and their verdicts come back', async () => {
    const found = await stress(11, 2_000_000, 16_384, 512);
    expect(found).toEqual({ frames: 2_000_000, faults: 0 });
  });

  test('a ring of 64 bytes, always full or empty, loses no wake-up in 40,000 frames', async () => {
    const found = await stress(12, 40_000, 64, 16);
    expect(found).toEqual({ frames: 40_000, faults: 0 });
  });
});
