/**
 * Batches to line protocol, byte for byte. Owns the line's form; promises that no digit of a time or a value is lost,
 * that a point which has no form there is told and not written, and that a batch, however large, needs no more memory
 * than the body it is written to. What points are called: identity.ts.
 *
 *     seed:     server_metrics,datacenter=fra,host=web-1,metric_name=mem.used_percent value=75.5,unit="percent" <ns>
 *     telegraf: mem,datacenter=fra,host=web-1 total=25276510208i,used_percent=75.5 <ns>
 *
 * Seed values are always floats. In telegraf lines series of the kind integer carry an `i`, as Telegraf's own do, since
 * InfluxDB refuses a field that comes with two types. A NaN is no point. Not writable: ±Infinity; as an integer what is
 * not whole or beyond 64 bits; a time beyond InfluxDB's (2^63 - 2 ns). For use:
 *
 *     const writer = createLineWriter('both');
 *     writer.begin(batch, { index: 0 });
 *     do { clearBody(body); done = writer.fill(body); await client.write(body.bytes.subarray(0, body.length)); } while (!done);
 */
import type { ReadBatch } from '@metricstream/proto/read.ts';
import { writeNumber } from '../jsonl/number.ts';
import { writeValue } from './value.ts';
import { type Body, type BodyRecord, clearBody, createBody, endLine, hasRoom } from './body.ts';
import { createPlanCache, type LinePlan, TIME_DIGITS } from './line-plan.ts';
import type { Schema } from './settings.ts';

/** What of a batch becomes lines. */
export type LineBatch = Pick<ReadBatch, 'clientId' | 'seriesSet' | 'timesUnixNano' | 'values'>;

export interface BeginOptions {
  /** The record's index in the delivery, kept with its lines. */
  index?: number;
  /** Sweeps before it are passed over. */
  floorUnixNano?: bigint;
  /** Fields that are left out of main lines; `version` changes whenever the others do. */
  apart?: { readonly version: number; has(measurement: string, field: string): boolean };
}

/** A point that line protocol has no form for. */
export type Unwritable = (record: BodyRecord, series: number, sweep: number, why: string) => void;

export interface LineWriter {
  /** Starts a batch; the one before is forgotten. @returns whether fields of it are to be written apart. */
  begin(batch: LineBatch, options?: BeginOptions): boolean;
  /** Starts the same batch again, with the fields left out before, a line each. */
  beginApart(): void;
  /**
   * Adds the batch's next lines to the body, as many as fit: sweep by sweep, within a sweep first seed's, then telegraf's.
   * @returns true when the batch is done.
   */
  fill(body: Body): boolean;
}

const TIME_MAX = 2n ** 63n - 2n;
const SPACE = 32;
const INTEGER_SUFFIX = 105;
const TWO_63 = 2 ** 63;
const NO_FLAGS = new Uint8Array(0);

export const UNWRITABLE = {
  time: 'the time is beyond what InfluxDB holds (2^63 - 2 ns)',
  infinite: 'an infinite value has no form in line protocol',
  fraction: 'the value of a series of whole numbers is not whole',
  range: 'the value is beyond the 64 bits of an InfluxDB integer',
} as const;

