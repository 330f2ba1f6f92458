/**
 * The request head. Owns the one pass over its bytes; promises three outcomes (done,
 * incomplete, invalid) that depend on the bytes alone, never on how they were cut into reads. The profile is strict
 * (RFC 9112 with every leniency off): what two servers could read differently is refused.
 */
import type { Reason } from './reasons.ts';
import { INCOMPLETE } from './request-head.ts';
import type { HeadLimits, RequestHead } from './request-head.ts';
import { cutTarget, parseRequestLine } from './request-line.ts';
import {
  COLON,
  CR,
  DEL,
  HTAB,
  LF,
  SP,
  TOKEN,
  VALUE,
  equalsWord,
  isBlank,
  isHost,
  listEndsIn,
  listHas,
  listHasOnly,
  skipToken,
} from './syntax.ts';

/** Framing fields seen so far, as bits. */
const SEEN_HOST = 1;
const SEEN_LENGTH = 2;
const SEEN_CODING = 4;
const SEEN_EXPECT = 8;

/**
 * Reads one request head from bytes `from` … `to` into `head`.
 * @returns the index after the head; INCOMPLETE when more bytes are needed; INVALID with `head.reason` and
 * `head.faultAt` when no further byte can make it a request this server takes.
 */
export function parseHead(bytes: Buffer, from: number, to: number, limits: HeadLimits, head: RequestHead): number {
  head.start = from;
  head.method = '';
  head.fieldCount = 0;
  head.seen = 0;
  head.contentLength = 0;
  head.close = false;
  head.expectContinue = false;
  head.moreClasses = 0;
  const fieldsFrom = parseRequestLine(bytes, from, to, limits, head);
  if (fieldsFrom < 0) return fieldsFrom;
  const end = parseFields(bytes, fieldsFrom, to, limits, head);
  if (end < 0) return end;
  return finish(bytes, end, head);
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

/** Header lines to the empty line. @returns the index after it, INCOMPLETE or INVALID. */
function parseFields(bytes: Buffer, from: number, to: number, limits: HeadLimits, head: RequestHead): number {
  const { start, fields } = head;
  const last = start + limits.headBytesMax;
  let i = from;
  let slot = 0;
  for (;;) {
    if (i > last) return head.refuse('head_too_large', i);
    if (i >= to) return INCOMPLETE;
    if (bytes[i] === CR) {
      if (i + 1 >= to) return INCOMPLETE;
      if (bytes[i + 1] !== LF) return head.refuse('line_end', i + 1);
      if (i + 2 > last) return head.refuse('head_too_large', i);
      head.fieldCount = slot >> 2;
      return i + 2;
    }
    const nameFrom = i;
    i = skipToken(bytes, i, to);
    if (i > last) return head.refuse('head_too_large', i);
    if (i >= to) return head.awaitMore(TOKEN, last - i);
    if (bytes[i] !== COLON || i === nameFrom) return faultyName(bytes, nameFrom, i, head);
    const nameTo = i++;
    while (i < to && (bytes[i] === SP || bytes[i] === HTAB)) i++;
    const valueFrom = i;
    i = skipValue(bytes, i, to);
    if (i > last) return head.refuse('head_too_large', i);
    if (i >= to) return head.awaitMore(VALUE, last - i);
    if (bytes[i] !== CR) return head.refuse(bytes[i] === LF ? 'line_end' : 'field_value', i);
    if (i + 1 >= to) return INCOMPLETE;
    if (bytes[i + 1] !== LF) return head.refuse('line_end', i + 1);
    let valueTo = i;
    while (valueTo > valueFrom && isBlank(bytes[valueTo - 1]!)) valueTo--;
    i += 2;
    if (slot === fields.length) return head.refuse('fields_too_many', nameFrom);
    fields[slot] = nameFrom - start;
    fields[slot + 1] = nameTo - start;
    fields[slot + 2] = valueFrom - start;
    fields[slot + 3] = valueTo - start;
    slot += 4;
    if (!takeField(bytes, nameFrom, nameTo, valueFrom, valueTo, head)) return head.refuse(head.reason, valueFrom);
  }
}

function faultyName(bytes: Buffer, nameFrom: number, at: number, head: RequestHead): number {
  const byte = bytes[at]!;
  if (byte === LF || byte === CR) return head.refuse(byte === LF ? 'line_end' : 'field_name', at);
  return head.refuse(at === nameFrom && isBlank(byte) ? 'field_fold' : 'field_name', at);
}

/** Acts on the five fields that decide framing and routing; the others are only kept. @returns false with `head.reason` set. */
function takeField(b: Buffer, nameFrom: number, nameTo: number, from: number, to: number, head: RequestHead): boolean {
  switch (nameTo - nameFrom) {
    case 4:
      return !equalsWord(b, nameFrom, nameTo, 'host') || (once(head, SEEN_HOST, 'host') && isHost(b, from, to));
    case 6:
      if (equalsWord(b, nameFrom, nameTo, 'expect')) {
        head.expectContinue = listHas(b, from, to, '100-continue');
        return once(head, SEEN_EXPECT, 'expectation') && (listHasOnly(b, from, to, '100-continue') || head.minor === 0);
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

/** A body whose end no final `chunked` tells is malformed; one with a coding before it is only not understood (6.1, 6.3). */
function takeCoding(bytes: Buffer, from: number, to: number, head: RequestHead): boolean {
  if (!once(head, SEEN_CODING, 'transfer_encoding') || head.minor === 0) return false;
  if (equalsWord(bytes, from, to, 'chunked')) return true;
  if (listEndsIn(bytes, from, to, 'chunked')) head.reason = 'transfer_coding';
  return false;
}

/** Checks that need the whole head, and cuts the strings. */
function finish(bytes: Buffer, end: number, head: RequestHead): number {
  const { start, seen } = head;
  if ((seen & SEEN_HOST) === 0 && head.minor === 1) return head.refuse('host', end);
  if ((seen & SEEN_CODING) !== 0) {
    if ((seen & SEEN_LENGTH) !== 0) return head.refuse('framing_conflict', end);
    head.contentLength = -1;
  }
  if (head.minor === 0) {
    head.close = true;
    head.expectContinue = false;
  }
  head.text = bytes.toString('latin1', start, end);
  return cutTarget(bytes, head) ? end : head.refuse('target', head.targetFrom);
}
