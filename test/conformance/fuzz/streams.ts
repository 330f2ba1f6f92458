/**
 * What the fuzzer sends: streams of well-formed requests in which a few things were changed by operators that know how
 * requests are built. Owns the operators; promises that one seed gives one stream, and that every body which can hold a
 * hidden request does.
 */
import type { Seeded } from '@metricstream/shared/testing/seeded.ts';
import { LATER_PATH } from './drive.ts';
import { REFUSED_PATH } from './reference.ts';
import { OPERATORS } from './operators.ts';
import { chunked, hidden } from './words.ts';

/** One request, in parts an operator can get at. */
export interface Draft {
  start: string;
  /** Header lines without their ends. */
  fields: string[];
  body: string;
  /** Between `start`, `fields`, the empty line and `body`. */
  lineEnd: string;
}

export interface Stream {
  text: string;
  /** Names of the operators used, for messages. */
  operators: string[];
  /** Requests it was built of. */
  requests: number;
  /** Every operator kept the ends of bodies where they were: no hidden request may come out. */
  hides: boolean;
}

const PATHS = [
  '/',
  '/a',
  '/v1/batches',
  `${LATER_PATH}/1`,
  LATER_PATH,
  `${REFUSED_PATH}d`,
  '/a?b=c&d',
  '/%20?x?y',
  'http://h.test/p?q',
];
const METHODS = ['GET', 'POST', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'patch'];
const MORE_FIELDS = [
  'Content-Type: application/x-protobuf',
  'Client-Id: c-1',
  'Accept: */*',
  'X: \t a b\xe9 \t',
  'X-Empty:',
  'Connection: keep-alive',
  'Connection: x, close',
  'Expect: 100-continue',
  'Upgrade: h2c',
  'TE: trailers',
  'Trailer: Content-Length',
];

/** @returns a stream, different at every call. */
export function makeStream(random: Seeded): Stream {
  const count = 1 + Math.floor(random.next() ** 3 * 8);
  const drafts = Array.from({ length: count }, () => makeRequest(random));
  const operators: string[] = [];
  let hides = true;
  let extra = '';
  const changes = random.int(8) === 0 ? 0 : 1 + Math.floor(random.next() ** 3 * 4);
  for (let i = 0; i < changes; i++) {
    const operator = random.pick(OPERATORS);
    const added = operator.apply(random.pick(drafts), random);
    extra += added ?? '';
    operators.push(operator.name);
    hides &&= !operator.reveals;
  }
  return { text: drafts.map(render).join('') + extra, operators, requests: count + (extra === '' ? 0 : 1), hides };
}

function render({ start, fields, body, lineEnd }: Draft): string {
  return `${[start, ...fields].join(lineEnd)}${lineEnd}${lineEnd}${body}`;
}

function makeRequest(random: Seeded): Draft {
  const fields = ['Host: h.test'];
  for (let i = random.int(4); i > 0; i--) fields.push(random.pick(MORE_FIELDS));
  let body = '';
  const framing = random.int(4);
  const content = random.int(3) === 0 ? random.pick(['', 'x', 'hello', 'x'.repeat(600)]) : hidden(random);
  if (framing > 1) {
    body = framing === 2 ? content : chunked(content, random);
    fields.push(framing === 2 ? `Content-Length: ${content.length}` : 'Transfer-Encoding: chunked');
  }
  if (random.int(2) === 0) fields.reverse();
  const version = random.int(12) === 0 && framing !== 3 ? '0' : '1';
  return { start: `${random.pick(METHODS)} ${random.pick(PATHS)} HTTP/1.${version}`, fields, body, lineEnd: '\r\n' };
}

/** @returns the stream's bytes, cut in a few places or, for `every`, behind each byte. */
export function cut(bytes: Buffer, random: Seeded, every = false): Buffer[] {
  if (every) return Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1));
  const ends = Array.from({ length: 1 + random.int(5) }, () => random.int(bytes.length + 1)).sort((a, b) => a - b);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of [...ends, bytes.length]) {
    if (to > from) pieces.push(bytes.subarray(from, to));
    from = to;
  }
  return pieces;
}
