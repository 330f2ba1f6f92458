/**
 * Points of a chunk as journal records again: batches with their client_id, epoch and seq, in the order their batches
 * are in the files. Owns the regrouping; promises that each point chosen is in exactly one record, that a record stays
 * within what the encoder and a sink expect of one, and that only one record is made at a time.
 */
import type { SeriesKind } from '@metricstream/proto/batch.ts';
import { encodeBatch, SCHEMA_VERSION } from '@metricstream/proto/encode.ts';
import { type JournalRecord, Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import { VERSION } from '../version.ts';
import { type Chunk, type ChunkSeries, sourceOf } from './chunk.ts';
import type { FileSeries } from '../sinks/jsonl/read-line.ts';

/** Of a record; an agent's batch has fewer. */
const POINTS_MAX = 10_000;
/** Cells of a record's matrix, empty ones included: points of many series and times spread thin. */
const CELLS_MAX = 65_536;

export interface RecordOptions {
  /** Whether a point of the series is to be written. */
  chosen(series: ChunkSeries, at: number): boolean;
  kindOf(series: ChunkSeries): SeriesKind;
  nowUnixMs: number;
}

/** A chosen point: its series' place in the chunk, its own in the series. */
interface Chosen {
  series: Uint32Array;
  at: Uint32Array;
  /** Points of triple t are those from `starts[t]` to before `starts[t + 1]`. */
  starts: Uint32Array;
}

export function* recordsOf(chunk: Chunk, options: RecordOptions): Generator<JournalRecord> {
  const { starts, ...points } = chooseByTriple(chunk, options);
  for (const triple of chunk.triples.keys()) {
    const [from, to] = [starts[triple]!, starts[triple + 1]!];
    const series = points.series.subarray(from, to);
    const at = points.at.subarray(from, to);
    for (const group of groupsOf(chunk, { series, at })) yield recordOf(chunk, triple, group, options);
  }
}

function chooseByTriple({ series: all, triples }: Chunk, { chosen }: RecordOptions): Chosen {
  const starts = new Uint32Array(triples.length + 1);
  for (const series of all)
    for (const [at, triple] of series.triples.entries()) if (chosen(series, at)) starts[triple + 1]!++;
  for (let triple = 0; triple < triples.length; triple++) starts[triple + 1]! += starts[triple]!;
  const next = starts.slice();
  const points = { series: new Uint32Array(starts.at(-1)!), at: new Uint32Array(starts.at(-1)!), starts };
  for (const [index, series] of all.entries()) {
    for (const [at, triple] of series.triples.entries()) {
      if (!chosen(series, at)) continue;
      const to = next[triple]!++;
      points.series[to] = index;
      points.at[to] = at;
    }
  }
  return points;
}

/** Points that can be one batch: of one resource, and a matrix of a good size. */
interface Group {
  resource: FileSeries['resource'];
  /** Rows by series, columns by time, in order of first appearance. */
  rows: Map<number, FileSeries>;
  columns: Map<number, number>;
  points: { row: number; time: number; value: number }[];
}

function* groupsOf(chunk: Chunk, { series, at }: Omit<Chosen, 'starts'>): Generator<Group> {
  const open = new Map<string, Group>();
  for (const [index, seriesIndex] of series.entries()) {
    const of = chunk.series[seriesIndex]!;
    const source = sourceOf(of, at[index]!);
    const key = JSON.stringify(source.resource);
    let group = open.get(key);
    const time = of.times[at[index]!]!;
    if (group !== undefined && isFull(group, seriesIndex, time)) {
      yield group;
      group = undefined;
    }
    if (group === undefined) {
      group = { resource: source.resource, rows: new Map(), columns: new Map(), points: [] };
      open.set(key, group);
    }
    group.rows.set(seriesIndex, source);
    if (!group.columns.has(time)) group.columns.set(time, group.columns.size);
    group.points.push({ row: seriesIndex, time, value: of.values[at[index]!]! });
  }
  yield* open.values();
}

function isFull({ rows, columns, points }: Group, series: number, time: number): boolean {
  const cells = (rows.size + (rows.has(series) ? 0 : 1)) * (columns.size + (columns.has(time) ? 0 : 1));
  return points.length >= POINTS_MAX || cells > CELLS_MAX;
}

const NANOS_PER_MINUTE = 60_000_000_000n;

function recordOf(chunk: Chunk, triple: number, group: Group, { kindOf, nowUnixMs }: RecordOptions): JournalRecord {
  const { clientId, epoch, seq } = chunk.triples[triple]!;
  const { rows, columns, points, resource } = group;
  const places = new Map([...rows.keys()].map((row, place) => [row, place]));
  const values = new Float64Array(rows.size * columns.size).fill(Number.NaN);
  for (const { row, time, value } of points) values[places.get(row)! * columns.size + columns.get(time)!] = value;
  const base = BigInt(chunk.window.since) * NANOS_PER_MINUTE;
  const body = encodeBatch({
    clientId,
    epoch,
    seq,
    schemaVersion: SCHEMA_VERSION,
    agentVersion: VERSION,
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource,
    series: [...rows].map(([row, { name, unit, labels }]) => ({
      name,
      unit,
      labels,
      kind: kindOf(chunk.series[row]!),
    })),
    timesUnixNano: [...columns.keys()].map((time) => base + BigInt(time)),
    values,
  });
  return {
    kind: RecordKind.batch,
    lane: Lane.backlog,
    clientId,
    points: points.length,
    epoch,
    seq,
    oldestSeq: 0,
    receivedUnixMs: nowUnixMs,
    bodyCrc: 0,
    body,
  };
}
