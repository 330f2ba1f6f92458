/**
 * The request head. Owns the one pass over its bytes and the offsets it leaves behind; promises three outcomes (done,
 * incomplete, invalid) that depend on the bytes alone, never on how they were cut into reads. The profile is strict
 * (RFC 9112 with every leniency off): what two servers could read differently is refused. Nothing is allocated per
 * field: offsets go into one preallocated array, the whole head becomes one string, values are cut on demand.
 */
import type { Reason } from './reasons.ts';
import { CLASS, COLON, CR, DEL, HTAB, LF, QUESTION, SP, TARGET, TOKEN } from './syntax.ts';
import { equalsWord, isBlank, isHost, listHas } from './syntax.ts';
import type { HttpLimits } from './types.ts';

/** What parseHead returns instead of the index after the head. */
export const INCOMPLETE = -1;
export const INVALID = -2;

/** The limits a head is held to. */
export type HeadLimits = Pick<HttpLimits, 'headBytesMax' | 'headersMax' | 'targetBytesMax'>;

const METHOD_BYTES_MAX = 32;
const VERSION = Buffer.from('HTTP/1.', 'latin1');
/** Framing fields seen so far, as bits. */
const SEEN_HOST = 1;
const SEEN_LENGTH = 2;
const SEEN_CODING = 4;
const SEEN_EXPECT = 8;

/** One parsed head; reused for request after request. Offsets count from the first byte of the request line. */
export class RequestHead {
  /** The head as Latin-1, request line to empty line. */
  text = '';
  method = '';
  path = '';
  queryFrom = 0;
  queryTo = 0;
  /** Minor version: 0 or 1. */
  minor = 1;
  /** -1 for chunked, 0 when there is no body. */
  contentLength = 0;
  /** The client asked for the connection to close, or speaks HTTP/1.0. */
  close = false;
  expectContinue = false;
  /** Set when parseHead says INVALID: why, and at which index of `bytes`. */
  reason: Reason = 'request_line';
  faultAt = 0;
  fieldCount = 0;
  /** Per field: name from, name to, value from, value to. */
  readonly fields: Uint16Array;
  /** Working state of one pass: absolute indices, not offsets. */
  start = 0;
  targetFrom = 0;
  targetTo = 0;
  queryAt = 0;
  seen = 0;

  /** @param headersMax the limit that parseHead will be given with this head. */
  constructor(headersMax: number) {
    this.fields = new Uint16Array(headersMax * 4);
  }

  /** @returns the first value of the field `name` (lower case), '' when absent. */
  header(name: string): string {
    const { fields, text } = this;
    for (let k = 0, end = this.fieldCount * 4; k < end; k += 4) {
      const from = fields[k]!;
      if (fields[k + 1]! - from === name.length && sameName(text, from, name))
        return text.slice(fields[k + 2], fields[k + 3]);
    }
    return '';
  }
}

function sameName(text: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = text.charCodeAt(from + i);
    if ((c >= 65 && c <= 90 ? c | 0x20 : c) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * Reads one request head from bytes `from` … `to` into `head`. One empty line before it is skipped (RFC 9112 2.2).
 * @returns the index after the head; INCOMPLETE when more bytes are needed; INVALID with `head.reason` and
 * `head.faultAt` when no further byte can make it a request this server takes.
 */
export function parseHead(bytes: Buffer, from: number, to: number, limits: HeadLimits, head: RequestHead): number {
  let start = from;
  if (start < to && bytes[start] === CR) {
    if (start + 1 >= to) return INCOMPLETE;
    if (bytes[start + 1] !== LF) return fault(head, 'line_end', start);
    start += 2;
  }
  head.start = start;
  head.fieldCount = 0;
  head.seen = 0;
  head.contentLength = 0;
  head.close = false;
  head.expectContinue = false;
  const fieldsFrom = parseRequestLine(bytes, start, to, limits, head);
  if (fieldsFrom < 0) return fieldsFrom;
  const end = parseFields(bytes, fieldsFrom, to, limits, head);
  if (end < 0) return end;
  return finish(bytes, end, head);
}

function fault(head: RequestHead, reason: Reason, at: number): number {
  head.reason = reason;
  head.faultAt = at;
  return INVALID;
}

// These three run over nearly every byte: their form was chosen by measurement (one load, one early exit).

function skipToken(bytes: Buffer, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) if ((CLASS[bytes[i]!]! & TOKEN) === 0) break;
  return i;
}

function skipTarget(bytes: Buffer, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) if ((CLASS[bytes[i]!]! & TARGET) === 0) break;
  return i;
}

