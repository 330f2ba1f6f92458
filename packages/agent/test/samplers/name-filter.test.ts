/** Globs over names. */
import { expect, test } from 'vitest';
import { createNameFilter } from '../../src/samplers/name-filter.ts';

function check(patterns: string[], taken: string[], refused: string[]): void {
  const takes = createNameFilter(patterns);
  for (const name of taken) expect([patterns, name, takes(name)]).toEqual([patterns, name, true]);
  for (const name of refused) expect([patterns, name, takes(name)]).toEqual([patterns, name, false]);
}

test('a name passes when a pattern takes it and none refuses it, in any order', () => {
  check(['*', '!lo'], ['eth0', 'lo1'], ['lo']);
  check(['!veth*', 'eth?', 'veth*'], ['eth0'], ['veth1', 'eth10', 'xeth0']);
  check(['!lo'], ['eth0'], ['lo']);
  check([], [], ['eth0', '']);
});

test('everything but star and question mark is literal', () => {
  check(['a.b', 'c[1]', '(d)+$'], ['a.b', 'c[1]', '(d)+$'], ['axb', 'c1', 'ddd']);
  check(['cciss!*'], ['cciss!c0d0'], ['cciss']);
});

test('a pattern of many stars is decided at once', () => {
  const startMs = performance.now();
  check([`${'*'.repeat(40)}x`], ['aax'], ['a'.repeat(200)]);
  expect(performance.now() - startMs).toBeLessThan(1000);
});
