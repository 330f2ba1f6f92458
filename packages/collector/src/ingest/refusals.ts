/**
 * What an ingest worker answers when it does not take a batch: the text, the status and the counter of each reason,
 * side by side. Owns those words. 429 and 503 carry Retry-After with jitter, so that refused clients do not return
 * together; every other one means: never send these bytes again.
 */
import { type ExtraHeaders, plain } from '../http/responses.ts';
import type { Answer } from '../http/types.ts';
import type { RefusedReason, RejectedReason } from './counters.ts';

const REFUSED: Record<RefusedReason, readonly [status: 429 | 503, text: string]> = {
  rate_requests: [429, 'your limit of requests per second is reached; send the same batch again later'],
  rate_bytes: [429, 'your limit of bytes per second is reached; send the same batch again later'],
  rate_points: [429, 'your limit of points per second is reached; send the same batch again later'],
  rate_unauthenticated: [
    429,
    'too many requests from this address without a valid token or certificate; come again later',
  ],
  clients_full: [503, 'the client table is full; send the same batch again later'],
  ring_full: [503, 'the ring is full; send the same batch again later'],
  journal_failed: [503, 'the journal could not be written; send the same batch again later'],
  journal_full: [503, 'the journal is at its size limit; send the same batch again later'],
};

const REJECTED: Record<RejectedReason, readonly [status: number, text: string]> = {
  not_found: [404, 'there is nothing here; batches go to POST /v1/batches'],
  method_not_allowed: [405, 'batches come by POST'],
  unauthenticated: [401, 'who are you'],
  forbidden: [403, 'this token or certificate may not speak for this Client-Id'],
  content_type: [415, 'Content-Type must be application/x-protobuf'],
  content_encoding: [415, 'Content-Encoding must be identity, gzip or zstd'],
  client_id: [400, 'Client-Id must be 1 to 128 of A-Z a-z 0-9 . _ : - and equal the one in the batch'],
  header: [400, 'Oldest-Seq must be a whole number of at most the seq, Lane live or backlog'],
  undecompressable: [400, 'the body does not decompress'],
  too_large: [413, 'the batch is larger than limits.decompressed'],
  unparsable: [400, 'the body is no Batch'],
  rules: [422, 'the batch breaks a rule of the schema'],
  conflict: [409, 'this epoch and seq are known with other bytes'],
};

const EXTRA: Partial<Record<RejectedReason, ExtraHeaders>> = {
  method_not_allowed: { Allow: 'POST' },
  unauthenticated: { 'WWW-Authenticate': 'Bearer realm="metricstream"' },
};

/** Whole seconds: at least what the limiter says, plus up to two at random. */
function retryAfterS(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1000)) + Math.floor(Math.random() * 3));
}

/** @param waitMs when the limiter will let the client through; 0 when nobody knows. */
export function refused(reason: RefusedReason, waitMs = 0): Answer {
  const [status, text] = REFUSED[reason];
  return plain(status, text, { 'Retry-After': retryAfterS(waitMs) });
}

/** @param detail where and what, in our own words: never a client's. @param status when the walker knows better. */
export function rejected(reason: RejectedReason, detail = '', status = REJECTED[reason][0]): Answer {
  const text = detail === '' ? REJECTED[reason][1] : `${REJECTED[reason][1]}: ${detail}`;
  return plain(status, text, EXTRA[reason]);
}
