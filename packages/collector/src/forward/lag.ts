/**
 * How far a group is behind, by partition. Owns the asking, since what a consumer knows stands still while it is full, and
 * promises figures that are a few seconds old at most while the cluster answers, and the last ones known while it does not.
 */
import { type Clock, systemClock } from '@metricstream/shared/clock.ts';
import type { GroupLag } from '../sinks/kafka/client.ts';

const ASK_INTERVAL_MS = 5000;

export interface PartitionLag {
  partition: number;
  messages: number;
  /** How long ago the next message to store was written; 0 when there is none. */
  seconds: number;
}

export interface LagSources {
  /** The group's lag, as the cluster knows it. */
  ask(): Promise<readonly GroupLag[]>;
  /** This member's partitions, with the lag it knows of itself. */
  assigned(): readonly { partition: number; lag: number }[];
  /** When the oldest message under way, and the newest one stored, were written. */
  times(): { oldestUnixMs: ReadonlyMap<number, number>; passedUnixMs: ReadonlyMap<number, number> };
  clock?: Clock;
}

export interface LagWatch {
  /** Of this member's partitions. */
  partitions(): PartitionLag[];
  /** Asks once; until the signal is aborted, again and again. */
  run(signal: AbortSignal): Promise<void>;
}

export function createLagWatch({ ask, assigned, times, clock = systemClock }: LagSources): LagWatch {
  const asked = new Map<number, number>();
  /** The next message was certainly written after this. */
  const emptyUnixMs = new Map<number, number>();

  async function refresh(): Promise<void> {
    const beganUnixMs = clock.unixMs();
    for (const { partition, lag } of await ask()) {
      // What it holds when it is met first may be of any age: no more is known than that it is there now.
      if (lag === 0 || !asked.has(partition)) emptyUnixMs.set(partition, beganUnixMs);
      asked.set(partition, lag);
    }
  }

  function secondsOf(partition: number, messages: number): number {
    const { oldestUnixMs, passedUnixMs } = times();
    const nowMs = clock.unixMs();
    const after = Math.max(emptyUnixMs.get(partition) ?? 0, passedUnixMs.get(partition) ?? 0);
    const writtenUnixMs = oldestUnixMs.get(partition) ?? (messages === 0 || after === 0 ? nowMs : after);
    return Math.max(0, nowMs - writtenUnixMs) / 1000;
  }

  return {
    partitions: () =>
      assigned().map(({ partition, lag }) => {
        const messages = asked.get(partition) ?? lag;
        return { partition, messages, seconds: secondsOf(partition, messages) };
      }),
    async run(signal) {
      while (!signal.aborted) {
        // A cluster that does not answer is the consumer's and the pump's to tell.
        await refresh().catch(() => undefined);
        await clock.sleep(ASK_INTERVAL_MS, signal);
      }
    },
  };
}
