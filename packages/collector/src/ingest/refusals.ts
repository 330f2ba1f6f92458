/**
 * What an ingest worker answers when it does not take a batch: the text, the status and the counter of each reason,
 * side by side. Owns those words and their three forms: a line of text, JSON for scripts, an Ack for our agent. 429 and
 * 503 say how long to wait, with jitter, so that refused clients do not return together; every other one means: never
 * send these bytes again. A client over its limit may ask thousands of times a second, so what it is told is built once
 * and shared.
 */
import { refusalLatin1 } from '@metricstream/proto/ack.ts';
import type { RetryClass } from '@metricstream/proto/batch.ts';
import { formatByteRate, formatRate } from '@metricstream/shared/units.ts';
import type { ClientLimits } from '../admission/limits.ts';
import { type ExtraHeaders, TEXT, withBody } from '../http/responses.ts';
import type { Answer } from '../http/types.ts';
import type { RefusedReason, RejectedReason } from './counters.ts';

/** In what form a no is told; the yes has forms of its own (acks.ts). */
export type Form = 'text' | 'json' | 'ack';

export interface LimitSettings {
  readonly client: ClientLimits;
  readonly unauthenticatedPerSecond: number;
}

export interface Refusals {
  /** @param waitMs when the limiter will let the client through; 0 when nobody knows. */
  refused(reason: RefusedReason, form: Form, waitMs?: number): Answer;
  rejected(reason: RejectedReason, form: Form, more?: Particulars): Answer;
}

export interface Particulars {
  /** Where and what, in our own words: never a client's. */
  detail?: string | undefined;
  /** In place of the reason's own words. */
  instead?: string | undefined;
  /** When the walker knows better. */
  status?: number | undefined;
  /** The limit that was met, as the configuration has it: `limits.decompressed: 4MiB`. */
  limit?: string | undefined;
}

const REFUSED: Record<RefusedReason, readonly [status: 429 | 503, text: string]> = {
  rate_requests: [429, 'your limit of requests is reached; send the same again later'],
  rate_bytes: [429, 'your limit of bytes is reached; send the same again later'],
  rate_points: [429, 'your limit of points is reached; send the same again later'],
  rate_unauthenticated: [
    429,
    'too many requests from this address without a valid token or certificate; come again later',
  ],
  clients_full: [503, 'the client table is full; send the same again later'],
  ring_full: [503, 'the ring is full; send the same again later'],
  journal_failed: [503, 'the journal could not be written; send the same again later'],
  journal_full: [503, 'the journal is at its size limit; send the same again later'],
};

const REJECTED: Record<RejectedReason, readonly [status: number, text: string]> = {
  not_found: [404, 'there is nothing here; batches go to POST /v1/batches, lines to POST /v1/jsonl'],
  method_not_allowed: [405, 'batches and lines come by POST'],
  unauthenticated: [401, 'who are you'],
  forbidden: [403, 'this token or certificate may not speak for this Client-Id'],
  content_type: [415, 'Content-Type must be application/x-protobuf'],
  content_encoding: [415, 'Content-Encoding must be identity, gzip or zstd'],
  client_id: [400, 'Client-Id must be 1 to 128 of A-Z a-z 0-9 . _ : - and equal the one in the batch'],
  header: [400, 'Oldest-Seq must be a whole number of at most the seq, Lane live or backlog'],
  undecompressable: [400, 'the body does not decompress'],
  too_large: [413, 'too large'],
  unparsable: [400, 'the body is no Batch'],
  rules: [422, 'the batch breaks a rule of the schema'],
  conflict: [409, 'this epoch and seq are known with other bytes'],
};

const EXTRA: Partial<Record<RejectedReason, ExtraHeaders>> = {
  method_not_allowed: { Allow: 'POST' },
  unauthenticated: { 'WWW-Authenticate': 'Bearer realm="metricstream"' },
};

const TYPES: Record<Form, string> = { text: TEXT, json: 'application/json', ack: 'application/x-protobuf' };

