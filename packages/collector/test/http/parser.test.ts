/** The head parser alone: what it takes, what it refuses and where, and that the cutting of its input changes nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseHead } from '../../src/http/parser.ts';
import { INCOMPLETE, INVALID, RequestHead } from '../../src/http/request-head.ts';
import type { HeadLimits } from '../../src/http/request-head.ts';

const SEED = 20_261_127;
const LIMITS: HeadLimits = { headBytesMax: 2048, headersMax: 20, targetBytesMax: 256 };

function parse(text: string, limits: HeadLimits = LIMITS): { result: number; head: RequestHead } {
  const head = new RequestHead(limits.headersMax);
  const bytes = Buffer.from(text, 'latin1');
  return { result: parseHead(bytes, 0, bytes.length, limits, head), head };
}

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /v1/batches?x=1&y=%20 HTTP/1.1\r\nHost: h.test:7440\r\nContent-Length: 42\r\nClient-Id: c-1\r\nX-Empty:\r\n\r\n',
  'PUT http://h.test/a/b HTTP/1.1\r\nAccept: */*\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n',
  'OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'DELETE /x HTTP/1.1\r\nHost: [::1]:80\r\nConnection: a, close ,b\r\nName: \t v\xe9 \t\r\n\r\n',
];

test('a head is read into method, path, query, framing and headers by any case of name', () => {
  const { result, head } = parse(REQUESTS[1]!);
  expect(result).toBe(REQUESTS[1]!.length);
  expect([head.method, head.path, head.contentLength]).toEqual(['POST', '/v1/batches', 42]);
  expect(head.text.slice(head.queryFrom, head.queryTo)).toBe('x=1&y=%20');
  expect([head.header('client-id'), head.header('x-empty'), head.header('absent')]).toEqual(['c-1', '', '']);
  expect([head.close, head.expectContinue, head.fieldCount]).toEqual([false, false, 4]);
});

test('absolute-form, asterisk-form, chunked, Expect, Connection lists and padding are understood', () => {
  const absolute = parse(REQUESTS[2]!).head;
  expect([absolute.path, absolute.contentLength, absolute.expectContinue]).toEqual(['/a/b', -1, true]);
  expect(parse('GET http://h.test HTTP/1.1\r\nHost: h.test\r\n\r\n').head.path).toBe('/');
  expect(parse('GET http://h.test/p?q HTTP/1.1\r\nHost: h.test\r\n\r\n').head.path).toBe('/p');
  const asterisk = parse(REQUESTS[3]!).head;
  expect([asterisk.path, asterisk.minor, asterisk.close]).toEqual(['*', 0, true]);
  const last = parse(REQUESTS[4]!).head;
  expect([last.close, last.header('name')]).toEqual([true, 'v\xe9']);
});

test('every truncation of a request is incomplete, and the whole is done', () => {
  for (const request of REQUESTS) {
    for (let cut = 0; cut < request.length; cut++)
      expect(parse(request.slice(0, cut)).result, JSON.stringify(request.slice(0, cut))).toBe(INCOMPLETE);
    expect(parse(`${request}GET`).result).toBe(request.length);
  }
});

