/** The one coarse clock: ticks, and the date that answers carry. */
import { expect, test } from 'vitest';
import { Shared } from '../../src/http/shared.ts';
import { LIMITS } from './harness.ts';

function startShared(): Shared {
  return new Shared(LIMITS, { head: () => undefined, body: () => {}, malformed: () => {}, failed: () => {} });
}

test('the date is there before the first tick', () => {
  const before = Math.floor(Date.now() / 1000) * 1000;
  const { date } = startShared();
  const [, text = ''] = /^Date: (.* GMT)\r\n$/.exec(date) ?? [];
  expect(Date.parse(text)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(text)).toBeLessThanOrEqual(Date.now());
});

test('the date follows the wall clock, forwards and backwards', () => {
  const shared = startShared();
  const at = (unixMs: number): string => {
    shared.advance(unixMs);
    return shared.date;
  };
  expect(at(784_111_777_000)).toBe('Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n');
  expect(at(784_111_777_999)).toBe('Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n');
  expect(at(784_111_778_000)).toBe('Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n');
  expect(at(784_111_700_000)).toBe('Date: Sun, 06 Nov 1994 08:48:20 GMT\r\n');
  expect(shared.tick).toBe(5);
});
