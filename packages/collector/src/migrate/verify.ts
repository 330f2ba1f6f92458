/**
 * Files and InfluxDB compared, minute by minute and series by series. Owns the walk through the window and the report,
 * and promises that memory holds one stretch of time (at most CHUNK_LINES_MAX lines, or one minute of the fleet), a
 * bounded number of findings, and totals for all of them.
 */
import type { Schema } from '../sinks/influxdb/settings.ts';
import { type Chunk, cellsOf, clientsOf, createChunk, planChunks } from './chunk.ts';
import { compareChunk, type Difference, namingsOf } from './compare.ts';
import type { Cell, InfluxStore } from './influx-store.ts';
import type { FileIndex, JsonlReader, Problems, Window } from './jsonl-reader.ts';
import { influxSeriesOf, type Naming, seriesText } from './series-key.ts';

/** About 200 MB of points and of what is expected of them. */
export const CHUNK_LINES_MAX = 500_000;
/** Times within a chunk are exact up to 100 days. */
export const CHUNK_MINUTES_MAX = 30 * 1440;
const FINDINGS_KEPT = 1000;
/** Clients with totals of their own; all others are one. */
const CLIENTS_KEPT = 10_000;
const OTHER_CLIENTS = '(other clients)';

export interface Finding {
  minute: number;
  naming: Naming;
  clients: string[];
  series: string;
  /** Undefined where that side has nothing. */
  files: Cell | undefined;
  influxdb: Cell | undefined;
}

export interface ClientTotals {
  differing: number;
  pointsMissing: number;
  firstMinute: number;
  lastMinute: number;
}

export interface VerifyReport {
  window: Window;
  index: FileIndex;
  problems: Problems;
  /** In the files: each once, and what was said again, some of it with another value. */
  points: number;
  repeated: number;
  conflicting: number;
  /** Series and minutes: alike, and in which way not. */
  equal: number;
  missing: number;
  differing: number;
  onlyInInfluxdb: number;
  /** Points that InfluxDB has fewer in the series and minutes that differ; in the schema `both`, of the form `seed`. */
  pointsMissing: number;
  findings: Finding[];
  byClient: Map<string, ClientTotals>;
  /** Series that several clients wrote within one minute: their points may replace each other. */
  shared: { series: string; minute: number; clients: string[] }[];
  sharedTotal: number;
}

export interface VerifyProgress {
  stage: 'files' | 'compare';
  done: number;
  total: number;
}

export interface VerifyOptions {
  reader: JsonlReader;
  store: InfluxStore;
  schema: Schema;
  window: Window;
  /** Of a stretch: CHUNK_LINES_MAX where not given. */
  chunkLinesMax?: number;
  onProgress?(progress: VerifyProgress): void;
}

/** @throws MetricStreamError when InfluxDB or the files cannot be read. */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { reader, store, schema, window, onProgress } = options;
  const limits = { linesMax: options.chunkLinesMax ?? CHUNK_LINES_MAX, minutesMax: CHUNK_MINUTES_MAX };
  const index = await reader.index(({ bytesDone, bytesTotal }) =>
    onProgress?.({ stage: 'files', done: bytesDone, total: bytesTotal }),
  );
  const report = newReport(window, index, reader.problems);
  for (const part of planChunks(index.minutes, window, limits)) {
    const collecting = createChunk(part);
    await reader.read(part, collecting.add);
    const chunk = collecting.finish();
    countChunk(report, chunk);
    await compareChunk(chunk, {
      store,
      schema,
      onEqual: () => report.equal++,
      onDifference: (difference) => countDifference(report, chunk, difference, namingsOf(schema)[0]!),
    });
    onProgress?.({ stage: 'compare', done: part.until - window.since, total: window.until - window.since });
  }
  report.findings.sort((a, b) => a.minute - b.minute || (a.series < b.series ? -1 : 1));
  return report;
}

export function isEqual({ missing, differing, onlyInInfluxdb }: VerifyReport): boolean {
  return missing + differing + onlyInInfluxdb === 0;
}

function newReport(window: Window, index: FileIndex, problems: Problems): VerifyReport {
  const totals = { points: 0, repeated: 0, conflicting: 0, equal: 0, missing: 0, differing: 0, onlyInInfluxdb: 0 };
  const lists = { findings: [], byClient: new Map<string, ClientTotals>(), shared: [] };
  return { window, index, problems, ...totals, pointsMissing: 0, ...lists, sharedTotal: 0 };
}

function countChunk(report: VerifyReport, chunk: Chunk): void {
  report.points += chunk.points;
  report.repeated += chunk.repeated;
  report.conflicting += chunk.conflicting;
  for (const series of chunk.series) {
    const [source, ...others] = series.sources;
    if (others.length === 0) continue;
    for (const cell of cellsOf(chunk, series)) {
      const clients = clientsOf(chunk, series, cell);
      if (clients.length === 1) continue;
      report.sharedTotal++;
      if (report.shared.length < FINDINGS_KEPT)
        report.shared.push({ series: seriesText(influxSeriesOf(source!, 'seed')), minute: cell.minute, clients });
    }
  }
}

function countDifference(report: VerifyReport, chunk: Chunk, difference: Difference, counted: Naming): void {
  const { minute, naming, target, files, series, influxdb } = difference;
  if (files === undefined) report.onlyInInfluxdb++;
  else if (influxdb === undefined) report.missing++;
  else report.differing++;
  const fewer = Math.max(0, (files?.count ?? 0) - (influxdb?.count ?? 0));
  const pointsMissing = naming === counted ? fewer : 0;
  report.pointsMissing += pointsMissing;
  const clients = files === undefined || series === undefined ? [] : clientsOf(chunk, series, files);
  for (const client of clients.length === 0 ? ['-'] : clients) {
    const name = report.byClient.has(client) || report.byClient.size < CLIENTS_KEPT ? client : OTHER_CLIENTS;
    const before = report.byClient.get(name);
    report.byClient.set(name, {
      differing: (before?.differing ?? 0) + 1,
      pointsMissing: (before?.pointsMissing ?? 0) + pointsMissing,
      firstMinute: Math.min(before?.firstMinute ?? minute, minute),
      lastMinute: Math.max(before?.lastMinute ?? minute, minute),
    });
  }
  if (report.findings.length >= FINDINGS_KEPT) return;
  const cell = files && { count: files.count, min: files.min, max: files.max, sum: files.sum };
  report.findings.push({ minute, naming, clients, series: seriesText(target), files: cell, influxdb });
}
