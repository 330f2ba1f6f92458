/**
 * The characters HTTP/1.1 allows where. Owns one byte-class table and the checks that need no state; promises the
 * strict reading of RFC 9110 5.6.2 (token), 5.5 (field value), 4.2 (host) and RFC 9112 3.2 (request target).
 */
import { isIPv6 } from 'node:net';

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;
export const DEL = 127;
export const QUESTION = 63;
const PERCENT = 37;
const COMMA = 44;

/** Bits of CLASS. */
export const TOKEN = 1;
/** Request target without `?`: visible ASCII but `" # < > \`. */
export const TARGET = 2;
/** `?`, of which the query may have more. */
export const QUERY = 16;
/** Field value: HTAB, SP, visible ASCII, obs-text (0x80-0xFF). */
export const VALUE = 4;
/** A registered name of a host, sub-delims included; a percent-encoded byte is checked apart. */
const HOST_NAME = 8;
/** The longest IPv6 address as text. */
const V6_LENGTH_MAX = 45;
const PORT_MAX = 65_535;
const PORT_DIGITS_MAX = 5;
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
  add(`${digits}${letters}-._~!$&'()*+,;=`, HOST_NAME);
  add(`${digits}abcdefABCDEF:.`, HOST_V6);
  for (let byte = 0x21; byte <= 0x7e; byte++) {
    table[byte]! |= VALUE;
    if (!'"#<>\\?'.includes(String.fromCharCode(byte))) table[byte]! |= TARGET;
  }
  for (let byte = 0x80; byte <= 0xff; byte++) table[byte]! |= VALUE;
  table[QUESTION]! |= QUERY;
  table[SP]! |= VALUE;
  table[HTAB]! |= VALUE;
  return table;
}

/**
 * @returns whether bytes `from` … `to` are `uri-host [":" port]` (RFC 9110 7.2, RFC 3986 3.2.2) with a non-empty host:
 * a registered name or IPv4 address, or an IPv6 address in brackets; an IPvFuture or a zone is nobody's here.
 */
export function isHost(bytes: Uint8Array, from: number, to: number): boolean {
  const end = bytes[from] === 0x5b ? endOfLiteral(bytes, from, to) : endOfName(bytes, from, to);
  if (end === from) return false;
  return end === to || (bytes[end] === COLON && isPort(bytes, end + 1, to));
}

/** @returns the index after the `]`, or `from` when this is no IPv6 address in brackets. */
function endOfLiteral(bytes: Uint8Array, from: number, to: number): number {
  let i = from + 1;
  while (i < to && (CLASS[bytes[i]!]! & HOST_V6) !== 0) i++;
  if (i >= to || bytes[i] !== 0x5d || i - from > V6_LENGTH_MAX + 1) return from;
  return isIPv6(String.fromCharCode(...bytes.subarray(from + 1, i))) ? i + 1 : from;
}

/** @returns the index after the registered name, `from` when it is empty or badly percent-encoded. */
function endOfName(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) {
    if ((CLASS[bytes[i]!]! & HOST_NAME) !== 0) continue;
    if (bytes[i] !== PERCENT) break;
    if (i + 2 >= to || hexValue(bytes[i + 1]!) < 0 || hexValue(bytes[i + 2]!) < 0) return from;
    i += 2;
  }
  return i;
}

/** An empty port is the scheme's own (RFC 3986 3.2.3). */
function isPort(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > PORT_DIGITS_MAX) return false;
  let port = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= PORT_MAX;
}

/** @returns the value of a hex digit, -1 for any other byte. */
export function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
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
  return countElements(bytes, from, to, word, true) > 0;
}

/** @returns whether no element of the comma-separated list is anything but `word`. */
export function listHasOnly(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  return countElements(bytes, from, to, word, false) === 0;
}

/** Elements of the list that are `word` (`same`) or are not; empty ones count for nothing (RFC 9110 5.6.1). */
function countElements(bytes: Uint8Array, from: number, to: number, word: string, same: boolean): number {
  let count = 0;
  let start = from;
  for (let i = from; i <= to; i++) {
    if (i < to && bytes[i] !== COMMA) continue;
    let a = start;
    let b = i;
    while (a < b && isBlank(bytes[a]!)) a++;
    while (b > a && isBlank(bytes[b - 1]!)) b--;
    if (b > a && equalsWord(bytes, a, b, word) === same) count++;
    start = i + 1;
  }
  return count;
}

/** @returns whether the comma-separated list in bytes `from` … `to` ends in `word` (lower case) in any case. */
export function listEndsIn(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  let start = to;
  while (start > from && bytes[start - 1] !== COMMA) start--;
  while (start < to && isBlank(bytes[start]!)) start++;
  return equalsWord(bytes, start, to, word);
}

/** @returns whether a byte is SP or HTAB, the optional white space of HTTP. */
export function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB;
}

/** @returns whether each of bytes `from` … `to` is in one of the classes whose bits are set. */
export function areAll(bytes: Uint8Array, from: number, to: number, classes: number): boolean {
  for (let i = from; i < to; i++) if ((CLASS[bytes[i]!]! & classes) === 0) return false;
  return true;
}

/** @returns the index of the first byte from `from` on that is no token character, or `to`. */
export function skipToken(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) if ((CLASS[bytes[i]!]! & TOKEN) === 0) break;
  return i;
}
