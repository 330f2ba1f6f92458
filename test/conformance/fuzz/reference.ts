/**
 * A second reading of HTTP/1.1, against which the collector's is judged: the same strict profile, written with regular
 * expressions over the whole text, slow and plain, and sharing no line with http/. Owns that reading; promises what a
 * listener must make of a client that sends these bytes and half-closes.
 */
import { isIPv6 } from 'node:net';

export interface ReferenceLimits {
  headBytesMax: number;
  headersMax: number;
  targetBytesMax: number;
  bodyBytesMax: number;
}

export interface RequestRead {
  method: string;
  path: string;
  query: string;
  /** Undefined when the handler refused the request at its head. */
  body: string | undefined;
}

export interface ReferenceVerdict {
  /** Those handed over, in order. */
  requests: RequestRead[];
  /** What follows them is refused: malformed, too large or cut short. */
  refused: boolean;
}

/** The handler of drive.ts refuses these at the head, unless the client waits for a 100. */
export const REFUSED_PATH = '/refuse';
/** A refused body up to this is skipped. */
const SKIPPED_MAX = 65_536;
const CHUNK_LINE_MAX = 256;
const EXTENSIONS_MAX = 4096;
const TRAILER_BYTES_MAX = 4096;
const TRAILERS_MAX = 32;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const VALUE = '[\\t\\x20-\\x7e\\x80-\\xff]';
const START = new RegExp(`^(${TOKEN}) ([\\x21\\x24-\\x3b\\x3d\\x3f-\\x5b\\x5d-\\x7e]+) HTTP/1\\.([01])$`);
const FIELD = new RegExp(`^(${TOKEN}):[\\t ]*(${VALUE}*?)[\\t ]*$`);
const HOST = /^(?:\[([0-9a-f:.]+)\]|(?:[-\w.~!$&'()*+,;=]|%[0-9a-f]{2})+)(?::(\d{0,5}))?$/i;
const QUOTED = `"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\${VALUE})*"`;
const EXTENSION = `[\\t ]*;[\\t ]*${TOKEN}(?:[\\t ]*=[\\t ]*(?:${TOKEN}|${QUOTED}))?`;
const CHUNK_LINE = new RegExp(`([0-9a-fA-F]{1,8})((?:${EXTENSION})*)\\r\\n`, 'y');
const TRAILER = new RegExp(`${TOKEN}:${VALUE}*\\r\\n`, 'y');

interface Head {
  method: string;
  path: string;
  query: string;
  close: boolean;
  expects: boolean;
  /** -1: chunked. */
  length: number;
}

/** Reads everything a client sent, as Latin-1. */
export function readRequests(text: string, limits: ReferenceLimits): ReferenceVerdict {
  const requests: RequestRead[] = [];
  const end = (refused: boolean): ReferenceVerdict => ({ requests, refused });
  for (let at = 0; ; ) {
    if (text.startsWith('\r\n', at)) at += 2;
    if (at === text.length) return end(false);
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd < 0 || headEnd + 4 - at > limits.headBytesMax) return end(true);
    const head = readHead(text.slice(at, headEnd), limits);
    if (head === undefined || head.length > limits.bodyBytesMax) return end(true);
    const { method, path, query, length } = head;
    at = headEnd + 4;
    if (path.startsWith(REFUSED_PATH) && !head.expects) {
      requests.push({ method, path, query, body: undefined });
      const skips = length >= 0 && length <= SKIPPED_MAX && at + length <= text.length;
      if (head.close || !skips) return end(false);
      at += length;
      continue;
    }
    const body = length < 0 ? readChunks(text, at, limits.bodyBytesMax) : readLength(text, at, length);
    if (body === undefined) return end(true);
    requests.push({ method, path, query, body: body.text });
    at = body.end;
    if (head.close) return end(false);
  }
}

function readHead(text: string, limits: ReferenceLimits): Head | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const [, method = '', target = '', minor] = START.exec(first) ?? [];
  if (method === '' || method.length > 32 || target.length > limits.targetBytesMax) return undefined;
  if (lines.length > limits.headersMax) return undefined;
  const values = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value = ''] = FIELD.exec(line) ?? [];
    if (name === undefined) return undefined;
    const known = values.get(name.toLowerCase());
    if (known === undefined) values.set(name.toLowerCase(), [value]);
    else known.push(value);
  }
  const where = readTarget(method, target);
  const length = readFraming(values, minor === '1');
  const expects = values.get('expect') ?? [];
  const hosts = values.get('host') ?? [];
  if (where === undefined || length === undefined || expects.length > 1) return undefined;
  if (hosts.length > 1 || !hosts.every(isHost) || (minor === '1' && hosts.length === 0)) return undefined;
  if (minor === '1' && !expects.every((value) => elements(value).every((word) => word === '100-continue')))
    return undefined;
  const close = minor === '0' || (values.get('connection') ?? []).some((value) => elements(value).includes('close'));
  return { method, ...where, close, expects: (expects[0] ?? '') !== '', length };
}