test('a refused head is refused at the same byte however it is cut', () => {
  const bad = [
    'GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    `GET /${'a'.repeat(300)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(3000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(30)}\r\n`,
    'GET / HTTP/1.1\r\nHost: a\r\n\rX',
    'GET / HTTP/1.1\nHost: a\n\n',
    '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  ];
  for (const text of bad) {
    const { result, head } = parse(text);
    expect(result, text).toBe(INVALID);
    for (let cut = 0; cut < text.length; cut++) {
      const part = parse(text.slice(0, cut));
      const verdict = part.result === INVALID ? part.head.reason : part.result;
      expect([INCOMPLETE, head.reason], `${cut} bytes of ${text}`).toContain(verdict);
    }
  }
});

const field = (line: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`;

test.each([
  [' / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 'method'],
  [`${'M'.repeat(33)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 'method'],
  ['GET * HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET a HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET /#f HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET / HTTP/1.2\r\nHost: a\r\n\r\n', 'version'],
  ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 'version'],
  ['GET / HTTQ/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET / HTTP/1.1\r\n\r\n', 'host'],
  ['GET / HTTP/1.1\r\nHost: \r\n\r\n', 'host'],
  ['GET / HTTP/1.1\r\nHost: a:b\r\n\r\n', 'host'],
  ['GET / HTTP/1.1\r\nHost: [::1\r\n\r\n', 'host'],
  ['GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'field_fold'],
  [field('nocolon'), 'field_name'],
  [field('a b: c'), 'field_name'],
  [field('a: b\x00'), 'field_value'],
  [field('a: b\rc'), 'line_end'],
  [field('a: b\nc: d'), 'line_end'],
  [field('Content-Length: '), 'content_length'],
  [field('Content-Length: +1'), 'content_length'],
  [field('Content-Length: 1234567890123456'), 'content_length'],
  [field('Content-Length: 1\r\nContent-Length: 1'), 'content_length'],
  [field('Content-Length: 5, 5'), 'content_length'],
  [field('Transfer-Encoding: gzip, chunked'), 'transfer_coding'],
  [field('Transfer-Encoding: gzip;q="a,b" ,\tCHUNKED'), 'transfer_coding'],
  [field('Transfer-Encoding: chunked, gzip'), 'transfer_encoding'],
  [field('Transfer-Encoding: identity'), 'transfer_encoding'],
  [field('Transfer-Encoding: xchunked'), 'transfer_encoding'],
  [field('Transfer-Encoding: chunked\xa0'), 'transfer_encoding'],
  [field('Transfer-Encoding: chunked,'), 'transfer_encoding'],
  [field('Transfer-Encoding:'), 'transfer_encoding'],
  [field('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'), 'transfer_encoding'],
  [field('Transfer-Encoding: chunked\r\nContent-Length: 1'), 'framing_conflict'],
  ['GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'transfer_encoding'],
  [field('Expect: 200-ok'), 'expectation'],
  [field('Expect: 100-continue, 200-ok'), 'expectation'],
  [field('Expect: 100-continue\r\nExpect: 100-continue'), 'expectation'],
  ['CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['OPTIONS *?q HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET http://h:99999/ HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET ftp://h/ HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET http://h/ HTTP/1.1\r\nHost: a/b\r\n\r\n', 'host'],
  ['GET http://h/ HTTP/1.1\r\n\r\n', 'host'],
  ['GET / http/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET / HTTP/1.10\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET / HTTP/0.9\r\nHost: a\r\n\r\n', 'version'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'version'],
  ['GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET /\r\n\r\n', 'request_line'],
  [field('a: b\x7f'), 'field_value'],
  [field('\xa0a: b'), 'field_name'],
])('%j is refused as %s', (text, reason) => {
  const { result, head } = parse(text);
  expect(result).toBe(INVALID);
  expect(head.reason).toBe(reason);
});

const host = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;

test.each([
  'a',
  'a:',
  'a:80',
  'a:65535',
  'A_b.c-d~',
  'a%20b',
  '1.2.3.4:0',
  '[::]',
  '[::1]:80',
  '[1:2:3:4:5:6:7:8]',
  '[::ffff:1.2.3.4]',
  "!$&'()*+,;=",
])('Host: %s is taken, in a target too', (value) => {
  expect(parse(host(value)).result).toBe(host(value).length);
  const absolute = `GET http://${value}/p HTTP/1.1\r\nHost: other\r\n\r\n`;
  expect([parse(absolute).result, parse(absolute).head.path]).toEqual([absolute.length, '/p']);
});

test.each([
  '',
  ':80',
  'a:65536',
  'a:000080',
  'a:8o',
  'a:-1',
  'a:80:90',
  'u@a',
  'a%2',
  'a%zz',
  'a b',
  'a/',
  'a?b',
  '[::1',
  '[]',
  '[:::]',
  '[1:2:3]',
  '[::1]a',
  '[::1%25lo]',
  '[1:2:3:4:5:6:7:8:9]',
  '[::1.2.3.256]',
  '[v1.a]',
  '::1',
  'é',
])('Host: %s is refused, in a target too', (value) => {
  const { result, head } = parse(host(value));
  expect([result, head.reason]).toEqual([INVALID, 'host']);
  expect(parse(`GET http://${value}#/ HTTP/1.1\r\nHost: a\r\n\r\n`).result).toBe(INVALID);
  // What ends the authority of a target is not part of it.
  if (/[ /?]/.test(value)) return;
  expect(parse(`GET http://${value}/ HTTP/1.1\r\nHost: a\r\n\r\n`).head.reason).toBe('target');
});

test('Expect is a list, and so is Connection: elements in any case, empty ones ignored', () => {
  expect(parse(field('Expect: ,\t100-Continue ,, 100-continue')).head.expectContinue).toBe(true);
  expect(parse(field('Expect:')).head.expectContinue).toBe(false);
  expect(parse(field('Connection: keep-alive,\r\nConnection: x,CLOSE')).head.close).toBe(true);
  expect(parse(field('Connection: closed, "close"')).head.close).toBe(false);
});

test('the method of a refused head is known when its line was read, for the form of the answer', () => {
  expect(parse('HEAD / HTTP/1.1\r\nno colon\r\n\r\n').head.method).toBe('HEAD');
  const head = new RequestHead(LIMITS.headersMax);
  for (const text of ['HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', ' / HTTP/1.1\r\n']) {
    const bytes = Buffer.from(text, 'latin1');
    parseHead(bytes, 0, bytes.length, LIMITS, head);
  }
  expect(head.method).toBe('');
});

test('a head as long as the limit is taken, one byte more is not', () => {
  const head = (length: number): string => field(`X: ${'a'.repeat(length - field('X: ').length)}`);
  expect(parse(head(LIMITS.headBytesMax)).result).toBe(LIMITS.headBytesMax);
  const over = parse(head(LIMITS.headBytesMax + 1));
  expect([over.result, over.head.reason]).toEqual([INVALID, 'head_too_large']);
});

test('bytes beyond the end given are never looked at', () => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'latin1');
  const head = new RequestHead(LIMITS.headersMax);
  expect(parseHead(bytes, 0, 0, LIMITS, head)).toBe(INCOMPLETE);
  expect(parseHead(bytes, bytes.length, bytes.length, LIMITS, head)).toBe(INCOMPLETE);
});

