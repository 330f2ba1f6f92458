/**
 * A finite double as line protocol: JavaScript's digits, the shortest that read back to the same double. Pure. What has at
 * most three decimals, as most readings of an agent, is written without making a string, which is half the time.
 */
import { writeNumber } from '../jsonl/number.ts';

const ZERO = 48;
const DOT = 46;
const MINUS = 45;
const THOUSAND = 1000;
/** Below it a number of thousandths fits 31 bits. */
const THOUSANDTHS_MAX = 2_000_000;

/** Writes `value`; `target` has `NUMBER_BYTES_MAX` bytes from `at`. @returns where the next byte goes. */
export function writeValue(target: Uint8Array, at: number, value: number): number {
  const size = value < 0 ? -value : value;
  if (size >= THOUSANDTHS_MAX || Number.isInteger(value)) return writeNumber(target, at, value);
  const thousandths = Math.round(size * THOUSAND);
  // Decimals of so few digits are each the shortest of their double, so equal doubles mean equal digits.
  if (thousandths / THOUSAND !== size) return writeNumber(target, at, value);
  let next = at;
  if (value < 0) target[next++] = MINUS;
  const whole = (thousandths / THOUSAND) | 0;
  const decimals = thousandths - whole * THOUSAND;
  next = writeNumber(target, next, whole);
  target[next++] = DOT;
  const tenths = (decimals / 100) | 0;
  const rest = decimals - tenths * 100;
  const hundredths = (rest / 10) | 0;
  const last = rest - hundredths * 10;
  target[next++] = ZERO + tenths;
  if (rest === 0) return next;
  target[next++] = ZERO + hundredths;
  if (last === 0) return next;
  target[next++] = ZERO + last;
  return next;
}
