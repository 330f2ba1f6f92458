/** When two sides of a minute are the same: whatever the order of adding, and not when a point is another one. */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, it } from 'vitest';
import type { FileCell } from '../../src/migrate/chunk.ts';
import { sameCell } from '../../src/migrate/compare.ts';
import type { Cell } from '../../src/migrate/influx-store.ts';

function filesOf(values: readonly number[]): FileCell {
  const sumOfAbs = values.reduce((sum, value) => sum + Math.abs(value), 0);
  return { ...storedOf(values), minute: 0, from: 0, to: values.length, sumOfAbs };
}

function storedOf(values: readonly number[]): Cell {
  const sum = values.reduce((total, value) => total + value, 0);
  return { count: values.length, min: Math.min(...values), max: Math.max(...values), sum };
}

it('takes the same numbers for the same in any order, though their sums differ', () => {
  let different = 0;
  for (const seed of [71, 72, 73]) {
    const random = seeded(seed);
    for (let round = 0; round < 300; round++) {
      const values = Array.from({ length: 1 + random.int(100) }, () => (random.next() - 0.5) * 10 ** random.int(16));
      const shuffled = values.toSorted(() => random.next() - 0.5);
      if (storedOf(shuffled).sum !== storedOf(values).sum) different++;
      expect(sameCell(filesOf(values), storedOf(shuffled)), `seed ${random.seed}, ${values.join()}`).toBe(true);
    }
  }
  expect(different).toBeGreaterThan(300);
});

it('does not take for the same what differs in count, least, greatest or any one value', () => {
  const random = seeded(74);
  for (let round = 0; round < 300; round++) {
    const values = Array.from({ length: 3 + random.int(60) }, () => random.next() * 1000);
    const files = filesOf(values);
    const stored = storedOf(values);
    const check = (other: Partial<Cell>): void => expect(sameCell(files, { ...stored, ...other })).toBe(false);
    check({ count: stored.count - 1 });
    check({ min: stored.min * (1 + Number.EPSILON) });
    check({ max: stored.max * (1 + Number.EPSILON) });
    const at = random.int(values.length);
    check({ sum: storedOf(values.with(at, values[at]! + 1e-6)).sum });
  }
});
