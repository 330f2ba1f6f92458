/**
 * What a sampler is: one source of one host, read apart from parse. Owns the types only. Every sampler is listed in
 * one visible array (samplers/index.ts) and none can stop another: a sampler that throws or exceeds its time costs
 * its own points of that sweep and is counted (run-samplers.ts).
 */
import type { Series } from '@metricstream/proto/batch.ts';

/** One value of one series at the sweep's time. Samplers keep their Series objects and reuse them sweep after sweep. */
export interface Reading {
  series: Series;
  /** NaN and ±Infinity are counted by the runner as dropped(not_finite) and go no further. */
  value: number;
}

export interface Sampler {
  /** The measurement it fills: `cpu`, `mem`, `swap`, `disk`, `diskio`, `net`, `system`, `processes`. */
  readonly name: string;
  /** Reads the source once. The first call of a sampler that needs a difference (cpu) may give no readings. */
  sample(signal: AbortSignal): Promise<Reading[]> | Reading[];
}

/** One reading of all samplers. */
export interface Sweep {
  timeUnixNano: bigint;
  readings: Reading[];
  /** Samplers that gave nothing this time, and why. */
  failures: { sampler: string; reason: 'timeout' | 'error'; why: string }[];
  /** Readings that were not finite numbers. */
  notFinite: number;
}
