/**
 * The characters HTTP/1.1 allows where. Owns one byte-class table and the checks that need no state; promises the
 * strict reading of RFC 9110 5.6.2 (token), 5.5 (field value), 4.2 (host) and RFC 9112 3.2 (request target).
 */

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;
export const DEL = 127;
export const QUESTION = 63;

/** Bits of CLASS. */
export const TOKEN = 1;
/** Request target without `?`: visible ASCII but `" # < > \`. */
export const TARGET = 2;
/** Field value: HTAB, SP, visible ASCII, obs-text (0x80-0xFF). */
export const VALUE = 4;
/** A registered name of a host, sub-delims and `%` included. */
const HOST_NAME = 8;
const DIGIT = 16;
/** Inside `[…]` of an IPv6 literal. */
const HOST_V6 = 32;

/** Byte → the bits of the classes it belongs to. */
export const CLASS = buildClasses();

function buildClasses(): Uint8Array {
  const table = new Uint8Array(256);
  const add = (characters: string, bit: number): void => {
    for (const c of characters) table[c.charCodeAt(0)]! |= bit;
  };
  const digits = '0123456789';
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  add(`${digits}${letters}!#$%&'*+-.^_\`|~`, TOKEN);
  add(`${digits}${letters}-._~%!$&'()*+,;=`, HOST_NAME);
  add(`${digits}abcdefABCDEF:.`, HOST_V6);
  add(digits, DIGIT);
  for (let byte = 0x21; byte <= 0x7e; byte++) {
    table[byte]! |= VALUE;
    if (!'"#<>\\?'.includes(String.fromCharCode(byte))) table[byte]! |= TARGET;
  }
  for (let byte = 0x80; byte <= 0xff; byte++) table[byte]! |= VALUE;
  table[SP]! |= VALUE;
  table[HTAB]! |= VALUE;
  return table;
}

/** @returns whether bytes `from` … `to` are `uri-host [":" port]` with a non-empty host (RFC 9110 7.2). */
export function isHost(bytes: Uint8Array, from: number, to: number): boolean {
  let i = from;
  if (bytes[i] === 0x5b) {
    i++;
    const inside = i;
    while (i < to && (CLASS[bytes[i]!]! & HOST_V6) !== 0) i++;
    if (i - inside < 2 || i >= to || bytes[i] !== 0x5d) return false;
    i++;
  } else {
    while (i < to && (CLASS[bytes[i]!]! & HOST_NAME) !== 0) i++;
    if (i === from) return false;
  }
  if (i === to) return true;
  if (bytes[i] !== COLON || to - i > 6) return false;
  i++;
  while (i < to && (CLASS[bytes[i]!]! & DIGIT) !== 0) i++;
  return i === to;
}

/** @returns whether bytes `from` … `to`, of a token or a field value, are `word` (lower-case letters, digits, `-`) in any case. */
export function equalsWord(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  if (to - from !== word.length) return false;
  // Setting the bit of lower case maps no other byte a token or a value may hold onto a letter or a `-`.
  for (let i = 0; i < word.length; i++) if ((bytes[from + i]! | 0x20) !== word.charCodeAt(i)) return false;
  return true;
}

/** @returns whether the comma-separated list in bytes `from` … `to` holds `word` (lower case) in any case. */
export function listHas(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  let start = from;
  for (let i = from; i <= to; i++) {
    if (i < to && bytes[i] !== 0x2c) continue;
    let a = start;
    let b = i;
    while (a < b && isBlank(bytes[a]!)) a++;
    while (b > a && isBlank(bytes[b - 1]!)) b--;
    if (equalsWord(bytes, a, b, word)) return true;
    start = i + 1;
  }
  return false;
}

/** @returns whether a byte is SP or HTAB, the optional white space of HTTP. */
export function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB;
}

/** @returns the index of the first byte from `from` on that is no token character, or `to`. */
export function skipToken(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) if ((CLASS[bytes[i]!]! & TOKEN) === 0) break;
  return i;
}
