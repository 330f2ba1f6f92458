/**
 * A strict reader of InfluxDB's line protocol, written from its specification and from nothing of the product, so that
 * it can judge what the product writes. Stricter than the servers where they are lenient: one space between the parts,
 * no carriage returns, no reserved names, no tag or field twice. Pure.
 */

export type FieldValue =
  | { type: 'float'; value: number }
  | { type: 'integer' | 'unsigned'; value: bigint }
  | { type: 'string'; value: string }
  | { type: 'boolean'; value: boolean };

export interface ParsedPoint {
  measurement: string;
  tags: Record<string, string>;
  fields: Record<string, FieldValue>;
  /** In the precision of the request; undefined when the line has none. */
  time: bigint | undefined;
  /** The line as it came. */
  line: string;
}

export interface LineFault {
  line: string;
  reason: string;
}

export interface ParsedLines {
  points: ParsedPoint[];
  faults: LineFault[];
}

const keyLengthMax = 65_535;
const reservedKeys = new Set(['time', '_field', '_measurement']);
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const uint64Max = 2n ** 64n - 1n;
const floatPattern = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const booleans = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((text) => [text, true] as const),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((text) => [text, false] as const),
]);

interface Cursor {
  text: string;
  at: number;
}

/** Reads all lines of a body; a line that is wrong is told of, and the next one is read. Empty lines and comments pass. */
export function parseLines(text: string): ParsedLines {
  const result: ParsedLines = { points: [], faults: [] };
  const cursor: Cursor = { text, at: 0 };
  while (cursor.at < text.length) {
    const start = cursor.at;
    if (text[start] === '\n') {
      cursor.at += 1;
    } else if (text[start] === '#') {
      cursor.at = lineEnd(text, start) + 1;
    } else {
      readLine(cursor, result);
    }
  }
  return result;
}

function readLine(cursor: Cursor, { points, faults }: ParsedLines): void {
  const start = cursor.at;
  try {
    const point = readPoint(cursor);
    points.push({ ...point, line: cursor.text.slice(start, cursor.at) });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    cursor.at = lineEnd(cursor.text, cursor.at);
    faults.push({ line: cursor.text.slice(start, cursor.at), reason: error.message });
  }
  cursor.at += 1;
}

function readPoint(cursor: Cursor): Omit<ParsedPoint, 'line'> {
  const start = cursor.at;
  const measurement = readName(cursor, ', ');
  if (measurement === '') fail('missing measurement');
  const tags: Record<string, string> = {};
  while (cursor.text[cursor.at] === ',') readTag(cursor, tags);
  if (cursor.at - start > keyLengthMax) fail(`max key length exceeded: ${cursor.at - start} > ${keyLengthMax}`);
  expectOne(cursor, ' ', 'missing fields');
  const fields: Record<string, FieldValue> = {};
  readField(cursor, fields);
  while (cursor.text[cursor.at] === ',') {
    cursor.at += 1;
    readField(cursor, fields);
  }
  if (isLineEnd(cursor)) return { measurement, tags, fields, time: undefined };
  expectOne(cursor, ' ', 'invalid field format');
  const time = readTime(cursor);
  if (!isLineEnd(cursor)) fail('bad timestamp');
  return { measurement, tags, fields, time };
}

function readTag(cursor: Cursor, tags: Record<string, string>): void {
  cursor.at += 1;
  const key = readName(cursor, ',= ');
  if (key === '') fail('missing tag key');
  if (reservedKeys.has(key)) fail(`reserved tag key "${key}"`);
  expectOne(cursor, '=', 'missing tag value');
  const value = readName(cursor, ',= ');
  if (value === '') fail('missing tag value');
  if (Object.hasOwn(tags, key)) fail('duplicate tags');
  tags[key] = value;
}

function readField(cursor: Cursor, fields: Record<string, FieldValue>): void {
  const key = readName(cursor, ',= ');
  if (key === '') fail('missing field key');
  if (reservedKeys.has(key)) fail(`reserved field key "${key}"`);
  expectOne(cursor, '=', 'invalid field format');
  const value = cursor.text[cursor.at] === '"' ? readString(cursor) : readLiteral(cursor);
  if (Object.hasOwn(fields, key)) fail(`duplicate field "${key}"`);
  fields[key] = value;
}

/** Up to one of `ends` without a backslash before it. A backslash before anything else is a character like others. */
function readName(cursor: Cursor, ends: string): string {
  const { text } = cursor;
  let name = '';
  for (; cursor.at < text.length; cursor.at += 1) {
    const char = text[cursor.at] ?? '';
    if (ends.includes(char) || char === '\n') break;
    if (char === '\r') fail('carriage return');
    const next = text[cursor.at + 1] ?? '\n';
    if (char === '\\' && ends.includes(next)) {
      name += next;
      cursor.at += 1;
    } else {
      name += char;
    }
  }
  return name;
}

/** Quoted; `\"` and `\\` are escapes, newlines are allowed. */
function readString(cursor: Cursor): FieldValue {
  const { text } = cursor;
  let value = '';
  for (let at = cursor.at + 1; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '"') {
      cursor.at = at + 1;
      return { type: 'string', value };
    }
    const escaped = char === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\');
    if (escaped) at += 1;
    value += escaped ? text[at] : char;
  }
  return fail('unbalanced quotes');
}

function readLiteral(cursor: Cursor): FieldValue {
  const text = readWord(cursor);
  if (text === '') fail('missing field value');
  const boolean = booleans.get(text);
  if (boolean !== undefined) return { type: 'boolean', value: boolean };
  const [, digits, suffix] = /^(-?\d+)([iu])$/.exec(text) ?? [];
  if (digits !== undefined) return integer(BigInt(digits), suffix === 'u');
  const value = floatPattern.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) fail(`invalid number "${text}"`);
  return { type: 'float', value };
}

function integer(value: bigint, unsigned: boolean): FieldValue {
  const [min, max] = unsigned ? [0n, uint64Max] : [int64.min, int64.max];
  if (value < min || value > max) fail(`unable to parse integer ${value}: out of range`);
  return { type: unsigned ? 'unsigned' : 'integer', value };
}

function readTime(cursor: Cursor): bigint {
  const text = readWord(cursor);
  if (!/^-?\d+$/.test(text)) fail('bad timestamp');
  const time = BigInt(text);
  if (time < int64.min || time > int64.max) fail('time outside range');
  return time;
}

function readWord(cursor: Cursor): string {
  const word = /[^, \n]*/y;
  word.lastIndex = cursor.at;
  const [text = ''] = word.exec(cursor.text) ?? [];
  cursor.at += text.length;
  return text;
}

function expectOne(cursor: Cursor, char: string, reason: string): void {
  if (cursor.text[cursor.at] !== char) fail(reason);
  cursor.at += 1;
}

function isLineEnd({ text, at }: Cursor): boolean {
  return at >= text.length || text[at] === '\n';
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

function fail(reason: string): never {
  throw new SyntaxError(reason);
}
