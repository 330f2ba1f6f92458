import { describe, expect, it } from 'vitest';
import { createRanges, type Place } from '../../src/spool/ranges.ts';
import { seeded } from '../support.ts';

const HEADER = 64;

/** Positions of all records the ranges cover, found by walking the records like a reader does. */
function covered(ranges: ReturnType<typeof createRanges>, records: readonly Place[]): number[] {
  const inside = (place: Place) => ranges.list.some((range) => place.start >= range.from && place.end <= range.to);
  return records.filter(inside).map((place) => place.start);
}

describe('unacked ranges', () => {
  it.each([1, 2, 3, 4, 5])('hold exactly what a set of positions holds, whatever the order (seed %i)', (seed) => {
    const random = seeded(seed);
    const ranges = createRanges();
    const records: Place[] = [];
    const unacked = new Map<number, { place: Place; seq: number }>();
    let end = 0;
    let seq = 1;
    for (let step = 0; step < 3000; step++) {
      const what = random.next();
      const newest = records.at(-1);
      const [oldest] = [...unacked.values()];
      if (what < 0.5) {
        const start = end + (random.chance(0.1) ? HEADER : 0);
        const place = { start, end: start + 8 * (1 + random.below(9)), previousEnd: newest?.end ?? 0 };
        records.push(place);
        unacked.set(place.start, { place, seq });
        ranges.append(place, seq++, step);
        end = place.end;
      } else if (what < 0.7 && oldest) {
        ranges.skipFirst(oldest.place.start, oldest.seq);
        ranges.takeFirst(oldest.place.end, step);
        unacked.delete(oldest.place.start);
      } else if (what < 0.9 && newest && unacked.has(newest.start)) {
        ranges.takeNewest(newest);
        unacked.delete(newest.start);
      } else if (what > 0.99 && oldest) {
        const below = oldest.place.start + random.below(200) * 8;
        const boundary = records.find((place) => place.start >= below)?.start ?? end;
        for (const start of unacked.keys()) if (start < boundary) unacked.delete(start);
        ranges.dropBelow(boundary, [...unacked.values()][0]?.seq ?? 0);
      }
      expect(covered(ranges, records.slice(-400)), `seed ${seed}, step ${step}`).toEqual(
        [...unacked.keys()].filter((start) => start >= (records.at(-400)?.start ?? 0)),
      );
      expect(ranges.list[0]?.firstSeq, `seed ${seed}, step ${step}`).toBe([...unacked.values()][0]?.seq);
      expect(ranges.list.every((range) => range.from < range.to)).toBe(true);
    }
  });

  it('keep what earlier epochs left apart from the running one', () => {
    const ranges = createRanges();
    ranges.append({ start: 64, end: 128, previousEnd: 0 }, 0, 1);
    ranges.append({ start: 128, end: 192, previousEnd: 128 }, 0, 2);
    ranges.append({ start: 192, end: 256, previousEnd: 192 }, 1, 3);
    expect(ranges.list.map(({ from, to, firstSeq }) => [from, to, firstSeq])).toEqual([
      [64, 192, 0],
      [192, 256, 1],
    ]);
  });

  it('refuse to take as newest what is not', () => {
    const ranges = createRanges();
    ranges.append({ start: 64, end: 128, previousEnd: 0 }, 1, 1);
    expect(() => ranges.takeNewest({ start: 0, end: 64, previousEnd: 0 })).toThrow('not the newest');
  });
});
