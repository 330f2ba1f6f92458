/**
 * A stretch of the files beside the same stretch of InfluxDB. Owns the comparison and promises that every series and
 * minute that either has is looked at once, and that two sides which hold the same points are never called different.
 *
 * Count, least and greatest value are compared exactly. Sums of the same doubles may differ by the order in which they
 * were added: each sum of n numbers is within (n - 1) × 2^-53 × Σ|x| of the true one, and InfluxDB's whole-number sums
 * are rounded once more here. So sums are equal within 2n × 2^-53 × Σ|x|, which is a few units in the last place.
 */
import type { Schema } from '../sinks/influxdb/settings.ts';
import { cellsOf, type Chunk, type ChunkSeries, type FileCell } from './chunk.ts';
import type { Cell, InfluxStore } from './influx-store.ts';
import type { Window } from './jsonl-reader.ts';
import { influxSeriesOf, type InfluxSeries, keyOf, type Naming } from './series-key.ts';

/** A series and minute where the sides differ. */
export interface Difference {
  minute: number;
  naming: Naming;
  target: InfluxSeries;
  /** Undefined where only InfluxDB has it. */
  files: FileCell | undefined;
  series: ChunkSeries | undefined;
  /** Undefined where InfluxDB has nothing. */
  influxdb: Cell | undefined;
}

export interface CompareOptions {
  store: InfluxStore;
  schema: Schema;
  signal?: AbortSignal;
  /** For every series and minute of the files that InfluxDB holds alike. */
  onEqual?(series: ChunkSeries, cell: FileCell, naming: Naming): void;
  onDifference(difference: Difference): void;
}

/** Of an answer, about: 10 MB of JSON. */
const CELLS_PER_QUERY = 50_000;
const MINUTES_PER_QUERY_MAX = 1440;
const FIRST_MINUTES_MAX = 15;
const HALF_ULP = 2 ** -53;

export function namingsOf(schema: Schema): Naming[] {
  return schema === 'both' ? ['seed', 'telegraf'] : [schema];
}

export function sameCell(files: FileCell, stored: Cell): boolean {
  const tolerance = 2 * files.count * HALF_ULP * files.sumOfAbs;
  return (
    files.count === stored.count &&
    files.min === stored.min &&
    files.max === stored.max &&
    Math.abs(files.sum - stored.sum) <= tolerance
  );
}

interface Expected {
  target: InfluxSeries;
  series: ChunkSeries;
  /** By minute; those that InfluxDB has are taken out. */
  cells: Map<number, FileCell>;
}

/** Compares all of a chunk's window. Reports what InfluxDB has in its order, then what it lacks. */
export async function compareChunk(chunk: Chunk, options: CompareOptions): Promise<void> {
  for (const naming of namingsOf(options.schema)) await compareNaming(chunk, naming, options);
}

async function compareNaming(chunk: Chunk, naming: Naming, options: CompareOptions): Promise<void> {
  const { store, signal, onEqual, onDifference } = options;
  const expected = expectedOf(chunk, naming);
  const measurements = new Set([...expected.values()].map(({ target }) => target.measurement));

  const visit = (key: string, minute: number, influxdb: Cell): void => {
    const found = expected.get(key);
    const files = found?.cells.get(minute);
    if (found === undefined || files === undefined) {
      const target = found?.target ?? targetOf(key);
      onDifference({ minute, naming, target, files: undefined, series: undefined, influxdb });
      return;
    }
    found.cells.delete(minute);
    const { series, target } = found;
    if (sameCell(files, influxdb)) onEqual?.(series, files, naming);
    else onDifference({ minute, naming, target, files, series, influxdb });
  };

  await askInStretches(chunk.window, cellsByMinute(expected), (part) => {
    signal?.throwIfAborted();
    return store.cells(part, { naming, measurements, signal }, visit);
  });
  for (const { target, series, cells } of expected.values())
    for (const [minute, files] of cells) onDifference({ minute, naming, target, files, series, influxdb: undefined });
}

function cellsByMinute(expected: ReadonlyMap<string, Expected>): Map<number, number> {
  const held = new Map<number, number>();
  for (const { cells } of expected.values())
    for (const minute of cells.keys()) held.set(minute, (held.get(minute) ?? 0) + 1);
  return held;
}

function expectedOf(chunk: Chunk, naming: Naming): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (const series of chunk.series) {
    const target = influxSeriesOf(series.sources[0]!, naming);
    const cells = new Map<number, FileCell>();
    for (const cell of cellsOf(chunk, series)) cells.set(cell.minute, cell);
    expected.set(keyOf(target), { target, series, cells });
  }
  return expected;
}

/**
 * Asks for parts of the window, each as long as an answer of a good size is: as many series as the files have in those
 * minutes, and as many more as the answer before had.
 */
async function askInStretches(
  window: Window,
  held: ReadonlyMap<number, number>,
  ask: (part: Window) => Promise<number>,
): Promise<void> {
  let morePerMinute = 0;
  let minutesMax = FIRST_MINUTES_MAX;
  for (let { since } = window; since < window.until; ) {
    let until = since;
    let cells = 0;
    let fromFiles = 0;
    do {
      fromFiles += held.get(until) ?? 0;
      until++;
      cells = fromFiles + morePerMinute * (until - since);
    } while (
      until < Math.min(window.until, since + minutesMax) &&
      cells + (held.get(until) ?? 0) + morePerMinute <= CELLS_PER_QUERY
    );
    const found = await ask({ since, until });
    morePerMinute = Math.max(0, found - fromFiles) / (until - since);
    // What only InfluxDB has may become more at once.
    minutesMax = Math.min(MINUTES_PER_QUERY_MAX, Math.max(FIRST_MINUTES_MAX, (until - since) * 4));
    since = until;
  }
}

function targetOf(key: string): InfluxSeries {
  const [measurement, field, tags] = JSON.parse(key) as [string, string, InfluxSeries['tags']];
  return { measurement, field, tags };
}
