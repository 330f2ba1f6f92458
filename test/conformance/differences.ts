/**
 * The corpus verdicts this server differs from on purpose. Owns the list, and for each difference the verdict that
 * holds instead; the conformance test fails when a case not listed fails, and when a listed one starts to pass. Owns also
 * the decisions where the RFCs leave one.
 */
import type { Expectation } from './corpus.ts';

export interface Difference {
  /** The way of running it (http1.test.ts) in which it differs. */
  way: string;
  why: string;
  instead: Expectation;
  ids: readonly string[];
}

export const REFUSED_AT_HEAD = 'unknown path, refused at the head';

export const DIFFERENCES: readonly Difference[] = [
  {
    way: REFUSED_AT_HEAD,
    why: 'a refused client gets its final answer without 100 Continue (RFC 9110 10.1.1), and whether its body follows is unknown: close',
    instead: { v: 'accept', n: 1, interim: [], close: true },
    ids: ['ex-wait', 'ex-chunked'],
  },
  {
    way: REFUSED_AT_HEAD,
    why: 'the refusal is sent before the body, which is never looked at: where its end is not declared, the connection closes',
    instead: { v: 'accept', n: 1, close: true },
    ids: words(`
      ck-0x ck-1cr0lf ck-2p53 ck-7fffffff ck-data-2bytes ck-data-nocrlf ck-data-spill ck-empty
      ck-ext-badtoken ck-ext-lf ck-ext-lf-smuggle ck-ext-nosize ck-lead-sp ck-minus ck-nohex ck-overflow17
      ck-size-bare-cr ck-size-bare-lf ck-size-crX ck-size-lf-semi ck-sp-word ck-trail-sp-last
      ck-trailer-badname ck-trailer-fold ck-trailer-nocolon ck-under-smuggle ck-word in-chunk in-fin-chunk
      fd-ext-trailing-sp lm-ext-17k lm-ext-64k lm-trailer-1m`),
  },
  {
    way: REFUSED_AT_HEAD,
    why: 'as above, for the second of two requests',
    instead: { v: 'accept', n: 2, close: true },
    ids: ['pl-good-bad-te'],
  },
  {
    way: REFUSED_AT_HEAD,
    why: 'the refusal is sent before the body, of which the declared rest is waited for, dropped and timed out',
    instead: { v: 'accept', n: 1, close: true },
    ids: ['in-body'],
  },
];

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** Where the RFCs leave a choice or say SHOULD, and no case of the corpus holds the server to its own. */
export interface Decision {
  what: string;
  why: string;
  /** Sent to the health path; what is answered, in order; the connection closes after the last. */
  send: string;
  statuses: readonly number[];
}

const GET = 'GET /healthz HTTP/1.1\r\nHost: h.test\r\n\r\n';

export const DECISIONS: readonly Decision[] = [
  {
    what: 'HTTP/1.2 is refused (RFC 9110 2.5: a server SHOULD read it as 1.1)',
    why: 'nobody sends it but whoever looks for two servers that disagree',
    send: GET.replace('1.1', '1.2'),
    statuses: [505],
  },
  {
    what: 'HTTP/1.0 always closes, `keep-alive` or not (RFC 9112 9.3: MAY persist)',
    why: 'persistence in 1.0 was never specified, and proxies that forward the field unread hang on it',
    send: 'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    statuses: [200],
  },
  {
    what: 'one empty line before a request is skipped, a second is refused (RFC 9112 2.2: at least one)',
    why: 'an endless run of them would keep a connection from ever being idle',
    send: `${GET}\r\n\r\n`,
    statuses: [200, 400],
  },
  {
    what: 'a list of equal lengths is refused (RFC 9112 6.3: reject, or take the one value)',
    why: 'a length said twice is the mark of a message that was put together by two hands',
    send: 'POST /healthz HTTP/1.1\r\nHost: h.test\r\nContent-Length: 2, 2\r\n\r\nhi',
    statuses: [400],
  },
  {
    what: 'chunk sizes have 8 digits at most, zeros counted (RFC 9112 7.1: anticipate large ones)',
    why: 'what overflows in one server and not in another is where they part; bodies end at a MiB',
    send: 'POST /healthz HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n000000002\r\nhi\r\n0\r\n\r\n',
    statuses: [400],
  },
  {
    what: 'Content-Length has 15 digits at most, zeros counted',
    why: 'as above',
    send: 'POST /healthz HTTP/1.1\r\nHost: h.test\r\nContent-Length: 0000000000000002\r\n\r\nhi',
    statuses: [400],
  },
  {
    what: 'a coding before chunked is not understood (RFC 9112 6.1: SHOULD answer 501)',
    why: 'bodies are compressed by Content-Encoding here, and a transfer coding would be a second way',
    send: 'POST /healthz HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    statuses: [501],
  },
  {
    what: 'an empty Host is refused (RFC 9110 7.2: empty when the target has no authority)',
    why: 'an http URL always has one',
    send: 'GET /healthz HTTP/1.1\r\nHost:\r\n\r\n',
    statuses: [400],
  },
  {
    what: 'an expectation other than 100-continue is refused (RFC 9110 10.1.1: MAY answer 417)',
    why: 'a client that expects what it will not get should know',
    send: 'GET /healthz HTTP/1.1\r\nHost: h.test\r\nExpect: more\r\n\r\n',
    statuses: [417],
  },
  {
    what: 'CONNECT is refused as a malformed target, in authority-form too',
    why: 'nobody is connected anywhere, and a 2xx would make a tunnel of the connection',
    send: 'CONNECT h.test:80 HTTP/1.1\r\nHost: h.test\r\n\r\n',
    statuses: [400],
  },
  {
    what: 'methods are case-sensitive tokens of at most 32 characters (RFC 9110 9.1)',
    why: 'the longest registered one has 19',
    send: `${'M'.repeat(33)} /healthz HTTP/1.1\r\nHost: h.test\r\n\r\n`,
    statuses: [400],
  },
];
