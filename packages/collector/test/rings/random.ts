/** Whole numbers at random for the tests of shared memory. */

/** @returns a whole number from `min` to `max`, both included. */
export function between(random: () => number, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}
