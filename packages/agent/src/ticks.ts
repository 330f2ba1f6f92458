/**
 * When to sample. Owns the loop of clock-aligned ticks and promises: a tick that was missed (suspend, SIGSTOP, a busy
 * host) is skipped, never made up for, and whatever the wall clock does, the next tick is at most one interval away.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@metricstream/shared/clock.ts';

export interface Ticks {
  /** Calls `onTick` at each tick and waits for it, until the signal is aborted. */
  run(onTick: () => Promise<void> | void, signal: AbortSignal): Promise<void>;
  /** Ticks that were passed over. */
  missed(): number;
}

export interface TickOptions {
  intervalMs: number;
  /** In [0, intervalMs): how far behind the aligned time this host samples. */
  phaseMs: number;
  clock: Clock;
}

/** @returns a fixed phase in [0, jitterMs), whole ms, spread over a fleet by the client ids. */
export function phaseOf(clientId: string, jitterMs: number): number {
  if (jitterMs <= 0) return 0;
  const hash = createHash('sha256').update(clientId).digest().readUInt32BE(0);
  return Math.floor((hash / 2 ** 32) * jitterMs);
}

/** @returns the first Unix ms after `afterUnixMs` that is a multiple of the interval plus the phase. */
export function nextTick(afterUnixMs: number, intervalMs: number, phaseMs: number): number {
  return (Math.floor((afterUnixMs - phaseMs) / intervalMs) + 1) * intervalMs + phaseMs;
}

export function createTicks(options: TickOptions): Ticks {
  const { intervalMs, phaseMs, clock } = options;
  /** More than this from where it should be is another tick's time, or no tick's. */
  const toleranceMs = intervalMs / 2;
  let missed = 0;

  async function run(onTick: () => Promise<void> | void, signal: AbortSignal): Promise<void> {
    let afterMs = clock.unixMs();
    let skippedLast = false;
    while (!signal.aborted) {
      const dueUnixMs = nextTick(afterMs, intervalMs, phaseMs);
      const waitMs = Math.min(Math.max(0, dueUnixMs - clock.unixMs()), intervalMs);
      const dueMs = clock.monotonicMs() + waitMs;
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      const lateMs = clock.monotonicMs() - dueMs;
      const offMs = clock.unixMs() - dueUnixMs;
      const off = lateMs > toleranceMs || Math.abs(offMs) > toleranceMs;
      // A clock that is stepped again and again must not stop the sampling: never two in a row.
      if (off && !skippedLast) {
        skippedLast = true;
        missed += Math.max(1, Math.floor(lateMs / intervalMs));
        afterMs = clock.unixMs();
        continue;
      }
      skippedLast = false;
      // A timer a little early must not give the same tick twice.
      afterMs = off ? clock.unixMs() : Math.max(clock.unixMs(), dueUnixMs);
      const begunMs = clock.monotonicMs();
      await onTick();
      const tookMs = clock.monotonicMs() - begunMs;
      if (tookMs < intervalMs) continue;
      missed += Math.floor(tookMs / intervalMs);
      afterMs = Math.max(afterMs, clock.unixMs());
    }
  }

  return { run, missed: () => missed };
}
