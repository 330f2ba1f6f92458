/**
 * What an answer to a write means for the lines of its body: pure. Owns the reading of InfluxDB's words, which say less
 * than they seem to: "partial write" names only the first fault, its `dropped` counts one shard's, and what of the rest
 * is stored is known only once the rest has been written again and answered 204.
 */
import type { Answer } from './answer.ts';
import type { InfluxdbTarget } from './settings.ts';

export type Verdict =
  | { kind: 'stored' }
  /** Somebody must change something: the address, a name, a permission. */
  | { kind: 'halt'; why: string }
  /** The server's own trouble; the same again later. */
  | { kind: 'retry'; why: string; afterMs?: number }
  /** Perhaps the server's own trouble, perhaps this body's: only time tells, or parts of it. */
  | { kind: 'suspect'; why: string }
  | { kind: 'too_large'; why: string }
  /** Some lines, or all of them, will never be taken. */
  | { kind: 'refused'; why: string; dropped?: number; aged?: boolean; conflict?: FieldName };

export interface FieldName {
  measurement: string;
  field: string;
}

/** Of words in a reason, half from each end: a server repeats each bad line in them, and then says what is wrong. */
const WORDS_CHARS_MAX = 1600;
const BUSY: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
const PARTIAL = /^(?:failure writing points to database: )?partial write: (.*) dropped=(\d+)(?: for database: .*)?$/s;
const CONFLICT =
  /^field type conflict: input field "(.*)" on measurement "(.*)" is type \w+, already exists as type \w+$/s;
const AGED = /^(?:points beyond retention policy$|dropped \d+ points outside retention policy )/;
/** 2.x may also refuse what is too new; then it is not the oldest lines. */
const OTHER_BOUNDS = /Upper Bound|Write Window/;
const UNPARSABLE = /^unable to parse |^partial write: unable to parse /;

/**
 * What 1.x and 2.x say with 5xx of themselves, whatever the lines: from the start of the words, since later ones may be
 * a line's. After `engine: ` comes any fault, those of lines too.
 */
const OWN_TROUBLE = new RegExp(
  '^(?:unexpected error writing points to database: |failure writing points to database: )?(?:' +
    'timeout\\b|write failed\\b|hinted handoff\\b|' +
    '(?:engine: |\\[shard \\d+\\] )*(?:cache-max-memory-size exceeded|(?:engine|WAL|tsdb store|shard) (?:is )?' +
    '(?:closed|disabled|being deleted)|error rolling WAL segment))',
);
/** Of the operating system, as Go ends its errors with them. */
const NO_MEANS =
  /: (?:no space left on device|disk quota exceeded|too many open files|input\/output error|read-only file system|cannot allocate memory)$/;

/** @param where server and database or bucket, for reasons. */
export function judge(answer: Answer, where: string, target: InfluxdbTarget): Verdict {
  const { status, retryAfterMs } = answer;
  if (status === 204) return { kind: 'stored' };
  const words = shortened(answer.words);
  const why = `${where} answered ${status}${words === '' ? '' : `: ${words}`}`;
  if (status === 413) return { kind: 'too_large', why };
  if (BUSY.has(status) || (status >= 500 && isOwnTrouble(answer.words)))
    return { kind: 'retry', why, afterMs: retryAfterMs };
  const remedy = remedyFor(answer, target);
  if (remedy !== undefined) return { kind: 'halt', why: `${why}; ${remedy}` };
  if (status === 400 || status === 422) return judgeLines(answer.words, why);
  return { kind: 'suspect', why };
}

function isOwnTrouble(words: string): boolean {
  return OWN_TROUBLE.test(words) || NO_MEANS.test(words);
}

function shortened(words: string): string {
  const half = WORDS_CHARS_MAX / 2;
  return words.length <= WORDS_CHARS_MAX ? words : `${words.slice(0, half)} … ${words.slice(-half)}`;
}

function judgeLines(words: string, why: string): Verdict {
  const [, reason, count] = PARTIAL.exec(words) ?? [];
  // Before the words: unparsable lines are not among the dropped, and their text may say anything.
  if (UNPARSABLE.test(words)) return { kind: 'refused', why };
  // Not what InfluxDB says about lines: a proxy, or a server of another kind.
  if (reason === undefined) return { kind: 'suspect', why };
  const dropped = Number(count);
  const [, field, measurement] = CONFLICT.exec(reason) ?? [];
  if (field !== undefined && measurement !== undefined)
    return { kind: 'refused', why, dropped, conflict: { measurement, field } };
  return { kind: 'refused', why, dropped, aged: AGED.test(reason) && !OTHER_BOUNDS.test(reason) };
}

/** @returns what somebody has to do, where that is what it takes. */
function remedyFor({ status, words }: Answer, target: InfluxdbTarget): string | undefined {
  const one = target.version === 1;
  if (status === 401) return one ? 'check username and password' : 'check the token';
  if (status === 403)
    return one ? 'give the user the privilege to write there' : 'use a token that may write to the bucket';
  // 1.x says it of a retention policy with 500.
  if (status === 404 || /^(?:retention policy not found|database not found|database is required)/.test(words))
    return `make it with \`metricstream-collector setup influxdb\`, or correct ${one ? 'database and retention_policy' : 'org and bucket'}`;
  if (status === 405 || status < 400) return 'InfluxDB answers a write with 204: check the url';
  return undefined;
}
