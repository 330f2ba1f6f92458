/** The pumps of all partitions as one: the worst state, the sums. Pure. */
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';

export interface SumStats
  extends Pick<PumpStats, 'state' | 'why' | 'retries' | 'halts' | 'lastStoredUnixMs' | 'sinceUnixMs'> {
  /** How many others are in trouble, for reasons of their own. */
  others: number;
}

export interface Trouble {
  why: string;
  sinceUnixMs: number;
}

const RANK: Record<PumpStats['state'], number> = { halted: 4, retrying: 3, writing: 2, idle: 1, stopped: 0 };

/** @param troubles what no pump knows: requests that are pending because they failed, a journal that cannot be read. */
export function sumStats(pumps: readonly Readonly<PumpStats>[], troubles: readonly Trouble[]): SumStats {
  const sum: SumStats = {
    state: 'stopped',
    why: '',
    retries: 0,
    halts: 0,
    lastStoredUnixMs: 0,
    sinceUnixMs: 0,
    others: -1,
  };
  const note = (state: PumpStats['state'], why: string, sinceUnixMs: number): void => {
    if (RANK[state] > RANK[sum.state]) Object.assign(sum, { state, why });
    if (sinceUnixMs === 0) return;
    sum.others++;
    sum.sinceUnixMs = sum.sinceUnixMs === 0 ? sinceUnixMs : Math.min(sum.sinceUnixMs, sinceUnixMs);
  };
  for (const stats of pumps) {
    note(stats.state, stats.why, stats.sinceUnixMs);
    sum.retries += stats.retries;
    sum.halts += stats.halts;
    sum.lastStoredUnixMs = Math.max(sum.lastStoredUnixMs, stats.lastStoredUnixMs);
  }
  for (const { why, sinceUnixMs } of troubles) note('retrying', why, sinceUnixMs);
  return { ...sum, others: Math.max(0, sum.others) };
}
