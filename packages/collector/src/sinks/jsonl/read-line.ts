/**
 * A line of JSONL as a point: our own lines, and the seed's bare ones (`{"timestamp","name","value"}`). Owns the reading
 * and promises that no digit of a time or a value is lost, that whatever a line holds is either a point or a reason, and
 * that the series of a point is the same object for every line of it, for as long as the reader remembers it. What it
 * remembers is bounded in number and in characters.
 *
 * A series' lines differ only in time, value, epoch and seq, so the text between them is the key to what was parsed
 * before, which costs a fifth of parsing. A text that is known is JSON, and the four numbers are checked each time.
 */
import { cleanText } from '@metricstream/proto/encode.ts';
import { createTimeReader, type MinuteNanos, type TimeReader } from '../../points/time.ts';

/** Whose points, and of what. */
export interface FileSeries {
  readonly clientId: string;
  readonly name: string;
  readonly unit: string;
  /** host, datacenter and tags of the whole host. */
  readonly resource: readonly (readonly [key: string, value: string])[];
  /** Sorted by key. */
  readonly labels: readonly (readonly [key: string, value: string])[];
}

export interface FilePoint extends MinuteNanos {
  readonly series: FileSeries;
  readonly value: number;
  /** Both 0 where the line names none. */
  readonly epoch: number;
  readonly seq: number;
}

/** A line that is no point. */
export interface Unreadable {
  readonly why: string;
}

export interface LineReader {
  read(line: string): FilePoint | Unreadable;
}

/** Whom lines without a client_id are taken to be from. */
export const BARE_CLIENT_ID = 'jsonl';

/** Of texts remembered, and of their characters; all are forgotten when there are more. */
const TEXTS_MAX = 262_144;
const TEXT_CHARS_MAX = 64 * 1024 * 1024;
const NAME_CHARS_MAX = 256;
const KEYS_MAX = 64;
const CLIENT_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const KEY = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

const HEAD = '{"timestamp":"';
const NAME = '","name":';
const VALUE = '"value":';
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const TRIPLE_END = /^,"epoch":(\d{1,16}),"seq":(\d{1,16})\}$/;

export function createLineReader(bareClientId = BARE_CLIENT_ID): LineReader {
  const timeOf = createTimeReader();
  const known = new Map<string, FileSeries>();
  let knownChars = 0;

  /** A line may hold anything beside its series, so texts are bounded by their length too. */
  function learn(text: string, series: FileSeries): void {
    if (known.size >= TEXTS_MAX || knownChars + text.length > TEXT_CHARS_MAX) {
      known.clear();
      knownChars = 0;
    }
    known.set(text, series);
    knownChars += text.length;
  }

  function readKnown(line: string): FilePoint | undefined {
    const timeEnd = line.indexOf('"', HEAD.length);
    const valueAt = line.indexOf(VALUE, timeEnd) + VALUE.length;
    const valueEnd = line.indexOf(',', valueAt);
    const tripleAt = line.lastIndexOf(',"epoch":');
    if (valueAt < VALUE.length || valueEnd === -1 || tripleAt < valueEnd) return undefined;
    const series = known.get(line.slice(timeEnd, valueAt) + line.slice(valueEnd, tripleAt));
    if (series === undefined) return undefined;
    const valueText = line.slice(valueAt, valueEnd);
    const triple = TRIPLE_END.exec(line.slice(tripleAt));
    const time = timeOf(line.slice(HEAD.length, timeEnd));
    const value = Number(valueText);
    if (triple === null || time === undefined || !NUMBER.test(valueText) || !Number.isFinite(value)) return undefined;
    return { series, ...time, value, epoch: Number(triple[1]), seq: Number(triple[2]) };
  }

  /** The text of a line of our own layout becomes a key: it must have been cut out of it at the same places. */
  function remember(line: string, point: FilePoint): void {
    const timeEnd = line.indexOf('"', HEAD.length);
    const valueAt = line.indexOf(VALUE, timeEnd) + VALUE.length;
    const valueEnd = line.indexOf(',', valueAt);
    const tripleAt = line.lastIndexOf(',"epoch":');
    const ours = line.startsWith(HEAD) && line.startsWith(NAME, timeEnd) && valueEnd !== -1 && tripleAt >= valueEnd;
    if (!ours || !TRIPLE_END.test(line.slice(tripleAt)) || !NUMBER.test(line.slice(valueAt, valueEnd))) return;
    learn(line.slice(timeEnd, valueAt) + line.slice(valueEnd, tripleAt), point.series);
  }

  /** The same series is the same object, whatever its lines look like. */
  function interned(point: FilePoint): FilePoint {
    const { clientId, name, unit, resource, labels } = point.series;
    const key = JSON.stringify([clientId, name, unit, resource, labels]);
    const before = known.get(key);
    if (before !== undefined) return { ...point, series: before };
    learn(key, point.series);
    return point;
  }

  return {
    read(line) {
      const fast = line.startsWith(HEAD) ? readKnown(line) : undefined;
      if (fast !== undefined) return fast;
      const read = readAny(line, bareClientId, timeOf);
      if ('why' in read) return read;
      const point = interned(read);
      remember(line, point);
      return point;
    },
  };
}

function readAny(line: string, bareClientId: string, timeOf: TimeReader): FilePoint | Unreadable {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    return no(`is no JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return no('is no JSON object');
  const { timestamp, name, value, unit = '', client_id = bareClientId, epoch = 0, seq = 0, ...rest } = parsed as Fields;
  const time = typeof timestamp === 'string' ? timeOf(timestamp) : undefined;
  if (time === undefined) return no('has no "timestamp" as in 2025-10-04T12:00:00.123Z, from 1970 to 2262');
  if (typeof name !== 'string' || name.length > NAME_CHARS_MAX || !KEY.test(name)) return no('has no "name"');
  if (typeof value !== 'number' || !Number.isFinite(value)) return no('has no finite number as "value"');
  if (typeof unit !== 'string') return no('has a "unit" that is no text');
  if (typeof client_id !== 'string' || !CLIENT_ID.test(client_id)) return no('has a "client_id" that is none');
  if (!isCount(epoch) || !isCount(seq)) return no('has an "epoch" or "seq" that is no whole number');
  const labels = pairsOf(rest.labels);
  const tags = pairsOf(rest.tags);
  if (labels === undefined || tags === undefined) return no('has "labels" or "tags" that are no texts by name');
  const resource: Pair[] = [];
  for (const key of ['host', 'datacenter'] as const) {
    const text = rest[key];
    if (text === undefined) continue;
    if (typeof text !== 'string') return no(`has a "${key}" that is no text`);
    resource.push([key, cleanText(text)]);
  }
  resource.push(...tags);
  const series = { clientId: client_id, name, unit: cleanText(unit), resource, labels };
  return { series, ...time, value, epoch, seq };
}

type Pair = [key: string, value: string];
type Fields = Record<string, unknown>;

function no(why: string): Unreadable {
  return { why };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Texts are cleaned as the agent's encoder does it, and what has no value is left out, as it leaves it out. */
function pairsOf(value: unknown): Pair[] | undefined {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > KEYS_MAX) return undefined;
  const pairs: Pair[] = [];
  for (const [key, text] of entries) {
    if (typeof text !== 'string' || !KEY.test(key)) return undefined;
    const cleaned = cleanText(text);
    if (cleaned !== '') pairs.push([key, cleaned]);
  }
  return pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
