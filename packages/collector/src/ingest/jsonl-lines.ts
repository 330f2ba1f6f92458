/**
 * A body of /v1/jsonl as points in groups, each of which becomes a batch. Owns the lines' numbers, the reasons of those
 * that are no points, and the grouping by host and datacenter. Promises that a bad line takes no good one with it, that a
 * point never replaces another, and that a body costs time and memory by its bytes only: lines, groups, the cells of a
 * group and the reasons told are bounded.
 */
import { isUtf8 } from 'node:buffer';
import type { Series } from '@metricstream/proto/batch.ts';
import { createPointMatrix, type PointMatrix } from '../points/point-matrix.ts';
import { createTimeReader } from '../points/time.ts';
import { createScan, skipSpace } from './json-scan.ts';
import { createLineRules, type Label, type Line } from './jsonl-line.ts';

/** Empty ones included. */
export const LINES_MAX = 5000;
/** A group is a batch in the ring, whose costs are not only its bytes. */
export const GROUPS_MAX = 500;
export const ERRORS_MAX = 100;
const NANOS_PER_MS = 1_000_000n;

export interface LinePoint {
  readonly line: number;
  readonly series: Series;
  readonly unixNano: bigint;
  readonly value: number;
}

/** Points that can be one batch. */
export interface LineGroup {
  readonly resource: readonly Label[];
  readonly points: LinePoint[];
  readonly matrix: PointMatrix<Series, bigint>;
}

export interface LineError {
  line: number;
  reason: string;
}

export interface ReadLines {
  readonly groups: LineGroup[];
  /** Lines that are no points; only the first ERRORS_MAX are told. */
  rejected: number;
  readonly errors: LineError[];
}

/** Why nothing of a body is taken. */
export type BodyFault = 'lines' | 'groups';

/** @param receivedUnixMs the time of lines that name none. */
export function readLines(body: Uint8Array, receivedUnixMs: number): ReadLines | BodyFault {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const notUtf8 = isUtf8(bytes) ? undefined : linesNotUtf8(bytes);
  const text = bytes.toString('utf8');
  const line = emptyLine();
  const rules = createLineRules(line, createTimeReader());
  const scan = createScan(text);
  const grouping = createGrouping(BigInt(receivedUnixMs) * NANOS_PER_MS);
  const read: ReadLines = { groups: grouping.groups, rejected: 0, errors: [] };
  for (let number = 1; scan.at < text.length; number++) {
    if (number > LINES_MAX) return 'lines';
    const newline = text.indexOf('\n', scan.at);
    scan.end = newline === -1 ? text.length : newline;
    skipSpace(scan);
    if (scan.at < scan.end) {
      const fault = notUtf8?.has(number) === true ? 'is not UTF-8' : rules(scan) || grouping.add(line, number);
      if (fault !== '') tellError(read, { line: number, reason: fault });
      if (read.groups.length > GROUPS_MAX) return 'groups';
    }
    scan.at = scan.end + 1;
  }
  return read;
}

export function tellError(read: Pick<ReadLines, 'rejected' | 'errors'>, error: LineError): void {
  read.rejected++;
  if (read.errors.length < ERRORS_MAX) read.errors.push(error);
}

function emptyLine(): Line {
  return { unixNano: undefined, name: '', value: 0, unit: '', host: '', datacenter: '', labels: [] };
}

/** @returns the numbers of the lines that hold bytes which are no UTF-8. */
function linesNotUtf8(bytes: Buffer): Set<number> {
  const found = new Set<number>();
  let number = 1;
  for (let at = 0; at < bytes.length && number <= LINES_MAX; number++) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline === -1 ? bytes.length : newline;
    if (!isUtf8(bytes.subarray(at, end))) found.add(number);
    at = end + 1;
  }
  return found;
}

/** What is known of one host and datacenter. */
interface Place {
  readonly resource: readonly Label[];
  /** By name and labels. */
  readonly series: Map<string, Series>;
  open: LineGroup | undefined;
}

interface Grouping {
  readonly groups: LineGroup[];
  /** @returns '' or why the line cannot stand beside those before it. */
  add(line: Line, number: number): string;
}

function createGrouping(receivedUnixNano: bigint): Grouping {
  const groups: LineGroup[] = [];
  const places = new Map<string, Place>();

  function placeOf({ host, datacenter }: Line): Place {
    // No control character is in either.
    const key = `${host}\n${datacenter}`;
    let place = places.get(key);
    if (place === undefined) {
      const pairs: Label[] = [
        ['host', host],
        ['datacenter', datacenter],
      ];
      place = { resource: pairs.filter(([, value]) => value !== ''), series: new Map(), open: undefined };
      places.set(key, place);
    }
    return place;
  }

  return {
    groups,
    add(line, number) {
      const place = placeOf(line);
      const key = seriesKey(line);
      let series = place.series.get(key);
      if (series === undefined) {
        const { name, unit, labels } = line;
        series = { name, unit, kind: 'float', labels };
        place.series.set(key, series);
      }
      if (series.unit !== line.unit) return 'unit: differs from that of an earlier line of the same series';
      const unixNano = line.unixNano ?? receivedUnixNano;
      let group = place.open;
      if (group === undefined || !group.matrix.fits(series, unixNano)) {
        group = { resource: place.resource, points: [], matrix: createPointMatrix({ strict: true }) };
        place.open = group;
        groups.push(group);
      }
      group.matrix.add(series, unixNano, line.value);
      group.points.push({ line: number, series, unixNano, value: line.value });
      return '';
    },
  };
}

function seriesKey({ name, labels }: Line): string {
  let key = name;
  for (const [label, value] of labels) key += `\n${label}\n${value}`;
  return key;
}