/** Of a wait that nobody knows. */
const UNKNOWN_WAIT_MS = 1000;
const JITTER_MS = 2000;
/** Waits are told in whole steps, so that there are few different answers. */
const STEP_MS = 125;
/** Twice the longest debt of a limiter. */
const STEPS_MAX = 120_000 / STEP_MS;

/** @returns the form that the `Accept` of a request asks for. */
export function formOf(accept: string): Form {
  if (accept === TYPES.ack) return 'ack';
  if (accept.includes(TYPES.json)) return 'json';
  return accept.includes(TYPES.ack) ? 'ack' : 'text';
}

export function createRefusals(settings: LimitSettings): Refusals {
  const limits = limitTexts(settings);
  const known: Record<Form, Map<RefusedReason, (Answer | undefined)[]>> = {
    text: new Map(),
    json: new Map(),
    ack: new Map(),
  };
  const heads = new Map<string, (body: string) => Answer>();

  function build(reason: RefusedReason, form: Form, retryAfterMs: number): Answer {
    const [status, text] = REFUSED[reason];
    const limit = limits[reason] ?? '';
    const headers = { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) };
    const body = bodyOf(
      { reason, status, message: limit === '' ? text : `${text} (${limit})`, limit, retryAfterMs },
      form,
    );
    const answer = withBody(status, TYPES[form], headers)(body);
    // Whoever guesses tokens does it anew, handshake and all.
    return reason === 'rate_unauthenticated' ? { ...answer, close: true } : answer;
  }

  return {
    refused(reason, form, waitMs = 0) {
      const ms = (waitMs > 0 ? waitMs : UNKNOWN_WAIT_MS) + Math.random() * JITTER_MS;
      const step = Math.min(Math.ceil(ms / STEP_MS), STEPS_MAX);
      let answers = known[form].get(reason);
      if (answers === undefined) known[form].set(reason, (answers = []));
      return (answers[step] ??= build(reason, form, step * STEP_MS));
    },
    rejected(reason, form, { detail = '', instead, limit = '', status = REJECTED[reason][0] } = {}) {
      const key = `${reason} ${form} ${status}`;
      let head = heads.get(key);
      if (head === undefined) heads.set(key, (head = withBody(status, TYPES[form], EXTRA[reason])));
      const text = instead ?? REJECTED[reason][1];
      return head(bodyOf({ reason, status, message: detail === '' ? text : `${text}: ${detail}`, limit }, form));
    },
  };
}

interface No {
  reason: RefusedReason | RejectedReason;
  status: number;
  message: string;
  limit: string;
  retryAfterMs?: number;
}

function bodyOf({ reason, status, message, limit, retryAfterMs }: No, form: Form): string {
  if (form === 'text') return `${message}\n`;
  if (form === 'ack')
    return refusalLatin1({ retryClass: retryClassOf(status), message, retryAfterMs: retryAfterMs ?? 0, limit });
  const told = { error: reason, message, retry_after_ms: retryAfterMs, limit: limit === '' ? undefined : limit };
  return `${JSON.stringify(told)}\n`;
}

/** 404 and 405 say that the URL is wrong: about the bytes they say nothing. */
function retryClassOf(status: number): RetryClass {
  if (status === 429) return 'quota';
  if (status === 503) return 'busy';
  if (status === 401 || status === 403) return 'auth';
  return status === 404 || status === 405 ? 'unspecified' : 'never';
}

function limitTexts({ client, unauthenticatedPerSecond }: LimitSettings): Partial<Record<RefusedReason, string>> {
  return {
    rate_requests: rateOf(client.requestsPerSecond, 'requests'),
    rate_bytes: Number.isFinite(client.bytesPerSecond) ? formatByteRate(client.bytesPerSecond) : '',
    rate_points: rateOf(client.pointsPerSecond, 'points'),
    rate_unauthenticated: rateOf(unauthenticatedPerSecond, 'unauthenticated requests'),
  };
}

/** @returns `100 requests/s`; '' for what is not limited, and so never met. */
function rateOf(perSecond: number, what: string): string {
  return Number.isFinite(perSecond) ? formatRate(perSecond).replace('/', ` ${what}/`) : '';
}
