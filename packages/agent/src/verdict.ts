/**
 * What a collector's answer means for the batch (docs/PROTOCOL.md). Pure: one table from status to outcome.
 */
import type { Outcome } from '@metricstream/shared/pump/types.ts';
import { retryAfterMs } from './retry-after.ts';

/** Of an answer's body, in a reason. */
const WORDS_CHARS_MAX = 200;

export interface HttpAnswer {
  status: number;
  header(name: string): string | undefined;
  /** The body as text, for the reason. */
  text: string;
  /** The body is a collector's Ack. Whatever else says 200 (a proxy, another server) has stored nothing. */
  isAck: boolean;
}

/** @param ownId false for a batch of a former client_id: a 403 then concerns that id, not our configuration. */
export function verdictOf(answer: HttpAnswer, ownId: boolean, nowUnixMs: number): Outcome {
  const { status } = answer;
  const why = reasonOf(answer);
  if (status >= 200 && status < 300 && answer.isAck) return { kind: 'stored' };
  if (status === 429 || status === 503) {
    const afterMs = retryAfterMs(answer.header('retry-after'), answer.header('date'), nowUnixMs);
    return { kind: 'retry', why, afterMs };
  }
  if (status === 401) return { kind: 'halt', why: `${why}; the collector does not accept this agent's credentials` };
  if (status === 403 && ownId) return { kind: 'halt', why: `${why}; the collector does not accept this client_id` };
  if (status === 403 || REJECTED.has(status)) return { kind: 'rejected', which: [0], why };
  if (status === 408 || status >= 500) return { kind: 'retry', why };
  return { kind: 'halt', why: `${why}; check collector.url, what answers there is no collector` };
}

/** Never send this again. */
const REJECTED = new Set([400, 409, 413, 415, 422]);

function reasonOf(answer: HttpAnswer): string {
  const words = answer.text
    .slice(0, WORDS_CHARS_MAX * 2)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, WORDS_CHARS_MAX);
  return words === '' ? `status ${answer.status}` : `status ${answer.status}: ${words}`;
}