/** The class VALUE by comparison, which is a third of the time of the table. */
function skipValue(bytes: Buffer, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < SP ? byte !== HTAB : byte === DEL) break;
  }
  return i;
}

/** METHOD SP TARGET SP HTTP/1.x CRLF. @returns the index after it, INCOMPLETE or INVALID. */
function parseRequestLine(bytes: Buffer, start: number, to: number, limits: HeadLimits, head: RequestHead): number {
  let i = skipToken(bytes, start, to);
  if (i - start > METHOD_BYTES_MAX) return fault(head, 'method', i);
  if (i >= to) return INCOMPLETE;
  if (bytes[i] !== SP || i === start) return fault(head, i === start ? 'request_line' : 'method', i);
  head.method = methodOf(bytes, start, i);
  const targetFrom = ++i;
  i = skipTarget(bytes, i, to);
  head.queryAt = i;
  while (i < to && bytes[i] === QUESTION) i = skipTarget(bytes, i + 1, to);
  if (i - targetFrom > limits.targetBytesMax) return fault(head, 'target_too_long', i);
  if (i >= to) return INCOMPLETE;
  if (bytes[i] !== SP || i === targetFrom) return fault(head, i === targetFrom ? 'request_line' : 'target', i);
  head.targetFrom = targetFrom;
  head.targetTo = i;
  return parseVersion(bytes, i + 1, to, head);
}

function parseVersion(bytes: Buffer, from: number, to: number, head: RequestHead): number {
  for (let k = 0; k < VERSION.length; k++) {
    if (from + k >= to) return INCOMPLETE;
    // The major version is the only byte of the prefix where another digit is a version rather than garbage.
    if (bytes[from + k] !== VERSION[k]) return fault(head, k === 5 ? 'version' : 'request_line', from + k);
  }
  const at = from + VERSION.length;
  if (at >= to) return INCOMPLETE;
  const minor = bytes[at]! - 48;
  if (minor !== 1 && minor !== 0) return fault(head, 'version', at);
  head.minor = minor;
  if (at + 1 >= to) return INCOMPLETE;
  if (bytes[at + 1] !== CR) return fault(head, bytes[at + 1] === LF ? 'line_end' : 'request_line', at + 1);
  if (at + 2 >= to) return INCOMPLETE;
  if (bytes[at + 2] !== LF) return fault(head, 'line_end', at + 2);
  return at + 3;
}

/** Header lines to the empty line. @returns the index after it, INCOMPLETE or INVALID. */
function parseFields(bytes: Buffer, from: number, to: number, limits: HeadLimits, head: RequestHead): number {
  const { start, fields } = head;
  const last = start + limits.headBytesMax;
  let i = from;
  let slot = 0;
  for (;;) {
    if (i > last) return fault(head, 'head_too_large', i);
    if (i >= to) return INCOMPLETE;
    if (bytes[i] === CR) {
      if (i + 1 >= to) return INCOMPLETE;
      if (bytes[i + 1] !== LF) return fault(head, 'line_end', i + 1);
      if (i + 2 > last) return fault(head, 'head_too_large', i);
      head.fieldCount = slot >> 2;
      return i + 2;
    }
    const nameFrom = i;
    i = skipToken(bytes, i, to);
    if (i > last) return fault(head, 'head_too_large', i);
    if (i >= to) return INCOMPLETE;
    if (bytes[i] !== COLON || i === nameFrom) return faultyName(bytes, nameFrom, i, head);
    const nameTo = i++;
    while (i < to && (bytes[i] === SP || bytes[i] === HTAB)) i++;
    const valueFrom = i;
    i = skipValue(bytes, i, to);
    if (i > last) return fault(head, 'head_too_large', i);
    if (i >= to) return INCOMPLETE;
    if (bytes[i] !== CR) return fault(head, bytes[i] === LF ? 'line_end' : 'field_value', i);
    if (i + 1 >= to) return INCOMPLETE;
    if (bytes[i + 1] !== LF) return fault(head, 'line_end', i + 1);
    let valueTo = i;
    while (valueTo > valueFrom && isBlank(bytes[valueTo - 1]!)) valueTo--;
    i += 2;
    if (slot === fields.length) return fault(head, 'fields_too_many', nameFrom);
    fields[slot] = nameFrom - start;
    fields[slot + 1] = nameTo - start;
    fields[slot + 2] = valueFrom - start;
    fields[slot + 3] = valueTo - start;
    slot += 4;
    if (!takeField(bytes, nameFrom, nameTo, valueFrom, valueTo, head)) return fault(head, head.reason, valueFrom);
  }
}

