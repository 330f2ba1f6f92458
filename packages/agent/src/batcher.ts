/**
 * Sweeps to batches. Owns the seq, the running total of points sampled, and the sweeps that wait for a batch to fill,
 * and promises: seqs of an epoch are 1, 2, 3 … without a hole, every point sampled is in a spooled batch or in a
 * dropped total with its reason, and nothing that a host reports can make a batch larger than the wire allows.
 */
import type { Batch, Series } from '@metricstream/proto/batch.ts';
import { cleanText, encodeBatch, SCHEMA_VERSION } from '@metricstream/proto/encode.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { Sweep } from './samplers/sampler.ts';
import type { DropReason } from './spool/dropped.ts';
import type { Spool } from './spool/spool.ts';

/** Half of what the wire takes: a batch that reaches it goes early. */
const CELLS_MAX = DEFAULT_WIRE_LIMITS.pointsMax / 2;

export interface BatcherOptions {
  clientId: string;
  agentVersion: string;
  configHash: bigint;
  /** host, datacenter and tags. */
  resource: Batch['resource'];
  /** A batch is this many sweeps. */
  sweepsPerBatch: number;
  spool: Pick<Spool, 'epoch' | 'append' | 'dropped'>;
  log: Log;
}

export interface Batcher {
  /** Takes one sweep; spools a batch when enough have come. */
  add(sweep: Sweep): void;
  /** Spools what is there. */
  flush(): void;
  /** Points spooled or dropped before the spool, in this epoch. */
  pointsSampled(): number;
  /** The seq that the next batch will have. */
  nextSeq(): number;
}

export function createBatcher(options: BatcherOptions): Batcher {
  const { spool, log } = options;
  let seq = 1;
  let sampled = 0;
  let sweeps: Sweep[] = [];

  function drop(reason: DropReason, points: number, fromMs: number, toMs: number): void {
    const seqs = { firstSeq: seq, lastSeq: seq };
    spool.dropped.add({ epoch: spool.epoch, reason, points, ...seqs, firstUnixMs: fromMs, lastUnixMs: toMs });
  }

  function flush(): void {
    const [first] = sweeps;
    const last = sweeps.at(-1);
    if (!first || !last) return;
    const matrix = matrixOf(sweeps);
    sweeps = [];
    const [fromMs, toMs] = [unixMs(first), unixMs(last)];
    if (matrix.excess > 0) drop('too_large', matrix.excess, fromMs, toMs);
    sampled += matrix.points + matrix.excess;
    if (matrix.points === 0) return;
    const body = encodeBatch({
      clientId: options.clientId,
      epoch: spool.epoch,
      seq,
      schemaVersion: SCHEMA_VERSION,
      agentVersion: options.agentVersion,
      configHash: options.configHash,
      pointsSampledTotal: sampled,
      droppedTotal: spool.dropped.carriedBy(seq),
      resource: options.resource,
      series: matrix.series,
      timesUnixNano: matrix.timesUnixNano,
      values: matrix.values,
    });
    const appended = spool.append({ seq, points: matrix.points, unixMs: fromMs, body });
    if (appended.ok) {
      seq++;
      return;
    }
    drop(appended.reason, matrix.points, fromMs, toMs);
    log.error('spool: a batch was not kept', { reason: appended.reason, points: matrix.points, why: appended.why });
  }

  return {
    add(sweep) {
      if (sweep.notFinite > 0) {
        sampled += sweep.notFinite;
        drop('not_finite', sweep.notFinite, unixMs(sweep), unixMs(sweep));
      }
      if (sweep.readings.length === 0) return;
      sweeps.push(sweep);
      const readings = sweeps.reduce((most, one) => Math.max(most, one.readings.length), 0);
      if (sweeps.length >= options.sweepsPerBatch || readings * (sweeps.length + 1) > CELLS_MAX) flush();
    },
    flush,
    pointsSampled: () => sampled,
    nextSeq: () => seq,
  };
}

/** Sweeps as one matrix. */
export interface Matrix {
  series: Series[];
  timesUnixNano: bigint[];
  /** Series-major; NaN where a sweep lacks a series. */
  values: Float64Array;
  /** Cells that hold a value. */
  points: number;
  /** Readings of more series than a batch may have. */
  excess: number;
}

/** Pure. Series are told apart by name and labels; of two readings of one series in one sweep the later one counts. */
export function matrixOf(sweeps: readonly Sweep[], seriesMax = DEFAULT_WIRE_LIMITS.seriesMax): Matrix {
  const index = new Map<string, number>();
  const series: Series[] = [];
  let excess = 0;
  for (const sweep of sweeps) {
    for (const reading of sweep.readings) {
      const key = keyOf(reading.series);
      if (index.has(key)) continue;
      if (series.length >= seriesMax) excess++;
      else index.set(key, series.push(reading.series) - 1);
    }
  }
  const values = new Float64Array(series.length * sweeps.length).fill(Number.NaN);
  let points = 0;
  for (const [column, sweep] of sweeps.entries()) {
    for (const reading of sweep.readings) {
      const row = index.get(keyOf(reading.series));
      if (row === undefined) continue;
      const cell = row * sweeps.length + column;
      if (Number.isNaN(values[cell])) points++;
      values[cell] = reading.value;
    }
  }
  return { series, timesUnixNano: sweeps.map((sweep) => sweep.timeUnixNano), values, points, excess };
}

/** Samplers reuse their Series objects, so the key of each is made once. */
const keys = new WeakMap<Series, string>();

function keyOf(series: Series): string {
  let key = keys.get(series);
  if (key === undefined) {
    // As the encoder writes them: two labels that differ only in what is cleaned away are one series on the wire.
    const labels = series.labels.map(([name, value]) => [name, cleanText(value)]).filter(([, value]) => value !== '');
    key = JSON.stringify([series.name, labels]);
    keys.set(series, key);
  }
  return key;
}

function unixMs(sweep: Sweep): number {
  return Number(sweep.timeUnixNano / 1_000_000n);
}
