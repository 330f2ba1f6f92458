/**
 * The request line (RFC 9112 3). Owns method, target and version; like all of the parser it depends on the bytes
 * alone, and refuses what two servers could read differently.
 */
import type { Reason } from './reasons.ts';
import { INCOMPLETE } from './request-head.ts';
import type { HeadLimits, RequestHead } from './request-head.ts';
import { CLASS, CR, LF, QUERY, QUESTION, SP, TARGET, TOKEN, isHost, skipToken } from './syntax.ts';

const METHOD_BYTES_MAX = 32;
const SLASH = 0x2f;
const ZERO = 0x30;
/** What every request line taken here ends in, but for the minor version. */
const VERSION = Buffer.from('HTTP/1.1\r\n', 'latin1');
const MAJOR_AT = 5;
const MINOR_AT = 7;

/** METHOD SP TARGET SP HTTP/1.x CRLF. @returns the index after it, INCOMPLETE or INVALID. */
export function parseRequestLine(
  bytes: Buffer,
  start: number,
  to: number,
  limits: HeadLimits,
  head: RequestHead,
): number {
  let i = skipToken(bytes, start, to);
  if (i - start > METHOD_BYTES_MAX) return head.refuse('method', i);
  if (i >= to) return head.awaitMore(TOKEN, METHOD_BYTES_MAX - (i - start));
  if (bytes[i] !== SP || i === start) return head.refuse(i === start ? 'request_line' : 'method', i);
  head.method = methodOf(bytes, start, i);
  const targetFrom = ++i;
  i = skipTarget(bytes, i, to);
  head.queryAt = i;
  while (i < to && bytes[i] === QUESTION) i = skipTarget(bytes, i + 1, to);
  if (i - targetFrom > limits.targetBytesMax) return head.refuse('target_too_long', i);
  if (i >= to) return head.awaitMore(TARGET | QUERY, limits.targetBytesMax - (i - targetFrom));
  if (bytes[i] !== SP || i === targetFrom)
    return head.refuse(i === targetFrom || bytes[i] === CR ? 'request_line' : 'target', i);
  head.targetFrom = targetFrom;
  head.targetTo = i;
  return parseVersion(bytes, i + 1, to, head);
}

function parseVersion(bytes: Buffer, from: number, to: number, head: RequestHead): number {
  head.minor = 1;
  for (let k = 0; k < VERSION.length; k++) {
    if (from + k >= to) return INCOMPLETE;
    const byte = bytes[from + k]!;
    if (byte === VERSION[k]) continue;
    if (k === MINOR_AT && byte === ZERO) head.minor = 0;
    else return head.refuse(faultOf(k, byte), from + k);
  }
  return from + VERSION.length;
}

/** The digits of the version are the only places where another byte means a version rather than garbage. */
function faultOf(index: number, byte: number): Reason {
  if (index === MAJOR_AT || index === MINOR_AT) return 'version';
  return index > MINOR_AT && (byte === LF || index === VERSION.length - 1) ? 'line_end' : 'request_line';
}

function skipTarget(bytes: Buffer, from: number, to: number): number {
  let i = from;
  for (; i < to; i++) if ((CLASS[bytes[i]!]! & TARGET) === 0) break;
  return i;
}

/**
 * Cuts path and query out of `head.text`. @returns false when the target has none of the forms taken here. The only form
 * of CONNECT is authority-form, and nobody is connected anywhere (RFC 9110 9.3.6).
 */
export function cutTarget(bytes: Buffer, head: RequestHead): boolean {
  const { start } = head;
  head.queryFrom = head.queryAt < head.targetTo ? head.queryAt + 1 - start : head.targetTo - start;
  head.queryTo = head.targetTo - start;
  head.path = head.text.slice(head.targetFrom - start, head.queryAt - start);
  if (head.method === 'CONNECT') return false;
  return bytes[head.targetFrom] === SLASH || cutOtherForm(bytes, head);
}

/** absolute-form and asterisk-form (RFC 9112 3.2.2, 3.2.4). */
function cutOtherForm(bytes: Buffer, head: RequestHead): boolean {
  const target = head.path;
  if (target === '*') return head.method === 'OPTIONS' && head.queryAt === head.targetTo;
  const scheme = /^https?:\/\//i.exec(target)?.[0].length ?? 0;
  if (scheme === 0) return false;
  const slash = target.indexOf('/', scheme);
  const hostTo = slash < 0 ? target.length : slash;
  head.path = slash < 0 ? '/' : target.slice(slash);
  return isHost(bytes, head.targetFrom + scheme, head.targetFrom + hostTo);
}

/** The two methods that matter come back as constants, so that comparing them costs a pointer. */
function methodOf(b: Buffer, from: number, to: number): string {
  const length = to - from;
  // P O S T, G E T
  if (length === 4 && b[from] === 80 && b[from + 1] === 79 && b[from + 2] === 83 && b[from + 3] === 84) return 'POST';
  if (length === 3 && b[from] === 71 && b[from + 1] === 69 && b[from + 2] === 84) return 'GET';
  return b.toString('latin1', from, to);
}
