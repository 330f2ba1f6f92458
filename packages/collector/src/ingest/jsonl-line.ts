/**
 * One line of /v1/jsonl as a point: `{"timestamp","name","value"}` and, if wanted, `unit`, `host`, `datacenter`, `labels`.
 * Owns the rules and their reasons. Promises that a line which passes makes a series the walker takes, that a line which
 * does not is told by its key what is wrong, and that no word of the client's is in a reason but a key that is a key.
 */
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { type TimeReader, unixNanoOf } from '../points/time.ts';
import { CHARACTER, CUT_OFF, readNumber, readText, type Scan, skipSpace, take } from './json-scan.ts';

export type Label = readonly [key: string, value: string];

/** What a line says. One object for all lines of a reader: copy what is to be kept. */
export interface Line {
  /** Undefined where the line names no time. */
  unixNano: bigint | undefined;
  name: string;
  value: number;
  /** '' where the line names none; so are host and datacenter. */
  unit: string;
  host: string;
  datacenter: string;
  /** Sorted by key; without those that are empty. */
  labels: Label[];
}

const KEY = /^[A-Za-z_][A-Za-z0-9_.]*$/;
const UNCLEAN = /[\p{Cc}\p{Cs}]/u;
const NAMED_CHARS_MAX = 64;
const { nameBytesMax, keyBytesMax, unitBytesMax, symbolBytesMax, labelsPerSeriesMax, seriesBytesMax } =
  DEFAULT_WIRE_LIMITS;

/** Bits of the keys that a line has named. */
const SEEN: Readonly<Record<string, number>> = Object.assign(Object.create(null) as Record<string, number>, {
  timestamp: 1,
  name: 2,
  value: 4,
  unit: 8,
  host: 16,
  datacenter: 32,
  labels: 64,
});
/** Of our own stored lines, which somebody may want to send again. */
const OURS = new Set(['client_id', 'epoch', 'seq', 'tags']);

/** @returns a function that reads the line from the scan's place to its end, and gives '' or what is wrong with it. */
export function createLineRules(line: Line, timeOf: TimeReader): (scan: Scan) => string {
  let timeText = '';
  let time: bigint | undefined;
  let seen = 0;

  /** A run of lines mostly has one time. */
  function setTime(text: string): string {
    if (text !== timeText || time === undefined) {
      const read = timeOf(text);
      if (read === undefined) return 'timestamp: is not a time such as 2025-10-04T12:00:00.123Z, from 1970 to 2262';
      timeText = text;
      time = unixNanoOf(read);
    }
    line.unixNano = time;
    return '';
  }

  function readKey(scan: Scan): string {
    const key = readText(scan);
    if (key === undefined) return scan.fault === CUT_OFF ? `the line ${CUT_OFF}` : `a key ${scan.fault}`;
    const bit = SEEN[key];
    if (bit === undefined) return unknownKey(key);
    if ((seen & bit) !== 0) return `${key}: stands twice`;
    seen |= bit;
    if (!take(scan, CHARACTER.colon)) return `${key}: has no value`;
    skipSpace(scan);
    if (key === 'value') {
      const value = readNumber(scan);
      if (value === undefined) return `value: ${scan.fault}`;
      line.value = value;
      return '';
    }
    if (key === 'labels') return readLabels(scan, line);
    const text = readText(scan);
    if (text === undefined) return `${key}: ${scan.fault}`;
    if (key === 'timestamp') return setTime(text);
    const fault = key === 'name' ? nameFault(text) : textFault(text, key === 'unit' ? unitBytesMax : symbolBytesMax);
    if (fault !== '') return `${key}: ${fault}`;
    line[key as 'name' | 'unit' | 'host' | 'datacenter'] = text;
    return '';
  }

  return (scan) => {
    seen = 0;
    line.unixNano = undefined;
    line.unit = line.host = line.datacenter = '';
    line.labels = NO_LABELS;
    if (!take(scan, CHARACTER.open)) return startFault(scan);
    if (!take(scan, CHARACTER.close)) {
      do {
        skipSpace(scan);
        const fault = readKey(scan);
        if (fault !== '') return fault;
      } while (take(scan, CHARACTER.comma));
      if (!take(scan, CHARACTER.close)) return scan.at >= scan.end ? `the line ${CUT_OFF}` : 'a comma or } is missing';
    }
    skipSpace(scan);
    if (scan.at < scan.end) return 'something follows the object; one object a line';
    if ((seen & SEEN['name']!) === 0) return 'name: is missing';
    return (seen & SEEN['value']!) === 0 ? 'value: is missing' : seriesFault(line);
  };
}

