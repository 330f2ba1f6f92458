import { describe, expect, test, vi } from 'vitest';
import { RING_WORD } from '../../src/rings/ring-layout.ts';
import { createRingWriter, SETTLED_FALLBACK_MS } from '../../src/rings/ring-writer.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { between } from './random.ts';
import { push, type RingPair, ringPair } from './rings.ts';

/** A frame as the model sees it. */
interface Frame {
  bytes: number;
  fill: number;
  offset: number;
}

/** The ring as plain arrays: a frame moves from one to the next, in order, and its bytes never change on the way. */
interface Model {
  committed: Frame[];
  published: Frame[];
  taken: Frame[];
  settled: Frame[];
  answered: Frame[];
}

const STEPS = 4000;

function checkFrame(pair: RingPair, at: number, expected: Frame | undefined, where: string): Frame {
  if (expected === undefined) throw new Error(`${where}: a frame at ${at} where none is expected`);
  expect(at, where).toBe(expected.offset);
  expect(pair.reader.view.getUint32(at, true), where).toBe(expected.bytes);
  const body = pair.reader.bytes.subarray(at + 4, at + expected.bytes);
  expect(
    body.every((byte) => byte === expected.fill),
    `${where}: bytes of the frame at ${at}`,
  ).toBe(true);
  return expected;
}

/** One step chosen by chance; each branch does the same to the ring and to the model. */
function step(pair: RingPair, model: Model, random: () => number, frameBytesMax: number, where: string): void {
  const { writer, reader } = pair;
  const chosen = random();
  if (chosen < 0.4) {
    const bytes = between(random, 1, frameBytesMax / 8) * 8;
    const fill = between(random, 0, 255);
    const offset = push(pair, bytes, fill);
    if (offset === -1) expect(writer.usedBytes() + bytes * 2, where).toBeGreaterThan(writer.bytes.length);
    else model.committed.push({ bytes, fill, offset });
  } else if (chosen < 0.55) {
    writer.publish();
    model.published.push(...model.committed.splice(0));
  } else if (chosen < 0.75) {
    reader.refresh();
    for (let left = between(random, 0, 6); left > 0; left--) {
      const at = reader.next();
      if (at === -1) break;
      model.taken.push(checkFrame(pair, at, model.published.shift(), where));
    }
  } else if (chosen < 0.88) {
    reader.settle(reader.position());
    model.settled.push(...model.taken.splice(0));
  } else {
    const to = writer.settled();
    for (let at = writer.nextSettled(); at !== -1; at = writer.nextSettled())
      model.answered.push(checkFrame(pair, at, model.settled.shift(), where));
    expect(model.settled, where).toEqual([]);
    writer.release(to);
    model.answered = [];
  }
  const held = [model.committed, model.published, model.taken, model.settled].flat();
  const heldBytes = held.reduce((sum, frame) => sum + frame.bytes, 0);
  expect(writer.usedBytes(), where).toBeGreaterThanOrEqual(heldBytes);
}

/** @returns how many times the ring was gone round. */
function runModel(seed: number, capacityBytes: number, frameBytesMax: number, startIndex: number): number {
  const random = mulberry32(seed);
  const pair = ringPair(capacityBytes, frameBytesMax, startIndex);
  const model: Model = { committed: [], published: [], taken: [], settled: [], answered: [] };
  for (let i = 0; i < STEPS; i++)
    step(pair, model, random, frameBytesMax, `seed ${seed}, ring ${capacityBytes}, start ${startIndex}, step ${i}`);
  return ((pair.writer.settled() - startIndex) | 0) / (capacityBytes / 8);
}

describe('a ring against its model', () => {
  const seeds = [1, 2, 3];
  test.each(seeds)('hands every frame through every stage in order, in tiny rings (seed %i)', (seed) => {
    expect(runModel(seed, 64, 16, 0)).toBeGreaterThan(50);
    expect(runModel(seed, 128, 32, 0)).toBeGreaterThan(50);
  });
  test.each(seeds)('does so in middling rings and when the indices pass 2^31 and 2^32 (seed %i)', (seed) => {
    expect(runModel(seed, 512, 128, 2147483647 - 700)).toBeGreaterThan(50);
    expect(runModel(seed, 1024, 256, -1000)).toBeGreaterThan(50);
  });
});

