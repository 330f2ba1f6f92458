import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../src/backoff.ts';

const LIMITS = { initialMs: 100, maxMs: 4000 };
const highest = (): number => 0.999999999;

test('the ceiling doubles from initial to max and stays there', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 100, 5000].map((attempt) => Math.round(backoffMs(attempt, LIMITS, highest)));
  expect(ceilings).toEqual([100, 200, 400, 800, 1600, 3200, 4000, 4000, 4000]);
});

test('the jitter is drawn after the cap, so waits are spread over the whole range at the cap too', () => {
  expect(backoffMs(50, LIMITS, () => 0)).toBe(0);
  expect(backoffMs(50, LIMITS, () => 0.25)).toBe(1000);
});

test('a wait lies within its floor and its floor plus the ceiling, for any attempt and randomness', () => {
  fc.assert(
    fc.property(
      fc.nat(10_000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.nat(100_000),
      (attempt, random, floorMs) => {
        const ms = backoffMs(attempt, { ...LIMITS, floorMs }, () => random);
        expect(ms).toBeGreaterThanOrEqual(floorMs);
        expect(ms).toBeLessThanOrEqual(floorMs + LIMITS.maxMs);
      },
    ),
    { seed: 7 },
  );
});
