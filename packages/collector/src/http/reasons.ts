/**
 * Why http/ itself ends an exchange or a connection. Owns the one list of reason codes, with the status each is
 * answered with and the sentence the client reads. The list is short and fixed, so a code can be a metric label.
 */

import type { HttpLimits } from './types.ts';

/** code → [status, sentence]. Status 0: nothing could be answered, the connection was just closed. */
const TABLE = {
  request_line: [400, 'the request line is not METHOD SP TARGET SP HTTP/1.1 CRLF'],
  method: [400, 'the method is not a token of at most 32 characters'],
  target: [400, 'the request target is neither a path, nor an http URL, nor OPTIONS *'],
  target_too_long: [414, 'the request target is too long'],
  version: [505, 'only HTTP/1.1 and HTTP/1.0 are spoken here'],
  line_end: [400, 'lines end in CRLF; a lone CR or LF was found'],
  field_name: [400, 'a header line has no name, no colon, or a forbidden character before the colon'],
  field_fold: [400, 'a header line begins with white space; folded headers are not taken'],
  field_value: [400, 'a header value holds a control character'],
  head_too_large: [431, 'the request head is too large'],
  fields_too_many: [431, 'the request head has too many fields'],
  host: [400, 'exactly one valid Host field is needed'],
  content_length: [400, 'Content-Length must be one field of 1 to 15 digits'],
  transfer_encoding: [400, 'Transfer-Encoding must be one field that ends in chunked, and only in HTTP/1.1'],
  transfer_coding: [501, 'the only transfer coding taken is chunked'],
  framing_conflict: [400, 'Content-Length and Transfer-Encoding exclude each other'],
  expectation: [417, 'the only expectation met is 100-continue'],
  body_too_large: [413, 'the body is too large'],
  chunk_size: [400, 'a chunk size is not 1 to 8 hex digits'],
  chunk_extension: [400, 'a chunk extension is malformed'],
  chunk_line_too_long: [400, 'a chunk size line or the extensions of all chunks are too long'],
  chunk_data: [400, 'chunk data is not followed by CRLF'],
  trailer: [400, 'a trailer field is malformed'],
  trailer_too_large: [431, 'the trailer fields are too many or too large'],
  truncated: [400, 'the connection was half-closed inside a request'],
  silent: [0, 'nothing came after connecting'],
  head_timeout: [408, 'the request head took too long'],
  body_timeout: [408, 'the request body took too long'],
  body_slow: [408, 'the request body came too slowly'],
  buffers_full: [503, 'too many unfinished requests; come again'],
  connections_full: [503, 'too many connections; come again'],
  address_full: [429, 'too many connections from this address; come again'],
  tls_expected: [0, 'plain HTTP, or no TLS at all, on a port that speaks TLS'],
  tls_handshake: [0, 'the TLS handshake failed'],
  tls_timeout: [0, 'the TLS handshake took too long'],
  tls_unexpected: [400, 'this port speaks plain HTTP, and a TLS handshake was begun'],
  handler_error: [500, 'internal error'],
  write_timeout: [0, 'the client did not read its answers in time'],
  write_overflow: [0, 'the client left too many answers unread'],
} as const satisfies Record<string, readonly [number, string]>;

export type Reason = keyof typeof TABLE;

/** Every code there is, for registering counters before the first fault. */
export const REASONS = Object.keys(TABLE) as readonly Reason[];

/** @returns the HTTP status the reason is answered with, 0 when it cannot be answered. */
export function statusOf(reason: Reason): number {
  return TABLE[reason][0];
}

/** @returns the one-line text the client reads, with the limit that was met where there is one. */
export function sentenceOf(reason: Reason, limits?: HttpLimits): string {
  const met = LIMIT_OF[reason];
  const [, sentence] = TABLE[reason];
  return met === undefined || limits === undefined ? sentence : `${sentence}: ${met[1]} ${limits[met[0]]} ${met[2]}`;
}

const LIMIT_OF: Partial<
  Record<Reason, readonly [limit: keyof HttpLimits, bound: 'at most' | 'at least', unit: string]>
> = {
  target_too_long: ['targetBytesMax', 'at most', 'bytes'],
  head_too_large: ['headBytesMax', 'at most', 'bytes'],
  fields_too_many: ['headersMax', 'at most', 'fields'],
  body_too_large: ['bodyBytesMax', 'at most', 'bytes'],
  body_slow: ['bodyBytesPerSecondMin', 'at least', 'bytes a second'],
};
