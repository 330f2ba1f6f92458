/**
 * One parsed request head. Owns what the parser leaves behind: a few values, and the offsets of all fields in one
 * preallocated array. Nothing is allocated per field: the whole head is one string, and values are cut on demand.
 */
import type { Reason } from './reasons.ts';
import type { HttpLimits } from './types.ts';

/** What parsing returns instead of an index. */
export const INCOMPLETE = -1;
export const INVALID = -2;

/** The limits a head is held to. */
export type HeadLimits = Pick<HttpLimits, 'headBytesMax' | 'headersMax' | 'targetBytesMax'>;

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
  /**
   * Set when parseHead says INCOMPLETE: it says the same again while the bytes that follow are of these classes and no
   * more than so many. 0: any byte may change it.
   */
  moreClasses = 0;
  moreBytesMax = 0;
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

  /** Notes why the head is refused, and at which index. @returns INVALID. */
  refuse(reason: Reason, at: number): number {
    this.reason = reason;
    this.faultAt = at;
    return INVALID;
  }

  /** Notes what may follow and changes nothing. @returns INCOMPLETE. */
  awaitMore(classes: number, bytesMax: number): number {
    this.moreClasses = classes;
    this.moreBytesMax = bytesMax;
    return INCOMPLETE;
  }

  /** @returns the first value of the field `name` (lower case), '' when absent. */
  header(name: string): string {
    const at = this.find(name, 0);
    return at === -1 ? '' : this.text.slice(this.fields[at + 2], this.fields[at + 3]);
  }

  /** @returns whether more than one field has this name (lower case). */
  repeats(name: string): boolean {
    const at = this.find(name, 0);
    return at !== -1 && this.find(name, at + 4) !== -1;
  }

  /** @returns where in `fields` the first field of this name is, from `k` on, or -1. */
  private find(name: string, k: number): number {
    const { fields, text } = this;
    for (const end = this.fieldCount * 4; k < end; k += 4) {
      const from = fields[k]!;
      if (fields[k + 1]! - from === name.length && sameName(text, from, name)) return k;
    }
    return -1;
  }
}

function sameName(text: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = text.charCodeAt(from + i);
    if ((c >= 65 && c <= 90 ? c | 0x20 : c) !== name.charCodeAt(i)) return false;
  }
  return true;
}
