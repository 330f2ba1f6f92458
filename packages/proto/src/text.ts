/**
 * What bytes may stand in the wire's texts. Owns the character classes and the UTF-8 check, for bytes in place: no
 * strings are made. Sources: the comments of metricstream.proto; RFC 3629 section 4 for UTF-8.
 */
import type { Cursor } from './wire.ts';

/** Bits of CHARACTER_CLASS. A byte without PRINTABLE is a control character, DEL, or part of a longer character. */
export const PRINTABLE = 1;
/** [A-Za-z0-9_.]: names and keys. */
export const WORD = 2;
/** [A-Za-z_]: where a name or key begins. */
export const WORD_START = 4;
/** [A-Za-z0-9._:-]: client ids. */
export const CLIENT_ID = 8;
/** [a-z0-9_]: reasons. */
export const REASON = 16;

/** Per byte value, the classes it is in. */
export const CHARACTER_CLASS: Uint8Array = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0x20; byte < 0x7f; byte++) {
    const character = String.fromCharCode(byte);
    let bits = PRINTABLE;
    if (/[A-Za-z0-9_.]/.test(character)) bits |= WORD;
    if (/[A-Za-z_]/.test(character)) bits |= WORD_START;
    if (/[A-Za-z0-9._:-]/.test(character)) bits |= CLIENT_ID;
    if (/[a-z0-9_]/.test(character)) bits |= REASON;
    table[byte] = bits;
  }
  return table;
}

/** @returns the offset of the first byte in [at, end) that is not in every class of `bits`, or `end`. */
export function skipClass(bytes: Uint8Array, at: number, end: number, bits: number): number {
  let next = at;
  while (next < end && (CHARACTER_CLASS[bytes[next]!]! & bits) === bits) next++;
  return next;
}

/** `checkText`: all of it is UTF-8 without control characters. */
export const TEXT_OK = 0;
/** `checkText`: the bytes at `cursor.at` are no UTF-8. */
export const NOT_UTF8 = -1;
/** `checkText`: U+0000-U+001F or U+007F-U+009F at `cursor.at`. */
export const CONTROL_CHARACTER = -2;

/** Checks [cursor.at, end) and moves the cursor to the first fault, or to `end`. @returns TEXT_OK or the fault. */
export function checkText(bytes: Uint8Array, cursor: Cursor, end: number): number {
  let at = cursor.at;
  let verdict = TEXT_OK;
  while (verdict === TEXT_OK && (at = skipClass(bytes, at, end, PRINTABLE)) < end) {
    const after = skipCharacter(bytes, at, end);
    if (after > 0) at = after;
    else verdict = after;
  }
  cursor.at = at;
  return verdict;
}

/**
 * Checks one character that is not printable ASCII.
 * @returns the offset after it, or a fault. Overlong forms, surrogates and what exceeds U+10FFFF are no UTF-8.
 */
function skipCharacter(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return CONTROL_CHARACTER;
  if (lead < 0xc2 || lead > 0xf4) return NOT_UTF8;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > end) return NOT_UTF8;
  const second = bytes[at + 1]!;
  // RFC 3629: the second byte is narrower after these leads, which excludes overlong forms and surrogates.
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return NOT_UTF8;
  for (let next = at + 2; next < at + length; next++) if ((bytes[next]! & 0xc0) !== 0x80) return NOT_UTF8;
  return lead === 0xc2 && second < 0xa0 ? CONTROL_CHARACTER : at + length;
}