/** @param unwritable is told each point that is not written because it has no form. */
export function createLineWriter(schema: Schema, unwritable: Unwritable = () => undefined): LineWriter {
  const planOf = createPlanCache(schema);
  let batch: LineBatch;
  let plan: LinePlan;
  let record: BodyRecord;
  let flags: Uint8Array = NO_FLAGS;
  let floorUnixNano = 0n;
  let apart = false;
  let sweep = 0;
  let line = 0;
  let lines = 0;
  let tails: readonly Uint8Array[] = [];

  function start(fromApart: boolean): void {
    apart = fromApart;
    // Apart, each field is a line of its own.
    lines = apart ? plan.series.length : plan.lines;
    line = 0;
    sweep = -1;
    nextSweep();
  }

  function nextSweep(): void {
    const { timesUnixNano } = batch;
    line = 0;
    for (sweep++; sweep < timesUnixNano.length; sweep++) {
      const time = timesUnixNano[sweep]!;
      if (time < floorUnixNano) continue;
      if (time <= TIME_MAX) {
        tails = tailsAt(plan, time);
        return;
      }
      if (!apart) tellSweep(sweep);
    }
  }

  function tellSweep(at: number): void {
    const { values, timesUnixNano } = batch;
    for (let series = 0; series < plan.seriesCount; series++)
      if (!Number.isNaN(values[series * timesUnixNano.length + at]!)) unwritable(record, series, at, UNWRITABLE.time);
  }

  /** One after the other, until one does not fit. @returns whether all of the sweep are written. */
  function fillSweep(body: Body): boolean {
    for (; line < lines; line++) {
      const written = apart ? addField(body) : line < plan.seedLines ? addSeed(body) : addTelegraf(body);
      if (!written) return false;
    }
    return true;
  }

  /** @returns false when there is no room; a line without points is written as none. */
  function addSeed(body: Body): boolean {
    const value = batch.values[line * batch.timesUnixNano.length + sweep]!;
    if (value - value !== 0) {
      if (value === value && !apart) unwritable(record, line, sweep, UNWRITABLE.infinite);
      return true;
    }
    if (flags.length > 0 && (flags[line] === 1) !== apart) return true;
    const head = plan.heads[line] ?? plan.makeHead(line);
    if (!hasRoom(body, head.length + plan.room[line]!)) return false;
    const { bytes } = body;
    bytes.set(head, body.length);
    const at = writeValue(bytes, body.length + head.length, value);
    const tail = tails[plan.tailOf[line]!]!;
    bytes.set(tail, at);
    endLine(body, { record, end: at + tail.length, kind: line, sweep });
    return true;
  }

  function addTelegraf(body: Body): boolean {
    const head = plan.heads[line] ?? plan.makeHead(line);
    if (!hasRoom(body, head.length + plan.room[line]!)) return false;
    const { bytes } = body;
    const fieldsAt = body.length + head.length;
    let at = fieldsAt;
    for (let field = plan.first[line]!; field < plan.first[line + 1]!; field++)
      if (flags.length === 0 || flags[field] === 0) at = addValue(bytes, at, field);
    if (at > fieldsAt) finishLine(body, head, at, line);
    return true;
  }

  /** A line of one field, out of those left out before. */
  function addField(body: Body): boolean {
    if (flags[line] !== 1) return true;
    if (line < plan.seedLines) return addSeed(body);
    const group = lineOfField(plan, line);
    const head = plan.heads[group] ?? plan.makeHead(group);
    if (!hasRoom(body, head.length + plan.room[group]!)) return false;
    const fieldsAt = body.length + head.length;
    const at = addValue(body.bytes, fieldsAt, line);
    if (at > fieldsAt) finishLine(body, head, at, plan.lines + line);
    return true;
  }

  function finishLine(body: Body, head: Uint8Array, fieldsEnd: number, kind: number): void {
    const { bytes } = body;
    bytes.set(head, body.length);
    // The first field's comma.
    bytes[body.length + head.length] = SPACE;
    const tail = tails[plan.tailOf[kind < plan.lines ? kind : lineOfField(plan, kind - plan.lines)]!]!;
    bytes.set(tail, fieldsEnd);
    endLine(body, { record, end: fieldsEnd + tail.length, kind, sweep });
  }

  /** Writes `,name=value`. @returns where the next byte goes; `at` when there is nothing to write. */
  function addValue(bytes: Buffer, at: number, field: number): number {
    const series = plan.series[field]!;
    const value = batch.values[series * batch.timesUnixNano.length + sweep]!;
    const integer = plan.integers[field] === 1;
    const why = whyUnwritable(value, integer);
    if (why !== undefined) {
      if (why !== '') unwritable(record, series, sweep, why);
      return at;
    }
    const name = plan.names[field]!;
    bytes.set(name, at);
    const valueAt = at + name.length;
    if (!integer) return writeValue(bytes, valueAt, value);
    const end = writeInteger(bytes, valueAt, value);
    bytes[end] = INTEGER_SUFFIX;
    return end + 1;
  }

  return {
    begin(next, { index = 0, floorUnixNano: floor = 0n, apart: conflicts } = {}) {
      batch = next;
      plan = planOf(next.clientId, next.seriesSet);
      record = { index, plan, timesUnixNano: next.timesUnixNano };
      floorUnixNano = floor;
      flags = conflicts === undefined ? NO_FLAGS : flagsOf(plan, conflicts);
      start(false);
      return flags.length > 0;
    },
    beginApart: () => start(true),
    fill(body) {
      while (sweep < batch.timesUnixNano.length) {
        if (!fillSweep(body)) return false;
        nextSweep();
      }
      return true;
    },
  };
}

/** @returns undefined for a value that can be written, '' for no point. */
function whyUnwritable(value: number, integer: boolean): string | undefined {
  if (value - value !== 0) return value === value ? UNWRITABLE.infinite : '';
  if (!integer || Number.isSafeInteger(value)) return undefined;
  if (!Number.isInteger(value)) return UNWRITABLE.fraction;
  return value >= -TWO_63 && value < TWO_63 ? undefined : UNWRITABLE.range;
}

/** Beyond 2^53 with all digits of the double; JavaScript's shortest would name another integer. */
function writeInteger(bytes: Buffer, at: number, value: number): number {
  if (Number.isSafeInteger(value)) return writeNumber(bytes, at, value);
  return at + bytes.write(String(BigInt(value)), at, 'latin1');
}

function tailsAt(plan: LinePlan, timeUnixNano: bigint): readonly Uint8Array[] {
  const time = String(timeUnixNano);
  if (time.length !== TIME_DIGITS) return plan.tailHeads.map((head) => Buffer.from(`${head}${time}\n`));
  for (const tail of plan.tails) tail.write(time, tail.length - TIME_DIGITS - 1, 'latin1');
  return plan.tails;
}

/** Which fields are written apart; empty when none is. */
function flagsOf(plan: LinePlan, conflicts: NonNullable<BeginOptions['apart']>): Uint8Array {
  if (plan.flagsOf !== conflicts.version) {
    plan.flagsOf = conflicts.version;
    const flags = plan.series.map((_, field) => {
      const { measurement, field: name } = plan.nameOf(field);
      return conflicts.has(measurement, name) ? 1 : 0;
    });
    plan.flags = flags.includes(1) ? Uint8Array.from(flags) : NO_FLAGS;
  }
  return plan.flags ?? NO_FLAGS;
}

/** @returns the line that a field is of. */
function lineOfField({ first }: LinePlan, field: number): number {
  let [low, high] = [0, first.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (first[middle]! <= field) low = middle;
    else high = middle;
  }
  return low;
}

/** @returns all lines of a batch as text, for a person or a test to read. */
export function linesOf(batch: LineBatch, schema: Schema): string {
  const writer = createLineWriter(schema);
  const body = createBody();
  let text = '';
  writer.begin(batch);
  for (let done = false; !done; ) {
    clearBody(body);
    done = writer.fill(body);
    text += body.bytes.toString('utf8', 0, body.length);
  }
  return text;
}