const TOKEN = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const VALUE = fc.stringMatching(/^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,30}[\x21-\x7e\x80-\xff])?)?$/);
const FRAMING = /^(host|connection|content-length|transfer-encoding|expect)$/i;

test('any well-formed request comes back as it was built', () => {
  const request = fc.record({
    method: TOKEN,
    path: fc.stringMatching(/^\/[0-9A-Za-z%._~/-]{0,40}$/),
    query: fc.stringMatching(/^[0-9A-Za-z%=&?/]{0,20}$/),
    fields: fc
      .array(fc.tuple(TOKEN, VALUE), { maxLength: 12 })
      .map((all) => all.filter(([name]) => !FRAMING.test(name))),
    length: fc.integer({ min: 0, max: 10 ** 12 }),
  });
  fc.assert(
    fc.property(request, ({ method, path, query, fields, length }) => {
      const lines = fields.map(([name, value]) => `${name}:  ${value}\t\r\n`).join('');
      const text = `${method} ${path}?${query} HTTP/1.1\r\n${lines}Host: h\r\nContent-Length: ${length}\r\n\r\n`;
      const { result, head } = parse(text);
      expect(result).toBe(text.length);
      expect([head.method, head.path, head.contentLength]).toEqual([method, path, length]);
      expect(head.text.slice(head.queryFrom, head.queryTo)).toBe(query);
      for (const [name] of fields) {
        const first = fields.find(([other]) => other.toLowerCase() === name.toLowerCase())!;
        expect(head.header(name.toLowerCase())).toBe(first[1]);
      }
    }),
    { seed: SEED, numRuns: 400 },
  );
});

test('no bytes make it throw or read beyond its input', () => {
  const piece = fc.constantFrom(
    'GET ',
    '/',
    ' HTTP/1.1',
    '\r\n',
    '\r',
    '\n',
    'Host: a',
    ':',
    'Content-Length: 1',
    '\x00',
    ' ',
    'é',
    '?',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('');
      const { result } = parse(text);
      expect(result === INCOMPLETE || result === INVALID || (result > 0 && result <= text.length)).toBe(true);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});
