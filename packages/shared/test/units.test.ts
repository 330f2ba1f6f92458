import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatByteRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  parseByteRate,
  parseBytes,
  parseDuration,
  parseRate,
} from '../src/units.ts';

const SEED = 20261123;
const ok = (value: number) => ({ ok: true, value });
const whole = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.nat(64).map((n) => 2 ** (n % 50)),
  fc.nat(15).map((n) => 10 ** n),
);

describe('sizes', () => {
  test.each([
    ['256MiB', 268_435_456],
    ['1MB', 1_000_000],
    ['1KB', 1000],
    ['1.5GiB', 1_610_612_736],
    ['0.1MB', 100_000],
    ['16 KiB', 16_384],
    ['4096', 4096],
    [4096, 4096],
    ['0', 0],
    ['2TiB', 2 ** 41],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseBytes(text)).toEqual(ok(bytes));
  });

  test.each([
    ['', 'is not a size'],
    ['-1MiB', 'is not a size'],
    ['MiB', 'is not a size'],
    ['1mb', 'unknown unit "mb" (MiB or MB?)'],
    ['1G', 'unknown unit "G" (GiB or GB?)'],
    ['1e9', 'unknown unit "e9"'],
    ['0.3B', 'not a whole number of bytes'],
    ['9000000TiB', 'too large'],
  ])('%s is refused: %s', (text, why) => {
    expect(parseBytes(text)).toMatchObject({ ok: false, what: expect.stringContaining(why) });
  });

  test('what format writes, parse reads back', () => {
    fc.assert(
      fc.property(whole, (bytes) => {
        expect(parseBytes(formatBytes(bytes))).toEqual(ok(bytes));
      }),
      { seed: SEED },
    );
  });

  test('format takes the largest unit that is exact', () => {
    expect([0, 1, 1000, 1024, 1536, 1_000_000, 2 ** 28].map(formatBytes)).toEqual([
      '0B',
      '1B',
      '1KB',
      '1KiB',
      '1536B',
      '1MB',
      '256MiB',
    ]);
  });
});

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toEqual(ok(ms));
  });

  test.each([
    ['10', 'has no unit'],
    [10, 'has no unit'],
    ['', 'is empty'],
    ['10 s', 'is not a duration'],
    ['10x', 'unknown unit "x"'],
    ['30m1h', 'from the largest unit to the smallest'],
    ['1h1h', 'from the largest unit to the smallest'],
    ['0.5ms', 'not a whole number of milliseconds'],
    ['-5s', 'is not a duration'],
  ])('%s is refused: %s', (text, why) => {
    expect(parseDuration(text)).toMatchObject({ ok: false, what: expect.stringContaining(why) });
  });

  test('what format writes, parse reads back', () => {
    fc.assert(
      fc.property(whole, (ms) => {
        expect(parseDuration(formatDuration(ms))).toEqual(ok(ms));
      }),
      { seed: SEED },
    );
  });
});

describe('rates', () => {
  test('are per second, whatever the period', () => {
    expect(parseRate('20/s')).toEqual(ok(20));
    expect(parseRate('600/m')).toEqual(ok(10));
    expect(parseRate('1800/h')).toEqual(ok(0.5));
    expect(parseByteRate('16MiB/s')).toEqual(ok(16_777_216));
  });

  test.each(['20', '20/', '20/fortnight', '/s', 'x/s', '1MiB/s', '-1/s'])('%s is refused', (text) => {
    expect(parseRate(text).ok).toBe(false);
  });

  test('what format writes, parse reads back, per second, minute or hour', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000_000 }), fc.constantFrom(1, 60, 3600), (amount, seconds) => {
        expect(parseRate(formatRate(amount / seconds))).toEqual(ok(amount / seconds));
        expect(parseByteRate(formatByteRate(amount / seconds))).toEqual(ok(amount / seconds));
      }),
      { seed: SEED },
    );
  });
});

test('counts are separated by thousands', () => {
  expect([0, 999, 1000, 12_345, 1_234_567.9, -1000].map(formatCount)).toEqual([
    '0',
    '999',
    '1,000',
    '12,345',
    '1,234,567',
    '-1,000',
  ]);
});
