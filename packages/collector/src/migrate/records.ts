/**
 * Points of a chunk as journal records again: batches with their client_id, epoch and seq, in the order their batches
 * are in the files. Owns the regrouping; promises that each point chosen is in exactly one record, that a record stays
 * within what the encoder and a sink expect of one, and that only one record is made at a time.
 */
import type { SeriesKind } from '@metricstream/proto/batch.ts';
import { type JournalRecord, Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import { createPointMatrix, type PointMatrix } from '../points/point-matrix.ts';
import { VERSION } from '../version.ts';
import { type Chunk, type ChunkSeries, sourceOf } from './chunk.ts';
import type { FileSeries } from '../sinks/jsonl/read-line.ts';

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
  /** Rows are places in the chunk's series. */
  matrix: PointMatrix<number, number>;
  sources: Map<number, FileSeries>;
}

function* groupsOf(chunk: Chunk, { series, at }: Omit<Chosen, 'starts'>): Generator<Group> {
  const open = new Map<string, Group>();
  for (const [index, seriesIndex] of series.entries()) {
    const of = chunk.series[seriesIndex]!;
    const source = sourceOf(of, at[index]!);
    const key = JSON.stringify(source.resource);
    let group = open.get(key);
    const time = of.times[at[index]!]!;
    if (group !== undefined && !group.matrix.fits(seriesIndex, time)) {
      yield group;
      group = undefined;
    }
    if (group === undefined) {
      group = { resource: source.resource, matrix: createPointMatrix(), sources: new Map() };
      open.set(key, group);
    }
    group.sources.set(seriesIndex, source);
    group.matrix.add(seriesIndex, time, of.values[at[index]!]!);
  }
  yield* open.values();
}

const NANOS_PER_MINUTE = 60_000_000_000n;

function recordOf(chunk: Chunk, triple: number, group: Group, { kindOf, nowUnixMs }: RecordOptions): JournalRecord {
  const { clientId, epoch, seq } = chunk.triples[triple]!;
  const { matrix, sources, resource } = group;
  const base = BigInt(chunk.window.since) * NANOS_PER_MINUTE;
  const body = matrix.encode({
    clientId,
    epoch,
    seq,
    agentVersion: VERSION,
    resource,
    seriesOf(row) {
      const { name, unit, labels } = sources.get(row)!;
      return { name, unit, labels, kind: kindOf(chunk.series[row]!) };
    },
    unixNanoOf: (time) => base + BigInt(time),
  });
  return {
    kind: RecordKind.batch,
    lane: Lane.backlog,
    clientId,
    points: matrix.size(),
    epoch,
    seq,
    oldestSeq: 0,
    receivedUnixMs: nowUnixMs,
    bodyCrc: 0,
    body,
  };
}
