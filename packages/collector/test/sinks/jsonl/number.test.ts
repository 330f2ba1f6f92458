/** Numbers against what JavaScript prints, around every change of form. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NUMBER_BYTES_MAX, writeNumber } from '../../../src/sinks/jsonl/number.ts';

function written(value: number): string {
  const target = Buffer.alloc(NUMBER_BYTES_MAX + 3, '#');
  const end = writeNumber(target, 3, value);
  expect(target.toString('latin1', 0, 3)).toBe('###');
  expect(target.subarray(end).every((byte) => byte === 35)).toBe(true);
  return target.toString('latin1', 3, end);
}

describe('a number', () => {
  it('is what JavaScript prints, around every power of ten and of two', () => {
    for (let exponent = 0; exponent <= 60; exponent++) {
      for (const near of [10 ** (exponent % 22), 2 ** exponent]) {
        for (const value of [near - 1, near, near + 1, near * 9, near + 0.5, 1 / near]) {
          expect(written(value)).toBe(String(value));
          expect(written(-value)).toBe(String(-value));
        }
      }
    }
  });

  it('is what JavaScript prints, for any double and any whole number', () => {
    const any = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger(), fc.integer());
    fc.assert(
      fc.property(any, (value) => {
        expect(written(value)).toBe(String(value));
      }),
      { seed: 75, numRuns: 2000 },
    );
  });

  it.each([
    [-0, '0'],
    [5e-324, '5e-324'],
    [-Number.MAX_VALUE, '-1.7976931348623157e+308'],
    [-2.2250738585072014e-308, '-2.2250738585072014e-308'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [1e21, '1e+21'],
  ])('%d is %s', (value, text) => {
    expect(written(value)).toBe(text);
  });
});
