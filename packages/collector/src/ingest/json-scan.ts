/**
 * JSON read in place, token by token. Owns the reading of texts and numbers within one line of a longer text; promises
 * that it never reads past the line's end, never recurses, and says what is wrong in words of its own.
 */

/** Where a reader stands. `fault` is set by whatever gives undefined. */
export interface Scan {
  readonly text: string;
  at: number;
  /** After the line's last character. */
  end: number;
  fault: string;
}

export const CHARACTER = { quote: 0x22, comma: 0x2c, colon: 0x3a, open: 0x7b, close: 0x7d } as const;
const BACKSLASH = 0x5c;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

export function createScan(text: string): Scan {
  return { text, at: 0, end: text.length, fault: '' };
}

export function skipSpace(scan: Scan): void {
  const { text, end } = scan;
  let { at } = scan;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d) break;
  }
  scan.at = at;
}

/** @returns whether this character comes next, and was passed over; white space before it too. */
export function take(scan: Scan, character: number): boolean {
  skipSpace(scan);
  if (scan.at >= scan.end || scan.text.charCodeAt(scan.at) !== character) return false;
  scan.at++;
  return true;
}

/** @returns the text that begins at the scan, or undefined. */
export function readText(scan: Scan): string | undefined {
  const { text, end, at: from } = scan;
  if (from >= end) return fail(scan, CUT_OFF);
  if (text.charCodeAt(from) !== CHARACTER.quote) return fail(scan, 'is not a text');
  for (let at = from + 1; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === CHARACTER.quote) {
      scan.at = at + 1;
      return text.slice(from + 1, at);
    }
    if (code === BACKSLASH) return readEscaped(scan, at);
    if (code < 0x20) return fail(scan, 'holds a control character');
  }
  return fail(scan, CUT_OFF);
}

export const CUT_OFF = 'is cut off';

/** The same for a text with an escape, the first of which is at `at`. */
function readEscaped(scan: Scan, firstAt: number): string | undefined {
  const { text, end, at: from } = scan;
  let at = firstAt;
  while (at < end && text.charCodeAt(at) !== CHARACTER.quote) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  if (at >= end) return fail(scan, CUT_OFF);
  try {
    const value = JSON.parse(text.slice(from, at + 1)) as string;
    scan.at = at + 1;
    return value;
  } catch {
    return fail(scan, 'holds an escape or a control character that JSON does not have');
  }
}

/** @returns the number that begins at the scan, or undefined. */
export function readNumber(scan: Scan): number | undefined {
  const { text, end, at: from } = scan;
  let at = from;
  while (at < end && isOfNumber(text.charCodeAt(at))) at++;
  if (from >= end) return fail(scan, CUT_OFF);
  const written = text.slice(from, at);
  if (!NUMBER.test(written)) return fail(scan, 'is not a number');
  const value = Number(written);
  if (!Number.isFinite(value)) return fail(scan, 'is larger than a 64-bit floating-point number can be');
  scan.at = at;
  return value;
}

/** Digits, signs, point and exponent; and letters, so that `1x` is one wrong number. */
function isOfNumber(code: number): boolean {
  const lower = code | 0x20;
  return (code >= 0x2b && code <= 0x39 && code !== CHARACTER.comma) || (lower >= 0x61 && lower <= 0x7a);
}

function fail(scan: Scan, fault: string): undefined {
  scan.fault = fault;
  return undefined;
}
