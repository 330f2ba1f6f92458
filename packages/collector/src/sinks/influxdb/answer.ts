/** What InfluxDB's answers say, in whichever form: pure. Owns the reading of words, of Retry-After and of InfluxQL's JSON. */
import { MetricStreamError } from '@metricstream/shared/errors.ts';

export interface Answer {
  status: number;
  /** In the server's words; '' when all is well. */
  words: string;
  /** As the server asks; undefined when it does not. */
  retryAfterMs?: number;
}

/** A series of an InfluxQL answer. */
export interface InfluxqlSeries {
  name: string;
  tags?: Record<string, string>;
  columns: string[];
  values: unknown[][];
}

/** Longer ones are cut; who asks for a year is not obeyed. */
const RETRY_AFTER_MS_MAX = 60_000;
/** Of words in a message. */
const WORDS_CHARS_MAX = 1000;

/** @returns the error in a body: `error` of 1.x, `message` of 2.x, else its text. */
export function wordsOf(body: string): string {
  try {
    const { error, message } = JSON.parse(body) as { error?: unknown; message?: unknown };
    if (typeof error === 'string') return error;
    if (typeof message === 'string') return message;
  } catch {
    // Not InfluxDB's own words; a proxy's are better than none.
  }
  return body.trim();
}

/** @returns what a Retry-After header asks for, as seconds or date; undefined when it asks for nothing readable. */
export function retryAfterMs(header: string | undefined, nowUnixMs: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - nowUnixMs) / 1000;
  if (Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(0, seconds * 1000), RETRY_AFTER_MS_MAX);
}

/** Beside the errors and not as their cause, which a message would show once more. */
const answers = new WeakMap<Error, Answer>();

/** An error that carries an answer; false `retryable` says that somebody must change something. */
export function failure(where: string, answer: Answer): MetricStreamError {
  const { status, words } = answer;
  const text = `${where} answered ${status}: ${words.slice(0, WORDS_CHARS_MAX)}`;
  const lasting = status === 401 || status === 403 || status === 404 || /not found/.test(words);
  const error = new MetricStreamError(lasting ? 'config_invalid' : 'unreachable', text);
  answers.set(error, answer);
  return error;
}

/** @returns the server's answer that an error of the client's carries. */
export function answerIn(error: unknown): Answer | undefined {
  return error instanceof Error ? answers.get(error) : undefined;
}

interface InfluxqlJson {
  error?: string;
  results?: ResultJson[];
}

interface ResultJson {
  error?: string;
  /** A series without rows has no `values`. */
  series?: (Omit<InfluxqlSeries, 'values'> & { values?: unknown[][]; partial?: boolean })[];
  partial?: boolean;
}

/** @throws `failure` when the answer, or that of any statement, is an error; `limit` when the server cut it short. */
export function influxqlSeries(answer: Answer, body: Buffer, where: string): InfluxqlSeries[][] {
  if (answer.status !== 200) throw failure(where, answer);
  let json: InfluxqlJson;
  try {
    json = asInfluxql(parseExact(body.toString('utf8')));
  } catch {
    throw failure(where, { status: answer.status, words: `no InfluxQL answer: ${body.toString('utf8', 0, 200)}` });
  }
  const words = json.error ?? json.results?.find(({ error }) => error !== undefined)?.error;
  if (words !== undefined) throw failure(where, { status: answer.status, words });
  const results = json.results ?? [];
  if (results.some(isCut))
    throw new MetricStreamError(
      'limit',
      `${where} cuts answers short; set max-row-limit in [http] of its configuration to 0, or larger`,
    );
  return results.map(({ series = [] }) => series.map((one) => ({ ...one, values: one.values ?? [] })));
}

/** @throws when it has another form, as that of a server which is none. */
function asInfluxql(json: unknown): InfluxqlJson {
  const isObject = (one: unknown): one is object => typeof one === 'object' && one !== null;
  const isResult = (one: unknown): boolean => isObject(one) && (!('series' in one) || Array.isArray(one.series));
  if (!isObject(json) || ('results' in json && !(Array.isArray(json.results) && json.results.every(isResult))))
    throw new TypeError('no results');
  return json;
}

/** 1.x says it of the series that it cut, and of a statement's result whose rest is in another. */
function isCut({ partial, series = [] }: ResultJson): boolean {
  return partial === true || series.some((one) => one.partial === true);
}

/** JSON; a whole number beyond 2^53 becomes a bigint. */
function parseExact(text: string): unknown {
  // Looking at every number costs more than parsing: only where one is long enough.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const { source = '' } = context ?? {};
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}