function elements(value: string): string[] {
  const words = value.split(',').map((word) => word.replace(/^[\t ]+|[\t ]+$/g, '').toLowerCase());
  return words.filter((word) => word !== '');
}

function isHost(value: string): boolean {
  const [whole, literal, port = ''] = HOST.exec(value) ?? [];
  return whole !== undefined && (literal === undefined || isIPv6(literal)) && Number(port) <= 65_535;
}

/** @returns undefined when the framing is malformed or not one that is taken. */
function readFraming(values: Map<string, string[]>, has11: boolean): number | undefined {
  const lengths = values.get('content-length');
  const codings = values.get('transfer-encoding');
  if (codings !== undefined) {
    const isChunked = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked';
    return isChunked && has11 && lengths === undefined ? -1 : undefined;
  }
  if (lengths === undefined) return 0;
  return lengths.length === 1 && /^\d{1,15}$/.test(lengths[0] ?? '') ? Number(lengths[0]) : undefined;
}

function readTarget(method: string, target: string): { path: string; query: string } | undefined {
  if (method === 'CONNECT') return undefined;
  if (target === '*') return method === 'OPTIONS' ? { path: '*', query: '' } : undefined;
  const [, beforeQuery = '', query = ''] = /^([^?]*)(?:\?(.*))?$/.exec(target) ?? [];
  if (target.startsWith('/')) return { path: beforeQuery, query };
  const [, authority, path = ''] = /^https?:\/\/([^/]*)(\/.*)?$/i.exec(beforeQuery) ?? [];
  return authority === undefined || !isHost(authority) ? undefined : { path: path === '' ? '/' : path, query };
}

function readLength(text: string, at: number, length: number): { text: string; end: number } | undefined {
  const end = at + length;
  return end > text.length ? undefined : { text: text.slice(at, end), end };
}

function readChunks(text: string, from: number, bytesMax: number): { text: string; end: number } | undefined {
  let body = '';
  let extensions = 0;
  for (let at = from; ; ) {
    CHUNK_LINE.lastIndex = at;
    const [line, digits = '', extension = ''] = CHUNK_LINE.exec(text) ?? [];
    // The first byte of an extension still counts as its size's.
    extensions += Math.max(0, extension.length - 1);
    if (line === undefined || line.length - 2 > CHUNK_LINE_MAX || extensions > EXTENSIONS_MAX) return undefined;
    const size = Number.parseInt(digits, 16);
    at += line.length;
    if (size === 0) {
      const end = readTrailers(text, at);
      return end === undefined ? undefined : { text: body, end };
    }
    body += text.slice(at, at + size);
    at += size + 2;
    if (body.length > bytesMax || text.slice(at - 2, at) !== '\r\n') return undefined;
  }
}

function readTrailers(text: string, from: number): number | undefined {
  let at = from;
  for (let count = 0; !text.startsWith('\r\n', at); count++) {
    TRAILER.lastIndex = at;
    const [line] = TRAILER.exec(text) ?? [];
    if (line === undefined || count === TRAILERS_MAX) return undefined;
    at += line.length;
  }
  return at + 2 - from > TRAILER_BYTES_MAX ? undefined : at + 2;
}
