/**
 * What a collector's answer means for the batch (docs/PROTOCOL.md). Pure: one table from status to outcome.
 */
import type { Refusal } from '@metricstream/proto/batch.ts';
import type { Outcome } from '@metricstream/shared/pump/types.ts';
import { RETRY_AFTER_MS_MAX, retryAfterMs } from './retry-after.ts';

/** Of an answer's body, in a reason. */
const WORDS_CHARS_MAX = 200;

export interface HttpAnswer {
  status: number;
  header(name: string): string | undefined;
  /** The body as text, for the reason. */
  text: string;
  /** The body is a collector's Ack. Whatever else says 200 (a proxy, another server) has stored nothing. */
  isAck: boolean;
  /** What a collector says no with, when the body is that; it tells more than the status, never less. */
  refusal?: Refusal;
}

/** @param ownId false for a batch of a former client_id: a 403 then concerns that id, not our configuration. */
export function verdictOf(answer: HttpAnswer, ownId: boolean, nowUnixMs: number): Outcome {
  const { status } = answer;
  const why = reasonOf(answer);
  if (status >= 200 && status < 300 && answer.isAck) return { kind: 'stored' };
  if (status === 429 || status === 503) return { kind: 'retry', why, afterMs: waitOf(answer, nowUnixMs) };
  if (status === 401)
    return {
      kind: 'halt',
      why: `${why}; the collector does not accept this agent; see collector.token_file or collector.tls.cert_file`,
    };
  if (status === 403 && ownId)
    return {
      kind: 'halt',
      why: `${why}; the collector does not accept this client_id; see client_id, and collector.token_file or collector.tls.cert_file`,
    };
  if (status === 403 || REJECTED.has(status)) return { kind: 'rejected', which: [0], why };
  if (status === 408 || status >= 500) return { kind: 'retry', why };
  return unlisted(answer, why, nowUnixMs);
}

/**
 * Never send this again. 400 is not among them: without a refusal in it, it comes from a proxy or from a port that speaks
 * TLS, and is about none of the bytes.
 */
const REJECTED = new Set([409, 413, 415, 422]);

/** Not where batches go, whoever says so. */
const ELSEWHERE = new Set([404, 405]);

/** A status that is not in the table: a collector says what it means; what says nothing is none. */
function unlisted(answer: HttpAnswer, why: string, nowUnixMs: number): Outcome {
  switch (ELSEWHERE.has(answer.status) ? undefined : answer.refusal?.retryClass) {
    case 'quota':
    case 'busy':
      return { kind: 'retry', why, afterMs: waitOf(answer, nowUnixMs) };
    case 'never':
      return { kind: 'rejected', which: [0], why };
    case 'auth':
      return { kind: 'halt', why };
    default:
      return { kind: 'halt', why: `${why}; check collector.url (http or https?), what answers there is no collector` };
  }
}

/** @returns the longer wait of the two that an answer may name. */
function waitOf({ header, refusal }: HttpAnswer, nowUnixMs: number): number | undefined {
  const byHeaderMs = retryAfterMs(header('retry-after'), header('date'), nowUnixMs);
  const said = refusal?.retryAfterMs ?? 0;
  if (said === 0) return byHeaderMs;
  return Math.min(Math.max(said, byHeaderMs ?? 0), RETRY_AFTER_MS_MAX);
}

function reasonOf({ status, text, refusal }: HttpAnswer): string {
  const said = refusal === undefined ? text : saidIn(refusal);
  const words = said
    .slice(0, WORDS_CHARS_MAX * 2)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, WORDS_CHARS_MAX);
  return words === '' ? `status ${status}` : `status ${status}: ${words}`;
}

/** A collector may name the limit in its message, too. */
function saidIn({ message, limit }: Refusal): string {
  return message.includes(limit) ? message : `${message} (${limit})`;
}
