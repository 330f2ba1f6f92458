/**
 * The points of the files in one stretch of time, each once. Owns their memory (about 40 bytes a point) and promises
 * that points of the same series and time are one point, with the value and the triple of the line written last, and
 * that what was repeated is counted: a batch is in the files once per collector, in a forwarder's files maybe twice.
 */
import type { FilePoint, FileSeries } from '../sinks/jsonl/read-line.ts';
import type { Window } from './jsonl-reader.ts';
import { influxSeriesOf, keyOf } from './series-key.ts';

/** Which batch a point came in; epoch and seq are 0 where the line names none. */
export interface Triple {
  readonly clientId: string;
  readonly epoch: number;
  readonly seq: number;
}

/** One series as InfluxDB knows it, with its points in the order of their times. */
export interface ChunkSeries {
  /** What the files call it: more than one where several clients write it, or its unit has changed. */
  readonly sources: readonly FileSeries[];
  /** Nanoseconds from the beginning of the chunk. */
  times: number[];
  values: number[];
  /** Indices into the chunk's triples. */
  triples: number[];
  /** Indices into `sources`; undefined while there is one. */
  origins: number[] | undefined;
}

/** One series in one minute: which of its points, and what they come to. */
export interface FileCell {
  minute: number;
  /** [from, to) of the series' points. */
  from: number;
  to: number;
  count: number;
  min: number;
  max: number;
  sum: number;
  /** Of the points' absolute values: what the rounding of `sum` is measured by. */
  sumOfAbs: number;
}

export interface Chunk {
  readonly window: Window;
  readonly series: readonly ChunkSeries[];
  readonly triples: readonly Triple[];
  /** Each once. */
  readonly points: number;
  /** Lines that say again what another line said. */
  readonly repeated: number;
  /** Of these, with another value: the last one counts. */
  readonly conflicting: number;
}

const NANOS_PER_MINUTE = 60e9;

/** Collects points of a window, which has at most 100 days (times are exact to the nanosecond as a number). */
export function createChunk(window: Window): { add(point: FilePoint): void; finish(): Chunk } {
  const byKey = new Map<string, ChunkSeries & { sources: FileSeries[] }>();
  const known = new Map<FileSeries, { series: ChunkSeries; source: number }>();
  const triples: Triple[] = [];
  const tripleIndex = new Map<string, number>();
  let last = -1;

  function learn(source: FileSeries): { series: ChunkSeries; source: number } {
    const key = keyOf(influxSeriesOf(source, 'seed'));
    let series = byKey.get(key);
    if (series === undefined) {
      series = { sources: [], times: [], values: [], triples: [], origins: undefined };
      byKey.set(key, series);
    }
    const place = { series, source: series.sources.push(source) - 1 };
    if (place.source === 1) series.origins = series.times.map(() => 0);
    known.set(source, place);
    return place;
  }

  /** Lines of a batch follow each other, so mostly it is the last one. */
  function tripleOf({ series: { clientId }, epoch, seq }: FilePoint): number {
    const before = triples[last];
    if (before?.seq === seq && before.epoch === epoch && before.clientId === clientId) return last;
    const key = `${clientId} ${epoch} ${seq}`;
    last = tripleIndex.get(key) ?? triples.push({ clientId, epoch, seq }) - 1;
    tripleIndex.set(key, last);
    return last;
  }

  return {
    add(point) {
      const { series, source } = known.get(point.series) ?? learn(point.series);
      series.times.push((point.minute - window.since) * NANOS_PER_MINUTE + point.nanos);
      series.values.push(point.value);
      series.triples.push(tripleOf(point));
      series.origins?.push(source);
    },
    finish() {
      const counts = { points: 0, repeated: 0, conflicting: 0 };
      for (const series of byKey.values()) {
        sortByTime(series);
        const lines = series.times.length;
        counts.conflicting += dropRepeated(series);
        counts.points += series.times.length;
        counts.repeated += lines - series.times.length;
      }
      return { window, series: [...byKey.values()], triples, ...counts };
    },
  };
}