function faultyName(bytes: Buffer, nameFrom: number, at: number, head: RequestHead): number {
  const byte = bytes[at]!;
  if (byte === LF || byte === CR) return fault(head, byte === LF ? 'line_end' : 'field_name', at);
  return fault(head, at === nameFrom && isBlank(byte) ? 'field_fold' : 'field_name', at);
}

/** Acts on the five fields that decide framing and routing; the others are only kept. @returns false with `head.reason` set. */
function takeField(b: Buffer, nameFrom: number, nameTo: number, from: number, to: number, head: RequestHead): boolean {
  switch (nameTo - nameFrom) {
    case 4:
      return !equalsWord(b, nameFrom, nameTo, 'host') || (once(head, SEEN_HOST, 'host') && isHost(b, from, to));
    case 6:
      if (equalsWord(b, nameFrom, nameTo, 'expect')) {
        head.expectContinue = equalsWord(b, from, to, '100-continue');
        return once(head, SEEN_EXPECT, 'expectation') && (head.expectContinue || head.minor === 0);
      }
      return true;
    case 10:
      if (equalsWord(b, nameFrom, nameTo, 'connection') && listHas(b, from, to, 'close')) head.close = true;
      return true;
    case 14:
      if (!equalsWord(b, nameFrom, nameTo, 'content-length')) return true;
      return once(head, SEEN_LENGTH, 'content_length') && takeLength(b, from, to, head);
    case 17:
      return !equalsWord(b, nameFrom, nameTo, 'transfer-encoding') || takeCoding(b, from, to, head);
    default:
      return true;
  }
}

/** Notes that a field was seen, and sets the reason it is refused with when anything is wrong. */
function once(head: RequestHead, bit: number, reason: Reason): boolean {
  head.reason = reason;
  if ((head.seen & bit) !== 0) return false;
  head.seen |= bit;
  return true;
}

function takeLength(bytes: Buffer, from: number, to: number, head: RequestHead): boolean {
  if (to === from || to - from > 15) return false;
  let length = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return false;
    length = length * 10 + digit;
  }
  head.contentLength = length;
  return true;
}

function takeCoding(bytes: Buffer, from: number, to: number, head: RequestHead): boolean {
  if (!once(head, SEEN_CODING, 'transfer_encoding') || head.minor === 0) return false;
  head.reason = 'transfer_coding';
  return equalsWord(bytes, from, to, 'chunked');
}

/** Checks that need the whole head, and cuts the strings. */
function finish(bytes: Buffer, end: number, head: RequestHead): number {
  const { start, seen } = head;
  if ((seen & SEEN_HOST) === 0 && head.minor === 1) return fault(head, 'host', end);
  if ((seen & SEEN_CODING) !== 0) {
    if ((seen & SEEN_LENGTH) !== 0) return fault(head, 'framing_conflict', end);
    head.contentLength = -1;
  }
  if (head.minor === 0) {
    head.close = true;
    head.expectContinue = false;
  }
  head.text = bytes.toString('latin1', start, end);
  head.queryFrom = Math.min(head.queryAt + 1, head.targetTo) - start;
  head.queryTo = head.targetTo - start;
  const pathTo = head.queryAt - start;
  const pathFrom = head.targetFrom - start;
  if (bytes[head.targetFrom] === 0x2f) head.path = head.text.slice(pathFrom, pathTo);
  else if (!otherForm(bytes, head, pathFrom, pathTo)) return fault(head, 'target', head.targetFrom);
  return end;
}

/** absolute-form and asterisk-form (RFC 9112 3.2.2, 3.2.4); authority-form is CONNECT's and is refused. */
function otherForm(bytes: Buffer, head: RequestHead, pathFrom: number, pathTo: number): boolean {
  const target = head.text.slice(pathFrom, pathTo);
  if (target === '*') {
    head.path = '*';
    return head.method === 'OPTIONS' && head.queryAt === head.targetTo;
  }
  const scheme = /^https?:\/\//i.exec(target)?.[0].length ?? 0;
  if (scheme === 0) return false;
  const slash = target.indexOf('/', scheme);
  const hostTo = slash < 0 ? target.length : slash;
  head.path = slash < 0 ? '/' : target.slice(slash);
  return isHost(bytes, head.targetFrom + scheme, head.targetFrom + hostTo);
}

/** The two methods that matter come back as constants, so that comparing them costs a pointer. */
function methodOf(bytes: Buffer, from: number, to: number): string {
  if (to - from === 4 && bytes.readUInt32BE(from) === 0x504f5354) return 'POST';
  if (to - from === 3 && bytes[from] === 0x47 && bytes[from + 1] === 0x45 && bytes[from + 2] === 0x54) return 'GET';
  return bytes.toString('latin1', from, to);
}
