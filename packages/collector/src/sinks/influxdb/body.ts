/**
 * A body of line protocol on its way: bytes in memory that is used again and again, and for each line whose it is. Owns
 * the two bounds of a body; promises that a line's bytes can be found, sent again and handed back alone.
 */
import type { LinePlan } from './line-plan.ts';

export const BODY_LINES_MAX = 5000;
/** A body ends before it; one that a single line fills may be longer. */
export const BODY_BYTES_MAX = 1024 * 1024;

/** A record some of whose lines are in the body. */
export interface BodyRecord {
  /** The record's index in the delivery. */
  readonly index: number;
  readonly plan: LinePlan;
  readonly timesUnixNano: BigUint64Array;
}

export interface Body {
  bytes: Buffer;
  /** It ends before that many; less than `bytes` holds where a server takes less. */
  bytesMax: number;
  /** Filled so far. */
  length: number;
  lines: number;
  records: BodyRecord[];
  /** Per line: where it ends in `bytes`, its record in `records`, which line of the record's plan, which sweep. */
  readonly ends: Uint32Array;
  readonly owners: Uint16Array;
  readonly kinds: Uint32Array;
  readonly sweeps: Uint32Array;
}

export function createBody(bytes = BODY_BYTES_MAX): Body {
  return {
    bytes: Buffer.allocUnsafeSlow(bytes),
    bytesMax: bytes,
    length: 0,
    lines: 0,
    records: [],
    ends: new Uint32Array(BODY_LINES_MAX),
    owners: new Uint16Array(BODY_LINES_MAX),
    kinds: new Uint32Array(BODY_LINES_MAX),
    sweeps: new Uint32Array(BODY_LINES_MAX),
  };
}

export function clearBody(body: Body): void {
  body.length = 0;
  body.lines = 0;
  body.records = [];
}

/** @returns whether a line of so many bytes may be added. An empty body makes room for any. */
export function hasRoom(body: Body, lineBytes: number): boolean {
  if (body.lines >= BODY_LINES_MAX) return false;
  if (body.length + lineBytes <= body.bytesMax) return true;
  if (body.lines > 0) return false;
  if (lineBytes > body.bytes.length) body.bytes = Buffer.allocUnsafeSlow(lineBytes);
  return true;
}

/** What is kept of a line. */
export interface Line {
  record: BodyRecord;
  end: number;
  kind: number;
  sweep: number;
}

/** Ends the line that was written up to `end`. */
export function endLine(body: Body, { record, end, kind, sweep }: Line): void {
  const { lines, records } = body;
  if (records.length === 0 || records[records.length - 1] !== record) records.push(record);
  body.ends[lines] = end;
  body.owners[lines] = records.length - 1;
  body.kinds[lines] = kind;
  body.sweeps[lines] = sweep;
  body.lines = lines + 1;
  body.length = end;
}

export function lineStart(body: Body, line: number): number {
  return line === 0 ? 0 : body.ends[line - 1]!;
}

export function lineEnd(body: Body, line: number): number {
  return body.ends[line]!;
}

/** @returns the record that a line is of. */
export function lineRecord(body: Body, line: number): BodyRecord {
  return body.records[body.owners[line]!]!;
}

export function lineTime(body: Body, line: number): bigint {
  return lineRecord(body, line).timesUnixNano[body.sweeps[line]!]!;
}

/** @returns the line as text, without its end. */
export function lineText(body: Body, line: number): string {
  return body.bytes.toString('utf8', lineStart(body, line), lineEnd(body, line) - 1);
}