function sortByTime(series: ChunkSeries): void {
  const { times, values, triples, origins } = series;
  if (times.every((time, at) => at === 0 || times[at - 1]! <= time)) return;
  // Stable: of equal times the one read last stays last.
  const order = times.map((_, at) => at).sort((a, b) => times[a]! - times[b]!);
  series.times = order.map((at) => times[at]!);
  series.values = order.map((at) => values[at]!);
  series.triples = order.map((at) => triples[at]!);
  series.origins = origins && order.map((at) => origins[at]!);
}

/** @returns how many of what it dropped had another value than what it kept. */
function dropRepeated({ times, values, triples, origins }: ChunkSeries): number {
  const columns = origins === undefined ? [times, values, triples] : [times, values, triples, origins];
  let conflicting = 0;
  let kept = -1;
  for (let at = 0; at < times.length; at++) {
    if (kept < 0 || times[kept] !== times[at]) kept++;
    else if (values[kept] !== values[at]) conflicting++;
    if (kept < at) for (const column of columns) column[kept] = column[at]!;
  }
  for (const column of columns) column.length = kept + 1;
  return conflicting;
}

/** The minutes in which a series has points, in order. */
export function* cellsOf({ window }: Pick<Chunk, 'window'>, { times, values }: ChunkSeries): Generator<FileCell> {
  for (let from = 0, to = 0; from < times.length; from = to) {
    const offset = Math.floor(times[from]! / NANOS_PER_MINUTE);
    const cell: FileCell = {
      minute: window.since + offset,
      from,
      to,
      count: 0,
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
      sum: 0,
      sumOfAbs: 0,
    };
    for (; to < times.length && times[to]! < (offset + 1) * NANOS_PER_MINUTE; to++) {
      const value = values[to]!;
      cell.count++;
      cell.min = Math.min(cell.min, value);
      cell.max = Math.max(cell.max, value);
      cell.sum += value;
      cell.sumOfAbs += Math.abs(value);
    }
    cell.to = to;
    yield cell;
  }
}

/** @returns what the files call the series of a point. */
export function sourceOf({ sources, origins }: ChunkSeries, at: number): FileSeries {
  return sources[origins?.[at] ?? 0]!;
}

/** The clients whose points these are. */
export function clientsOf(chunk: Chunk, series: ChunkSeries, { from, to }: Pick<FileCell, 'from' | 'to'>): string[] {
  if (series.sources.length === 1) return [series.sources[0]!.clientId];
  return [...new Set(series.triples.slice(from, to).map((at) => chunk.triples[at]!.clientId))].sort();
}

/**
 * The window in stretches of at most `linesMax` lines (a minute that alone has more is a stretch) and `minutesMax`
 * minutes, without holes: what only InfluxDB has is found too.
 */
export function planChunks(
  minutes: ReadonlyMap<number, number>,
  window: Window,
  { linesMax, minutesMax }: { linesMax: number; minutesMax: number },
): (Window & { lines: number })[] {
  const chunks: { since: number; until: number; lines: number }[] = [];
  let open = { since: window.since, until: window.since, lines: 0 };
  const close = (): void => {
    if (open.until > open.since) chunks.push(open);
    open = { since: open.until, until: open.until, lines: 0 };
  };
  const growTo = (until: number): void => {
    while (until - open.since > minutesMax) {
      open.until = open.since + minutesMax;
      close();
    }
    open.until = Math.max(open.until, until);
  };
  for (const minute of [...minutes.keys()].sort((a, b) => a - b)) {
    const lines = minutes.get(minute)!;
    growTo(minute);
    if (open.lines + lines > linesMax) close();
    growTo(minute + 1);
    open.lines += lines;
  }
  growTo(window.until);
  close();
  return chunks;
}
