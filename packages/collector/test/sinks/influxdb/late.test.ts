/** Late minutes of hosts: each in exactly one range, adjacent ones together, never much more than was touched. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLateMinutes, type LateRange, MINUTE_MS } from '../../../src/sinks/influxdb/late.ts';

type Touched = [minute: number, host: string];

function lateOf(...touched: Touched[]) {
  const late = createLateMinutes();
  late.begin('one');
  for (const [index, [minute, host]] of touched.entries())
    late.note(host, { unixMs: minute * MINUTE_MS + 59_999, index });
  return late;
}

function shortOf({ fromUnixMs, toUnixMs, hosts }: LateRange) {
  return [fromUnixMs / MINUTE_MS, toUnixMs / MINUTE_MS, hosts.join()];
}

const rangesOf = (...touched: Touched[]) =>
  lateOf(...touched)
    .ranges()
    .map(shortOf);
const ofOne = (...minutes: number[]) => minutes.map((minute): Touched => [minute, 'a']);

/** Every minute of every host in the ranges, sorted; more than once where it is in several. */
function covered(ranges: readonly LateRange[]): string[] {
  return ranges
    .flatMap(({ fromUnixMs, toUnixMs, hosts }) => {
      const minutes = Array.from(
        { length: (toUnixMs - fromUnixMs) / MINUTE_MS },
        (_, at) => fromUnixMs / MINUTE_MS + at,
      );
      return minutes.flatMap((minute) => hosts.map((host) => `${minute} ${host}`));
    })
    .sort();
}

describe('late minutes', () => {
  it('are asked for together where they are adjacent, in any order, once', () => {
    expect(rangesOf()).toEqual([]);
    expect(rangesOf([0, 'a'])).toEqual([[0, 1, 'a']]);
    expect(rangesOf(...ofOne(7, 5, 6, 5, 9))).toEqual([
      [5, 8, 'a'],
      [9, 10, 'a'],
    ]);
    expect(rangesOf([5, 'a'], [6, 'b'], [5, 'b'], [6, 'a'])).toEqual([[5, 7, 'a,b']]);
  });

  it('are asked for in ranges of bounded length, and of bounded numbers and names of hosts', () => {
    const long = rangesOf(...ofOne(...Array.from({ length: 100 }, (_, at) => at + 1000)));
    expect(long.length).toBe(7);
    expect(Math.max(...long.map(([from, to]) => Number(to) - Number(from)))).toBe(15);
    const wide = lateOf(...Array.from({ length: 250 }, (_, at): Touched => [3, `host-${at}`])).ranges();
    expect(wide.map(({ hosts }) => hosts.length)).toEqual([100, 100, 50]);
    const names = lateOf(...Array.from({ length: 50 }, (_, at): Touched => [3, `${at}`.padEnd(1000, 'x')])).ranges();
    expect(names.map(({ hosts }) => hosts.length)).toEqual([16, 16, 16, 2]);
  });

  it('are each in one range, which hold at most twice as many', () => {
    const touch = fc.tuple(fc.nat(40), fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'));
    fc.assert(
      fc.property(fc.array(touch, { maxLength: 120 }), (touched) => {
        const found = covered(lateOf(...touched).ranges());
        const wanted = new Set(touched.map((one) => one.join(' ')));
        expect(new Set(found).size).toBe(found.length);
        expect([...wanted].filter((one) => !found.includes(one))).toEqual([]);
        expect(found.length).toBeLessThanOrEqual(2 * wanted.size);
      }),
    );
  });

  it('are bounded in bytes', () => {
    const late = createLateMinutes();
    let noted = 0;
    for (; !late.full && noted < 100_000; noted++)
      late.note('x'.repeat(1000), { unixMs: noted * MINUTE_MS, index: noted });
    expect(noted).toBeGreaterThan(3000);
    expect(noted).toBeLessThan(5000);
    late.clear();
    expect(late.full).toBe(false);
    expect(late.ranges()).toEqual([]);
  });
});

describe('a delivery that comes again', () => {
  const note = (late: ReturnType<typeof lateOf>, ...touched: [Touched, number][]) => {
    for (const [[minute, host], index] of touched) late.note(host, { unixMs: minute * MINUTE_MS, index });
  };

  it('does not ask again for what was computed, unless a later record touches it', () => {
    const late = lateOf([1, 'a'], [1, 'b'], [5, 'a']);
    const [first] = late.ranges();
    late.settle(first!);
    late.clear();
    late.begin('one');
    note(late, [[1, 'a'], 0], [[1, 'b'], 2], [[5, 'a'], 2]);
    expect(late.ranges().map(shortOf)).toEqual([[5, 6, 'a']]);
    note(late, [[1, 'b'], 3]);
    expect(late.ranges().map(shortOf)).toEqual([
      [1, 2, 'b'],
      [5, 6, 'a'],
    ]);
  });

  it('asks for all again where it is another delivery, or has ended before', () => {
    const touched: Touched = [1, 'a'];
    for (const forget of ['begin', 'end'] as const) {
      const late = lateOf(touched);
      late.settle(late.ranges()[0]!);
      if (forget === 'end') late.end();
      late.begin(forget === 'end' ? 'one' : 'two');
      note(late, [touched, 0]);
      expect(late.ranges().map(shortOf)).toEqual([[1, 2, 'a']]);
    }
  });
});
