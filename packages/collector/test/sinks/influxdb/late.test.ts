/** Late minutes: each in exactly one range, adjacent ones together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLateMinutes, MINUTE_MS } from '../../../src/sinks/influxdb/late.ts';

function rangesOf(...minutes: number[]): [number, number][] {
  const late = createLateMinutes();
  for (const minute of minutes) late.note(minute * MINUTE_MS + 59_999);
  return late.ranges().map(({ fromUnixMs, toUnixMs }) => [fromUnixMs / MINUTE_MS, toUnixMs / MINUTE_MS]);
}

describe('late minutes', () => {
  it('are asked for together where they are adjacent, in any order, once', () => {
    expect(rangesOf()).toEqual([]);
    expect(rangesOf(0)).toEqual([[0, 1]]);
    expect(rangesOf(7, 5, 6, 5, 9)).toEqual([
      [5, 8],
      [9, 10],
    ]);
  });

  it('are asked for in ranges of bounded length', () => {
    const ranges = rangesOf(...Array.from({ length: 100 }, (_, at) => at + 1000));
    expect(ranges.length).toBe(7);
    expect(Math.max(...ranges.map(([from, to]) => to - from))).toBe(15);
  });

  it('are each in one range, and no other minute is', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 60 }), (minutes) => {
        const covered = rangesOf(...minutes).flatMap(([from, to]) =>
          Array.from({ length: to - from }, (_, at) => from + at),
        );
        expect(covered).toEqual([...new Set(minutes)].sort((a, b) => a - b));
      }),
    );
  });
});
