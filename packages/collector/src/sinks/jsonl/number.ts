/**
 * A finite double as the bytes of a JSON number. Pure. Promises the digits that JavaScript prints, the shortest that
 * read back to the same double; whole numbers, which most counters are, skip the string.
 */

/** `-1.2345678901234567e-308` is the longest kind; a little more for a round number. */
export const NUMBER_BYTES_MAX = 32;

const ZERO = 48;
const MINUS = 45;
/** As many digits as one step of 31-bit arithmetic takes. */
const NINE_DIGITS = 1_000_000_000;

/**
 * Writes `value`, which must be finite; negative zero is written as 0. `target` has `NUMBER_BYTES_MAX` bytes from `at`.
 * @returns where the next byte goes.
 */
export function writeNumber(target: Uint8Array, at: number, value: number): number {
  if (!Number.isSafeInteger(value)) return writeText(target, at, `${value}`);
  let next = at;
  let rest = value;
  if (rest < 0) {
    target[next++] = MINUS;
    rest = -rest;
  }
  if (rest < NINE_DIGITS) return writeDigits(target, next, rest | 0, digitsOf(rest | 0));
  const high = Math.floor(rest / NINE_DIGITS);
  // A safe integer has at most 16 digits, so `high` has at most 7.
  next = writeDigits(target, next, high | 0, digitsOf(high | 0));
  return writeDigits(target, next, (rest - high * NINE_DIGITS) | 0, 9);
}

function writeText(target: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let index = 0; index < length; index++) target[at + index] = text.charCodeAt(index);
  return at + length;
}

function writeDigits(target: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const tens = (rest / 10) | 0;
    target[place] = ZERO + rest - tens * 10;
    rest = tens;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    if (value < 1000) return 3;
    return value < 10_000 ? 4 : 5;
  }
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7;
  return value < 100_000_000 ? 8 : 9;
}
