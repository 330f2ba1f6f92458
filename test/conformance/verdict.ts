/**
 * Judges what a server did with one case. Owns the rules of the corpus (corpus.ts says what the fields mean); pure, so
 * that a wrong verdict can be told from a wrong server.
 */
import type { AnswerRead, AnswersRead } from './answers.ts';
import type { Case, Expectation } from './corpus.ts';

/** What was seen of a server. */
export interface Observed extends AnswersRead {
  /** The server closed (or half-closed) the connection. */
  closed: boolean;
  /** The server did nothing for 500 ms after the last byte was sent. */
  silentAtFirst: boolean;
}

/** Final statuses that mean a request was not accepted as one. */
const REFUSALS = new Set([400, 408, 411, 413, 414, 417, 431, 500, 501, 502, 503, 505]);

/** @returns what is wrong, or undefined. */
export function judge({ expect }: Case, seen: Observed): string | undefined {
  if (seen.rest !== '') return `bytes that are no whole answer: ${JSON.stringify(seen.rest.slice(0, 120))}`;
  return seen.final.map(judgeFields).find(Boolean) ?? judgeForbidden(expect, seen) ?? RULES[expect.v](expect, seen);
}

const RULES = {
  accept: judgeAccept,
  reject: judgeReject,
  either: judgeEither,
  hold: judgeHold,
  slow: (_: Expectation, seen: Observed) => onlyTimeouts(seen, 1),
};

/** What every answer must have whatever the case: its Date (RFC 9110 6.6.1), and one length unless its status has none (8.6). */
function judgeFields({ status, headers, names }: AnswerRead): string | undefined {
  const count = (name: string): number => names.filter((other) => other === name).length;
  const date = headers.get('date') ?? '';
  if (count('date') !== 1 || new Date(date).toUTCString() !== date)
    return `${status} with ${count('date')} Date fields: ${JSON.stringify(date)}`;
  const lengths = status === 204 || status === 304 ? 0 : 1;
  if (count('content-length') !== lengths || !/^\d*$/.test(headers.get('content-length') ?? ''))
    return `${status} with ${count('content-length')} Content-Length fields`;
  return count('transfer-encoding') === 0 ? undefined : `${status} with Transfer-Encoding`;
}

function judgeForbidden(expect: Expectation, seen: Observed): string | undefined {
  const statuses = [...seen.interim, ...seen.final.map((answer) => answer.status)];
  const status = statuses.find((s) => expect.no_status?.includes(s));
  if (status !== undefined) return `status ${status} must not appear`;
  for (const { headers, body } of seen.final) {
    const header = expect.no_header?.find((name) => headers.has(name));
    if (header !== undefined) return `header ${header} must not appear`;
    const text = expect.no_body?.find((part) => body.includes(part));
    if (text !== undefined) return `${JSON.stringify(text)} must not appear in a body`;
  }
  if (expect.interim !== undefined && expect.interim.join() !== seen.interim.join())
    return `interim answers [${seen.interim.join()}], expected [${expect.interim.join()}]`;
  if (expect.interim === undefined && expect.interim_ok !== true && seen.interim.length > 0)
    return `unexpected interim answers [${seen.interim.join()}]`;
  return undefined;
}

function accepted(status: number, expect: Expectation): boolean {
  return !REFUSALS.has(status) || expect.ok_status?.includes(status) === true;
}

function judgeAccept(expect: Expectation, seen: Observed): string | undefined {
  const n = expect.n ?? 1;
  const refused = seen.final.find((answer) => !accepted(answer.status, expect));
  if (refused !== undefined) return `answered ${refused.status} ${refused.body.trim()}`;
  if (seen.final.length > n) return `${seen.final.length} answers, expected ${n}`;
  if (seen.final.length < n) {
    const saidClose = seen.final.at(-1)?.headers.get('connection') === 'close';
    if (!(seen.closed && (saidClose || expect.limit_ok === true))) return `${seen.final.length} answers, expected ${n}`;
  }
  if (expect.close === true && !seen.closed) return 'the connection was not closed';
  return undefined;
}

function judgeReject(expect: Expectation, seen: Observed): string | undefined {
  const before = expect.before ?? 0;
  if (seen.final.length === 0 && seen.closed && expect.silent_ok === true) return undefined;
  if (seen.final.length === before && !seen.closed && expect.hold_ok === true) return undefined;
  if (seen.final.length !== before + 1) return `${seen.final.length} answers, expected ${before + 1}`;
  const early = seen.final.slice(0, before).find((answer) => !accepted(answer.status, expect));
  if (early !== undefined) return `answer ${early.status} before the refusal`;
  const last = seen.final[before]!;
  if (!expect.status!.includes(last.status))
    return `refused with ${last.status}, expected ${expect.status!.join(' or ')}`;
  if (expect.close !== false && !seen.closed) return 'the connection was not closed';
  if (expect.close !== false && last.headers.get('connection') !== 'close') return 'the refusal does not say close';
  return undefined;
}

function judgeEither(expect: Expectation, seen: Observed): string | undefined {
  if (seen.final.length === 0) return 'no answer';
  if (seen.final.length > (expect.max ?? 1)) return `${seen.final.length} answers, at most ${expect.max} expected`;
  const odd = seen.final.find((answer) => !accepted(answer.status, expect) && !expect.status!.includes(answer.status));
  return odd === undefined ? undefined : `answered ${odd.status}, expected success or ${expect.status!.join(' or ')}`;
}

function judgeHold(_: Expectation, seen: Observed): string | undefined {
  return seen.silentAtFirst ? onlyTimeouts(seen, 0) : 'answered or closed at once';
}

/** A connection that timed out: gone, with nothing but a 408 after `before` accepted answers at most. */
function onlyTimeouts(seen: Observed, before: number): string | undefined {
  if (!seen.closed) return 'the connection is still open';
  const rest = seen.final.slice(seen.final.findIndex((answer) => answer.status === 408));
  const others = seen.final.filter((answer) => answer.status !== 408);
  if (others.length > before || rest.length > 1) return `answers ${seen.final.map((answer) => answer.status).join()}`;
  return undefined;
}
