/**
 * A clock for tests: time stands still until `advance` moves it. Promises that sleepers wake in the order of their
 * deadlines, each seeing exactly its own time, and that `advance` has run everything that became due when it resolves.
 */
import type { Clock } from '../clock.ts';

interface Sleeper {
  dueMs: number;
  wake: () => void;
}

export interface FakeClock extends Clock {
  /** Moves both clocks by `ms`, waking sleepers on the way. */
  advance(ms: number): Promise<void>;
  /** Steps the wall clock only, as an NTP correction does. */
  stepWall(ms: number): void;
  /** How many sleeps are pending. */
  sleepers(): number;
}

/** @param startUnixMs where the wall clock begins; the monotonic clock begins at 0. */
export function fakeClock(startUnixMs = 1_700_000_000_000): FakeClock {
  let nowMs = 0;
  let wallOffsetMs = startUnixMs;
  const sleeping: Sleeper[] = [];

  return {
    unixMs: () => Math.floor(wallOffsetMs + nowMs),
    monotonicMs: () => nowMs,
    sleepers: () => sleeping.length,
    stepWall(ms) {
      wallOffsetMs += ms;
    },
    sleep(ms, signal) {
      if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper: Sleeper = {
          dueMs: nowMs + ms,
          wake() {
            const at = sleeping.indexOf(sleeper);
            if (at !== -1) sleeping.splice(at, 1);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleeping.push(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      });
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = sleeping.toSorted((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined || next.dueMs > endMs) break;
        nowMs = Math.max(nowMs, next.dueMs);
        next.wake();
        await settle();
      }
      nowMs = endMs;
      await settle();
    },
  };
}

/** A macrotask: every promise reaction of those just woken has run, and new sleeps are registered. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
