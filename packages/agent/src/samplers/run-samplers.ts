/**
 * Runs all samplers once: a sweep. Owns what each has cost and failed so far. Promises that a sampler which throws,
 * hangs or lies costs its own points only and is counted by reason, that one still hanging is not started again (so
 * nothing piles up), and that every reading handed on is a number its kind can carry.
 */
import type { Clock } from '@metricstream/shared/clock.ts';
import { systemClock } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { FailureReason, Reading, Sampler, Sweep } from './sampler.ts';

/** Longest text kept of one failure. */
const WHY_CHARS_MAX = 300;
/** A sampler gives no more; the rest is counted as one partial failure. */
const READINGS_MAX = 65_536;
/** Sweeps are a little early or late; a sampler with its own interval runs from this share of it on. */
const INTERVAL_SHARE = 0.95;

/** What one sampler has done since the start, for /metrics and `status`. */
export interface SamplerStats {
  readonly sampler: string;
  /** Times it was started. */
  runs: number;
  /** Readings handed on. */
  readings: number;
  /** Readings not handed on: no number their kind can carry. */
  notFinite: number;
  failures: Record<FailureReason, number>;
  /** Wall time of the last run that ended, in ms. */
  lastDurationMs: number;
  /** Of all runs that ended. */
  totalDurationMs: number;
}

export interface Sweeper {
  /** Reads everything once. Never rejects; resolves within the timeout. */
  readonly sweep: () => Promise<Sweep>;
  stats(): readonly Readonly<SamplerStats>[];
  close(): void;
}

interface State {
  sampler: Sampler;
  stats: SamplerStats;
  pending: boolean;
  startedMs: number;
}

/** @param options.timeoutMs how long one sweep waits for its slowest sampler. */
export function createSweeper(options: { samplers: readonly Sampler[]; timeoutMs: number; clock?: Clock }): Sweeper {
  const clock = options.clock ?? systemClock;
  const states = options.samplers.map(
    (sampler): State => ({ sampler, stats: emptyStats(sampler.name), pending: false, startedMs: Number.NaN }),
  );
  return {
    async sweep() {
      const sweep: Sweep = {
        timeUnixNano: BigInt(clock.unixMs()) * 1_000_000n,
        readings: [],
        failures: [],
        notFinite: 0,
      };
      const runs: Promise<void>[] = [];
      const deadline = new AbortController();
      for (const state of states) {
        const run = runOne(state, sweep, deadline.signal, clock);
        if (run !== undefined) runs.push(run);
      }
      if (runs.length > 0) {
        const ended = new AbortController();
        const late = clock.sleep(options.timeoutMs, ended.signal).then(() => deadline.abort());
        await Promise.all(runs);
        ended.abort();
        await late;
      }
      return sweep;
    },
    stats: () => states.map(({ stats }) => stats),
    close() {
      for (const { sampler } of states) sampler.close?.();
    },
  };
}

function emptyStats(sampler: string): SamplerStats {
  const failures = { timeout: 0, error: 0, pending: 0, partial: 0 };
  return { sampler, runs: 0, readings: 0, notFinite: 0, failures, lastDurationMs: 0, totalDurationMs: 0 };
}

/** Starts one sampler if it is due. @returns what to wait for, or undefined when it is done already. */
function runOne(state: State, sweep: Sweep, signal: AbortSignal, clock: Clock): Promise<void> | undefined {
  const { sampler, stats } = state;
  const nowMs = clock.monotonicMs();
  // NaN before the first run: never "too early".
  if (sampler.intervalMs !== undefined && nowMs - state.startedMs < sampler.intervalMs * INTERVAL_SHARE)
    return undefined;
  if (state.pending) {
    fail(state, sweep, 'pending', 'it still hangs in an earlier sweep');
    return undefined;
  }
  state.startedMs = nowMs;
  stats.runs++;
  let open = true;
  const fault = (why: string): void => {
    if (open) fail(state, sweep, 'partial', why);
  };
  try {
    const result = sampler.sample(signal, fault);
    if (Array.isArray(result)) {
      open = false;
      take(state, sweep, result);
      measure(stats, clock.monotonicMs() - nowMs);
      return undefined;
    }
    state.pending = true;
    return settle(state, sweep, signal, result, clock).finally(() => {
      open = false;
    });
  } catch (error) {
    fail(state, sweep, 'error', messageOf(error));
    measure(stats, clock.monotonicMs() - nowMs);
    return undefined;
  }
}

/** Waits for a sampler or for the deadline, whichever is first; what comes later only clears `pending`. */
function settle(
  state: State,
  sweep: Sweep,
  signal: AbortSignal,
  result: Promise<Reading[]>,
  clock: Clock,
): Promise<void> {
  return new Promise((resolve) => {
    let open = true;
    const timedOut = (): void => {
      open = false;
      fail(state, sweep, 'timeout', `it took longer than ${Math.round(clock.monotonicMs() - state.startedMs)} ms`);
      resolve();
    };
    const ended = (use: () => void): void => {
      signal.removeEventListener('abort', timedOut);
      state.pending = false;
      measure(state.stats, clock.monotonicMs() - state.startedMs);
      if (open) use();
      resolve();
    };
    signal.addEventListener('abort', timedOut, { once: true });
    result.then(
      (readings) => ended(() => take(state, sweep, readings)),
      (error: unknown) => ended(() => fail(state, sweep, 'error', messageOf(error))),
    );
  });
}

function fail(state: State, sweep: Sweep, reason: FailureReason, why: string): void {
  state.stats.failures[reason]++;
  sweep.failures.push({ sampler: state.sampler.name, reason, why: why.slice(0, WHY_CHARS_MAX) });
}

function measure(stats: SamplerStats, durationMs: number): void {
  stats.lastDurationMs = durationMs;
  stats.totalDurationMs += durationMs;
}

function take(state: State, sweep: Sweep, readings: readonly Reading[]): void {
  const { stats } = state;
  if (readings.length > READINGS_MAX)
    fail(state, sweep, 'partial', `${readings.length} readings: only ${READINGS_MAX} are taken`);
  const end = Math.min(readings.length, READINGS_MAX);
  for (let index = 0; index < end; index++) {
    const reading = readings[index] as Reading;
    if (isCarried(reading)) {
      sweep.readings.push(reading);
      stats.readings++;
    } else {
      sweep.notFinite++;
      stats.notFinite++;
    }
  }
}

/** A whole number beyond 2^53 is not exact, and InfluxDB refuses one beyond 2^63 together with its whole line. */
function isCarried({ series, value }: Reading): boolean {
  return series.kind === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
}
