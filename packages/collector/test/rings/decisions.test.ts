import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { DecisionWriter } from '../../src/rings/decisions.ts';
import {
  createDecisionReader,
  createDecisions,
  createDecisionWriter,
  DecisionReason,
  DECISIONS_MIN,
} from '../../src/rings/decisions.ts';
import type { DecisionsData } from './decisions-worker.ts';
import { timeOf } from './decisions-worker.ts';

type Seen = [slot: number, timeMs: number, allowed: boolean, reason: number];

function readAll(reader: ReturnType<typeof createDecisionReader>): Seen[] {
  const seen: Seen[] = [];
  reader.read((...decision) => seen.push(decision));
  return seen;
}

function recordSlots(writer: DecisionWriter, from: number, to: number): void {
  for (let slot = from; slot < to; slot++) writer.record(slot, slot * 3, slot % 2 === 0, (slot % 12) as DecisionReason);
  writer.publish();
}

describe('decisions', () => {
  test('are read once, in order, as they were written', () => {
    const shared = createDecisions(64);
    const writer = createDecisionWriter(shared);
    const reader = createDecisionReader(shared);
    writer.record(7, 4294967295, true, DecisionReason.accepted);
    writer.record(4294967295, 2, false, DecisionReason.points);
    expect(readAll(reader), 'before publish').toEqual([]);
    writer.publish();
    expect(readAll(reader)).toEqual([
      [7, 4294967295, true, DecisionReason.accepted],
      [4294967295, 2, false, DecisionReason.points],
    ]);
    expect(readAll(reader)).toEqual([]);
    expect(reader.overwritten()).toBe(0);
  });

  test('that are overwritten are counted: read + overwritten = written, and the newest are read', () => {
    const shared = createDecisions(64);
    const writer = createDecisionWriter(shared);
    const reader = createDecisionReader(shared);
    recordSlots(writer, 0, 1000);
    const seen = readAll(reader);
    expect(seen.length + reader.overwritten()).toBe(1000);
    expect(seen.length).toBeGreaterThanOrEqual(64 - 16);
    expect(seen.at(-1)?.[0]).toBe(999);
    expect(seen[0]?.[0]).toBe(1000 - seen.length);
    recordSlots(writer, 1000, 1010);
    expect(readAll(reader).map(([slot]) => slot)).toEqual([1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009]);
  });

  test('of before a reader was made are not its own, and a new writer goes on where the last one ended', () => {
    const shared = createDecisions(64);
    recordSlots(createDecisionWriter(shared), 0, 10);
    const reader = createDecisionReader(shared);
    recordSlots(createDecisionWriter(shared), 10, 13);
    expect(readAll(reader).map(([slot]) => slot)).toEqual([10, 11, 12]);
  });

  test('go on when the index passes 2^31 and 2^32', () => {
    for (const start of [2147483647 - 20, -20]) {
      const shared = createDecisions(64);
      const words = new Int32Array(shared);
      words[32] = start;
      words[64] = start;
      const writer = createDecisionWriter(shared);
      const reader = createDecisionReader(shared);
      recordSlots(writer, 0, 40);
      expect(readAll(reader).map(([slot]) => slot)).toEqual(Array.from({ length: 40 }, (_, i) => i));
      expect(reader.overwritten()).toBe(0);
    }
  });

  test('that are damaged are counted and not handed out', () => {
    const shared = createDecisions(64);
    const writer = createDecisionWriter(shared);
    const reader = createDecisionReader(shared);
    recordSlots(writer, 0, 3);
    const words = new Int32Array(shared);
    words[96 + 4] = 999;
    expect(readAll(reader).map(([slot]) => slot)).toEqual([0, 2]);
    expect(reader.overwritten()).toBe(1);
  });

  test.each([0, 32, 100, 1.5])('are not kept in a ring of %s', (entries) => {
    expect(() => createDecisions(entries)).toThrow(/expected a power of two/);
  });

  test('written by another thread, faster than they are read, are never torn, and none goes uncounted', async () => {
    const shared = createDecisions(DECISIONS_MIN);
    const reader = createDecisionReader(shared);
    const total = 3_000_000;
    const data: DecisionsData = { shared, total };
    const worker = new Worker(new URL('./decisions-worker.ts', import.meta.url), { workerData: data });
    const running = new AbortController();
    const end = once(worker, 'exit').then(() => running.abort());
    let given = 0;
    let torn = 0;
    let last = -1;
    let disordered = 0;
    const each = (slot: number, timeMs: number, allowed: boolean, reason: DecisionReason): void => {
      given++;
      if (timeMs !== timeOf(slot) || allowed !== (slot % 2 === 0) || reason !== slot % 12) torn++;
      if (slot <= last) disordered++;
      last = slot;
    };
    while (!running.signal.aborted) {
      for (let i = 0; i < 2000; i++) reader.read(each);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await end;
    reader.read(each);
    expect({ torn, disordered }).toEqual({ torn: 0, disordered: 0 });
    expect(given + reader.overwritten()).toBe(total);
    expect(given).toBeGreaterThan(0);
    expect(reader.overwritten()).toBeGreaterThan(0);
  });
});
