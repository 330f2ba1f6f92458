/** What a whole describe block gives back at its end, where onTestFinished has no test to wait for. */
import { afterAll } from 'vitest';

/** Call in the describe block. @returns what takes the ends, which run in the order opposite to that of asking. */
export function suiteEnding(): (end: () => Promise<void> | void) => void {
  const ends: (() => Promise<void> | void)[] = [];
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });
  return (end) => void ends.push(end);
}
