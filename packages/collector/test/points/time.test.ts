/** Times as text, to the nanosecond. */
import { expect, test } from 'vitest';
import { createTimeReader, unixNanoOf } from '../../src/points/time.ts';

/** 2025-10-04T12:00Z. */
const MINUTE = 29_326_320;

test('reads times as RFC 3339 has them, and no others', () => {
  const timeOf = createTimeReader();
  const check = (text: string, expected: unknown) => expect(timeOf(text), text).toEqual(expected);
  check('1970-01-01T00:01:02Z', { minute: 1, nanos: 2_000_000_000 });
  check('1970-01-01T01:00:00+01:00', { minute: 0, nanos: 0 });
  check('2262-04-11T23:47:16.854775807Z', { minute: 153_722_867, nanos: 16_854_775_807 });
  check('2025-10-04T12:00:59.000000001Z', { minute: MINUTE, nanos: 59_000_000_001 });
  check('2025-10-04T07:00:00.5-05:00', { minute: MINUTE, nanos: 500_000_000 });
  for (const text of [
    '2025-10-04',
    '2025-10-04T12:00:00',
    '2025-10-04 12:00:00Z',
    '2025-10-04T12:00:60Z',
    '2025-10-04T25:00:00Z',
    '1759579200',
    '',
    '1969-12-31T23:59:59.999999999Z',
    '1970-01-01T00:59:00+01:00',
    '0000-01-01T00:00:00Z',
    '2262-04-11T23:47:16.854775808Z',
    '2262-04-11T23:48:00Z',
    '2600-01-01T00:00:00Z',
    '9999-01-01T00:00:00Z',
  ])
    check(text, undefined);
});

test('a time in nanoseconds is exact', () => {
  expect(unixNanoOf({ minute: MINUTE, nanos: 59_000_000_001 })).toBe(1_759_579_259_000_000_001n);
});
