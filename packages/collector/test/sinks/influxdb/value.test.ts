/** Numbers as JavaScript prints them, by whichever way they are written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeValue } from '../../../src/sinks/influxdb/value.ts';

function check(value: number): void {
  const target = Buffer.alloc(40, '?');
  const end = writeValue(target, 3, value);
  expect(target.toString('latin1', 3, end)).toBe(`${value === 0 ? 0 : value}`);
  expect(target.toString('latin1', 0, 3)).toBe('???');
}

describe('a number', () => {
  it.each([
    0,
    -0,
    0.001,
    -0.001,
    0.01,
    0.1,
    0.5,
    1.05,
    99.999,
    -99.999,
    100.25,
    1_999_999.999,
    2_000_000.001,
    0.0005,
    0.1 + 0.2,
    1e-7,
    5e-324,
    1e21,
    123_456_789.125,
    4.35,
    1.005,
    8.2,
    0.57,
    1.0000000000000002,
  ])('%d has the digits that JavaScript prints', check);

  it('has them whatever it is', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(fc.property(fc.oneof(double, fc.double({ min: -1e7, max: 1e7, noNaN: true })), check), { numRuns: 2000 });
  });

  it('has them with up to four decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: -3e10, max: 3e10 }), fc.nat(4), (of, power) => check(of / 10 ** power)),
      { numRuns: 5000 },
    );
  });
});
