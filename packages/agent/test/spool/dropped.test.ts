import { describe, expect, it } from 'vitest';
import { createDropped, DROPPED_ENTRIES_MAX, type Loss } from '../../src/spool/dropped.ts';

const loss = (epoch: number, points: number, reason: Loss['reason'] = 'expired'): Loss => ({
  epoch,
  reason,
  points,
  firstSeq: 3,
  lastSeq: 4,
  firstUnixMs: 1000,
  lastUnixMs: 2000,
});

describe('dropped totals', () => {
  it('of the running epoch are in every batch, with their range', () => {
    const dropped = createDropped(9, []);
    dropped.add(loss(9, 5));
    dropped.add({ ...loss(9, 2), firstSeq: 1, lastSeq: 2, firstUnixMs: 500, lastUnixMs: 900 });
    const entry = { epoch: 9, reason: 'expired', points: 7, firstSeq: 1, lastSeq: 4 };
    const times = { firstTimeUnixNano: 500_000_000n, lastTimeUnixNano: 2_000_000_000n };
    expect(dropped.carriedBy(1)).toEqual([{ ...entry, ...times }]);
    dropped.acked(1);
    expect(dropped.carriedBy(2)).toHaveLength(1);
  });

  it('of an earlier epoch are carried until a batch that carried the present total is acked', () => {
    const dropped = createDropped(9, [{ ...loss(8, 5), heard: false }]);
    expect(dropped.carriedBy(1)).toMatchObject([{ epoch: 8, points: 5 }]);
    dropped.add(loss(8, 1));
    dropped.acked(1);
    expect(dropped.carriedBy(2)).toMatchObject([{ epoch: 8, points: 6 }]);
    dropped.acked(2);
    expect(dropped.carriedBy(3)).toEqual([]);
    dropped.add(loss(8, 1));
    expect(dropped.carriedBy(4)).toMatchObject([{ epoch: 8, points: 7 }]);
  });

  it('are forgotten when heard of and nothing of their epoch is left to lose', () => {
    const dropped = createDropped(9, [
      { ...loss(8, 5), heard: true },
      { ...loss(7, 5), heard: false },
    ]);
    dropped.forget(new Set([8]));
    expect(dropped.entries().map((entry) => entry.epoch)).toEqual([8, 7]);
    dropped.forget(new Set());
    expect(dropped.entries().map((entry) => entry.epoch)).toEqual([7]);
  });

  it('are bounded in number and lose no point by it', () => {
    const dropped = createDropped(1000, []);
    for (let epoch = 1; epoch <= 500; epoch++)
      dropped.add(loss(epoch, epoch, epoch % 2 === 0 ? 'expired' : 'rejected'));
    const entries = dropped.entries();
    expect(entries.length).toBeLessThanOrEqual(DROPPED_ENTRIES_MAX);
    expect(entries.reduce((sum, entry) => sum + entry.points, 0)).toBe((500 * 501) / 2);
    expect(dropped.thisRun).toEqual({ expired: 62750, rejected: 62500 });
  });
});