const NO_LABELS: Label[] = [];

function startFault({ text, at }: Scan): string {
  if (text.charCodeAt(at) === 0xfeff) return 'begins with a byte order mark; send UTF-8 without it';
  return text.charCodeAt(at) === 0x5b ? 'is an array; one object a line' : 'is not a JSON object';
}

function unknownKey(key: string): string {
  if (OURS.has(key)) return `${key}: is the collector's to say; leave it out`;
  const shown = key.length <= NAMED_CHARS_MAX && KEY.test(key) ? key : 'a key';
  return `${shown}: unknown; known are timestamp, name, value, unit, host, datacenter, labels`;
}

function nameFault(name: string): string {
  if (name.length <= nameBytesMax && KEY.test(name)) return '';
  return `must be a letter or _, then letters, digits, _ or ., at most ${nameBytesMax}`;
}

function textFault(text: string, bytesMax: number): string {
  if (UNCLEAN.test(text)) return 'holds a control character, or half a character';
  // A UTF-16 unit never takes more than three UTF-8 bytes.
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax ? `has more than ${bytesMax} bytes` : '';
}

function readLabels(scan: Scan, line: Line): string {
  if (!take(scan, CHARACTER.open)) return 'labels: is not an object of texts';
  if (take(scan, CHARACTER.close)) return '';
  const labels: Label[] = [];
  do {
    skipSpace(scan);
    const key = readText(scan);
    if (key === undefined) return `labels: a key ${scan.fault}`;
    if (key.length > keyBytesMax || !KEY.test(key))
      return `labels: a key must be a letter or _, then letters, digits, _ or ., at most ${keyBytesMax}`;
    if (!take(scan, CHARACTER.colon)) return `labels.${key}: has no value`;
    skipSpace(scan);
    const text = readText(scan);
    const fault = text === undefined ? scan.fault : textFault(text, symbolBytesMax);
    if (fault !== '' || text === undefined) return `labels.${key}: ${fault}`;
    if (labels.length >= labelsPerSeriesMax) return `labels: are more than ${labelsPerSeriesMax}`;
    labels.push([key, text]);
  } while (take(scan, CHARACTER.comma));
  if (!take(scan, CHARACTER.close)) return `labels: ${scan.at >= scan.end ? CUT_OFF : 'a comma or } is missing'}`;
  return setLabels(line, labels);
}

/** A label without a value is left out, as the agent leaves it out. */
function setLabels(line: Line, labels: Label[]): string {
  labels.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (let i = 1; i < labels.length; i++)
    if (labels[i - 1]![0] === labels[i]![0]) return `labels.${labels[i]![0]}: stands twice`;
  line.labels = labels.filter(([, value]) => value !== '');
  return '';
}

/** Each text for itself is within its limit; together they may be beyond that of a series. */
function seriesFault({ name, unit, labels }: Line): string {
  if (labels.length < 3) return '';
  let bytes = name.length + Buffer.byteLength(unit);
  for (const [key, value] of labels) bytes += key.length + Buffer.byteLength(value);
  return bytes > seriesBytesMax ? `labels: with name and unit, they have more than ${seriesBytesMax} bytes` : '';
}
