/**
 * The means of late minutes: computes what late.ts has noted, and decides what a failure means for the delivery. Promises
 * that an end of the trouble is found out by the next delivery, that a server that is away makes the delivery come again,
 * and that neither a missing setup nor a server too slow for means ever stops points: they are worth more than means.
 */
import type { Clock } from '@metricstream/shared/clock.ts';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { SinkStats } from './figures.ts';
import { type LateMinutes, type LateRange, MINUTE_MS, type Rollup } from './late.ts';
import type { Stop } from './settle.ts';

/** How often deliveries come again because means took too long, before a delivery had all its means in time. */
const TIMEOUTS_MAX = 2;

export interface MeansOptions {
  rollup: Rollup;
  late: LateMinutes;
  stats: SinkStats;
  /** The server, for messages. */
  where: string;
  log: Log;
  clock: Clock;
}

export interface Means {
  /** Computes all that is noted. @returns why the delivery must come again, if it must. */
  compute(signal: AbortSignal): Promise<Stop | undefined>;
  /** The delivery is stored, and will not come again. */
  end(): void;
}

export function createMeans({ rollup, late, stats, where, log, clock }: MeansOptions): Means {
  let timeouts = 0;
  /** What was told and has not worked since. */
  let told: 'setup' | 'timeout' | undefined;
  /** Of the delivery: whether means were computed, and whether some were given up. */
  let worked = false;
  let gaveUp = false;

  async function computeRange({ fromUnixMs, toUnixMs, hosts }: LateRange, signal: AbortSignal): Promise<void> {
    const startMs = clock.monotonicMs();
    try {
      await rollup.recompute(fromUnixMs, toUnixMs, signal, hosts);
    } finally {
      stats.rollupMs += clock.monotonicMs() - startMs;
    }
    stats.lateMinutes += ((toUnixMs - fromUnixMs) / MINUTE_MS) * hosts.length;
    worked = true;
  }

  /** @returns why the minutes keep the means they have; or a stop. */
  function judge(error: unknown): 'setup' | 'timeout' | Stop {
    if (error instanceof MetricStreamError && !error.retryable) return 'setup';
    // Its points were written just before: what is away comes out there, so this is not it.
    const slow = error instanceof MetricStreamError && error.code === 'timeout';
    if (slow && ++timeouts > TIMEOUTS_MAX) return 'timeout';
    return { kind: 'retry', why: whyOf(error), suspect: false };
  }

  const whyOf = (error: unknown): string =>
    `${where}: the means of late minutes cannot be computed again: ${messageOf(error)}`;

  return {
    async compute(signal) {
      const ranges = late.ranges();
      for (const [at, range] of ranges.entries()) {
        try {
          await computeRange(range, signal);
          late.settle(range);
        } catch (error) {
          if (signal.aborted) return { kind: 'retry', why: 'stopped before late means were computed', suspect: false };
          const verdict = judge(error);
          if (typeof verdict === 'object') {
            stats.rollupFailures.retry++;
            return verdict;
          }
          // The ranges after it are not tried: each would take as long, or fail as surely.
          stats.rollupFailures[verdict] += ranges.length - at;
          if (told !== verdict)
            log.error('sink influxdb: late minutes keep the means they have', { why: whyOf(error) });
          told = verdict;
          gaveUp = true;
          break;
        }
      }
      late.clear();
      return undefined;
    },
    end() {
      late.end();
      if (worked && !gaveUp) {
        timeouts = 0;
        told = undefined;
      }
      worked = false;
      gaveUp = false;
    },
  };
}