describe('room in a ring', () => {
  test('is found at every alignment: a frame that does not fit before the end starts at 0', () => {
    for (let lead = 8; lead <= 64; lead += 8)
      for (let bytes = 8; bytes <= 64; bytes += 8) {
        const pair = ringPair(256, 64);
        for (let used = 0; used < 256 - lead; ) {
          const filler = Math.min(64, 256 - lead - used);
          push(pair, filler, 1);
          used += filler;
        }
        pair.writer.publish();
        pair.reader.refresh();
        while (pair.reader.next() !== -1);
        pair.reader.settle(pair.reader.position());
        pair.writer.release(pair.writer.settled());
        expect(push(pair, bytes, 7), `${lead} bytes before the end, frame of ${bytes}`).toBe(
          bytes <= lead ? 256 - lead : 0,
        );
        pair.writer.publish();
        pair.reader.refresh();
        expect(pair.reader.next()).toBe(bytes <= lead ? 256 - lead : 0);
        expect(pair.reader.next()).toBe(-1);
      }
  });

  test('ends when full, and comes back by release alone, not by settling', () => {
    const pair = ringPair(64, 16);
    for (let i = 0; i < 4; i++) expect(push(pair, 16, i)).toBe(i * 16);
    expect(push(pair, 8, 9)).toBe(-1);
    pair.writer.publish();
    pair.reader.refresh();
    while (pair.reader.next() !== -1);
    pair.reader.settle(pair.reader.position());
    const to = pair.writer.settled();
    expect(push(pair, 8, 9)).toBe(-1);
    pair.writer.release(to);
    expect(push(pair, 8, 9)).toBe(0);
  });

  test('may be reserved again until it is committed, and committed shorter than reserved', () => {
    const pair = ringPair(64, 16);
    expect(pair.writer.tryReserve(16)).toBe(0);
    expect(pair.writer.tryReserve(16)).toBe(0);
    pair.writer.view.setUint32(0, 8, true);
    pair.writer.commitReserve(8);
    expect(pair.writer.tryReserve(16)).toBe(8);
    expect(pair.writer.usedBytes()).toBe(8);
  });

  test('is refused for a frame that no ring of this kind carries', () => {
    const { writer } = ringPair(64, 16);
    for (const bytes of [0, -8, 12, 24]) expect(() => writer.tryReserve(bytes)).toThrow(/a frame of .* bytes/);
  });

  test('is not released beyond what is settled', () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    pair.writer.publish();
    expect(() => pair.writer.release(2)).toThrow(/release\(2\)/);
  });

  test('is not given to a second writer while frames of the first are in it', () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    pair.writer.publish();
    expect(() => createRingWriter(pair.shared, pair.doorbell)).toThrow(/a ring of its own/);
  });
});

describe('waitSettled', () => {
  function settleOne(pair: RingPair): void {
    pair.reader.refresh();
    pair.reader.next();
    pair.reader.settle(pair.reader.position());
  }

  test('resolves when the reader settles', async () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    pair.writer.publish();
    const seen = pair.writer.settled();
    const wait = pair.writer.waitSettled(seen);
    settleOne(pair);
    await wait;
    expect(pair.writer.settled()).not.toBe(seen);
  });

  test('resolves at once for a value that has passed already, so that no wake-up is lost', async () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    pair.writer.publish();
    const seen = pair.writer.settled();
    settleOne(pair);
    const started = performance.now();
    await pair.writer.waitSettled(seen);
    expect(performance.now() - started).toBeLessThan(SETTLED_FALLBACK_MS / 2);
  });

  test('waits once however often it is asked, and asks for a notify only while it waits', async () => {
    const pair = ringPair(64, 16);
    push(pair, 16, 1);
    push(pair, 16, 2);
    pair.writer.publish();
    const words = new Int32Array(pair.shared);
    const seen = pair.writer.settled();
    const first = pair.writer.waitSettled(seen);
    expect(pair.writer.waitSettled(seen)).toBe(first);
    expect(words[RING_WORD.writerWaiting]).toBe(1);
    settleOne(pair);
    await first;
    expect(words[RING_WORD.writerWaiting]).toBe(0);
  });

  test('resolves by itself after the fallback, and the wait behind it still wakes the next caller', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const pair = ringPair(64, 16);
      push(pair, 16, 1);
      pair.writer.publish();
      const seen = pair.writer.settled();
      const first = pair.writer.waitSettled(seen);
      await vi.advanceTimersByTimeAsync(SETTLED_FALLBACK_MS);
      await first;
      expect(pair.writer.settled()).toBe(seen);
      const second = pair.writer.waitSettled(seen);
      settleOne(pair);
      await second;
      expect(pair.writer.settled()).not.toBe(seen);
    } finally {
      vi.useRealTimers();
    }
  });
});
