/**
 * What a sampler is: one source of one host, read apart from parse. Owns the types only. Every sampler is listed in
 * one visible array (samplers/index.ts) and none can stop another: a sampler that throws or exceeds its time costs
 * its own points of that sweep and is counted (run-samplers.ts).
 */
import type { Series } from '@metricstream/proto/batch.ts';

/** One value of one series at the sweep's time. Samplers keep their Series objects and reuse them sweep after sweep. */
export interface Reading {
  series: Series;
  /** What its kind cannot carry (NaN, ±Infinity, an `integer` not whole or above 2^53) is counted by the runner. */
  value: number;
}

/** Says that a part of the sampler's points is missing from this sweep (one hung mount of five), and why. */
export type Fault = (why: string) => void;

export interface Sampler {
  /** The measurement it fills: `cpu`, `mem`, `swap`, `disk`, `diskio`, `net`, `system`, `processes`. */
  readonly name: string;
  /** Set where every sweep would be too often; sweeps that come earlier pass it by. */
  readonly intervalMs?: number;
  /** Reads the source once. The first call of a sampler that needs a difference (cpu) may give no readings. */
  sample(signal: AbortSignal, fault: Fault): Promise<Reading[]> | Reading[];
  /** Gives back what it holds open. */
  close?(): void;
}

/**
 * - `timeout`: it took too long, all its points are missing.
 * - `error`: it threw, all its points are missing.
 * - `pending`: it still hangs in an earlier sweep, so it was not started again.
 * - `partial`: some of its points are missing, the others are there.
 */
export type FailureReason = 'timeout' | 'error' | 'pending' | 'partial';

export interface SweepFailure {
  sampler: string;
  reason: FailureReason;
  why: string;
}

/** One reading of all samplers. */
export interface Sweep {
  timeUnixNano: bigint;
  readings: Reading[];
  /** Samplers that gave nothing, or not all, this time, and why. */
  failures: SweepFailure[];
  /** Readings that were no number their kind can carry: dropped(not_finite). */
  notFinite: number;
}
