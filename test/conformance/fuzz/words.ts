/** The words that streams are made of: hidden requests, chunked bodies, and what stands where it should not. */
import type { Seeded } from '@metricstream/shared/testing/seeded.ts';

/** The path of a request hidden in a body. */
export const HIDDEN = '/smuggled';
const HIDDEN_REQUEST = `GET ${HIDDEN} HTTP/1.1\r\nHost: h.test\r\n\r\n`;

/** @returns a body in which a request hides, behind what a server that reads the framing wrongly may stop at. */
export function hidden(random: Seeded): string {
  const before = random.pick(['', '', '0\r\n\r\n', '\r\n', 'x', '1\r\nZ\r\n0\r\n\r\n', '\n']);
  return `${before}${HIDDEN_REQUEST}${random.pick(['', '', '0\r\n\r\n', 'x'])}`;
}

/** @returns `content` in chunks, at times with extensions and trailers, in which a request may hide too. */
export function chunked(content: string, random: Seeded): string {
  let text = '';
  for (let at = 0; at < content.length; ) {
    const size = 1 + random.int(content.length - at);
    const digits = size.toString(16);
    const form = random.int(6);
    const written = form === 0 ? digits.toUpperCase() : form === 1 ? digits.padStart(8, '0') : digits;
    text += `${written}${random.int(5) === 0 ? random.pick(EXTENSIONS) : ''}\r\n${content.slice(at, at + size)}\r\n`;
    at += size;
  }
  const last = random.int(8) === 0 ? random.pick(['00', '000', '0;last', '0 ; a = "b"']) : '0';
  return `${text}${last}\r\n${random.int(5) === 0 ? random.pick(TRAILERS) : ''}\r\n`;
}

const EXTENSIONS = [';a', ';a=b', ';a="b"', ' ; a', ';a="GET /smuggled"', ';a="\\""', ';a=b;c="d;e"', '\t;\ta\t=\tb'];
const TRAILERS = ['X: y\r\n', 'Content-Length: 5\r\n', 'Host: evil.test\r\nX:\r\n', `X:GET ${HIDDEN} HTTP/1.1\r\n`];

export const LENGTHS = [
  '0',
  '1',
  '5',
  '00',
  '007',
  '+5',
  '-1',
  '0x5',
  '5 5',
  '5,5',
  '5, 5',
  '',
  '1e1',
  '2049',
  '999999999999999',
  '18446744073709551621',
  '5\x00',
  '5;',
  '\xb2',
];
export const CODINGS = [
  'chunked',
  'Chunked',
  'CHUNKED',
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, chunked',
  ' chunked',
  'chunked ',
  '\tchunked\t',
  '\x0bchunked',
  'chunked\x0b',
  '\xa0chunked',
  'xchunked',
  'chunkedx',
  '"chunked"',
  'chunked;q=1',
  'chunked,',
  ',chunked',
  'chunke\xaa',
  'ch\x00unked',
  '',
];
export const CONNECTIONS = [
  'close',
  'keep-alive',
  'Close',
  'close, TE',
  'x',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'closed',
];
export const EXPECTS = [
  '100-continue',
  '100-Continue',
  '200-ok',
  '100-continue, 100-continue',
  '',
  ',',
  'x 100-continue',
];
export const HOSTS = [
  'a',
  'a:80',
  '[::1]:1',
  '',
  'a b',
  'a/b',
  'a:b',
  'u@a',
  '[::1',
  '[1:2]',
  '[1:2:3:4:5:6:7:8]',
  'a%2',
  'a%20',
  'a,b',
  'a:65536',
  '\xe9',
];
export const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.10',
  'HTTP/1',
  'HTTP/1.1 ',
  'HTTP/ 1.1',
  '',
  'HTTP/1.\xb9',
];
export const TARGETS = [
  '*',
  '/',
  '//',
  '/a b',
  '/a\tb',
  'a',
  'h.test:80',
  'http://',
  'http://h',
  'http://h?q',
  'https://[::1]/x',
  'ftp://h/',
  'http://u@h/',
  '/a#b',
  '/\\',
  '/%zz',
  '/\xff',
  '/{|}^`[]',
  '?q',
  '',
];
export const METHOD_WORDS = [
  'get',
  'GET\t',
  '',
  'G ET',
  'CONNECT',
  'OPTIONS',
  'PRI',
  'TRACE',
  'M-SEARCH',
  'G\x00T',
  'A'.repeat(33),
  'HEAD',
  ' GET',
  '"GET"',
];
export const LINE_ENDS = [
  '\n',
  '\r',
  '\r\r\n',
  '\n\r',
  '\r\n\r',
  '\r\n ',
  '\r\n\t',
  ' \r\n',
  '\x0b\r\n',
  '\x85',
  '\r\n\r\n',
];
export const SPACES = [' ', '\t', '\x0b', '\x0c', '\xa0', '\x00', '\x01', '\x1f', '\x7f', '\x85'];
export const SIZES = [
  '0',
  '00000000',
  '0x0',
  '+0',
  '-0',
  ' 0',
  '0 ',
  '0;',
  '0_0',
  '0\n',
  '\r',
  '',
  'g',
  'ffffffff',
  '100000000',
  '7fffffffffffffff',
  '10000000000000000',
  '0\t;a',
  '0;a="',
  '0;\n',
  '2;\nxx',
];
export const EXTRAS = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\x00',
  'GET',
  `GET ${HIDDEN} HTTP/1.1`,
  '\x16\x03\x01',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'x'.repeat(2000),
  '\r',
];
