/** What the agent's tests share: seeded randomness, temporary directories, a clock that stands still. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Series } from '@metricstream/proto/batch.ts';
import type { Clock } from '@metricstream/shared/clock.ts';
import { onTestFinished } from 'vitest';
import type { Sweep } from '../src/samplers/sampler.ts';

/** @returns a directory that is removed when the running test ends. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'metricstream-agent-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole, in [0, below). */
  below(below: number): number;
  chance(probability: number): boolean;
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let a = seed >>> 0;
  const next = (): number => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (below) => Math.floor(next() * below), chance: (probability) => next() < probability };
}

export interface ManualClock extends Clock {
  nowUnixMs: number;
  nowMonotonicMs: number;
  pass(ms: number): void;
}

/** Time moves only by `pass`; sleeps end at once. */
export function manualClock(nowUnixMs = 1_700_000_000_000): ManualClock {
  const clock: ManualClock = {
    nowUnixMs,
    nowMonotonicMs: 0,
    unixMs: () => clock.nowUnixMs,
    monotonicMs: () => clock.nowMonotonicMs,
    sleep: () => Promise.resolve(),
    pass(ms) {
      clock.nowUnixMs += ms;
      clock.nowMonotonicMs += ms;
    },
  };
  return clock;
}

export function series(name: string, labels: [string, string][] = []): Series {
  return { name, unit: 'percent', kind: 'float', labels };
}

/** @returns a sweep of one value for each of the names. */
export function sweepOf(unixMs: number, names: readonly string[], notFinite = 0): Sweep {
  const readings = names.map((name, index) => ({ series: series(name), value: index }));
  return { timeUnixNano: BigInt(unixMs) * 1_000_000n, readings, failures: [], notFinite };
}

/** A signal that is aborted already: a source then gives what it has and never waits. */
export const NOW = AbortSignal.abort();
