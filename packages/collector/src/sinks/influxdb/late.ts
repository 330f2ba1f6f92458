/**
 * Minutes that late points have touched: a continuous query or task never looks back, so their means are computed again
 * before a delivery counts as stored. Owns the set of minutes and its bound; promises that each touched minute is in
 * exactly one of the ranges asked for, that adjacent minutes are asked for together, and that a minute is forgotten only
 * when it has been computed.
 */

/** Computes means again. Made by rollup.ts. */
export interface Rollup {
  /**
   * Of all series, for the minutes in [from, to), both whole minutes. Resolves when the means are stored.
   * @throws MetricStreamError: not `retryable` when somebody must act first (no retention policy, bucket or permission to
   * write means to), which stops no points; else the delivery comes again.
   */
  recompute(fromUnixMs: number, toUnixMs: number, signal: AbortSignal): Promise<void>;
}

export const MINUTE_MS = 60_000;
/** Minutes of one call: an hour of a thousand hosts at 10 s is as much as a server computes within a timeout. */
const RANGE_MINUTES_MAX = 15;

export interface LateMinutes {
  /** Points at this time have been written. */
  note(unixMs: number): void;
  /** How many minutes wait to be computed. */
  readonly size: number;
  /** The ranges of what is noted, oldest first. */
  ranges(): { fromUnixMs: number; toUnixMs: number }[];
  /** These have been computed. */
  settle(range: { fromUnixMs: number; toUnixMs: number }): void;
  clear(): void;
}

export function createLateMinutes(): LateMinutes {
  const minutes = new Set<number>();
  let last = -1;
  return {
    note(unixMs) {
      const minute = Math.floor(unixMs / MINUTE_MS);
      if (minute === last) return;
      last = minute;
      minutes.add(minute);
    },
    get size() {
      return minutes.size;
    },
    ranges() {
      const ranges: { fromUnixMs: number; toUnixMs: number }[] = [];
      let from = 0;
      let to = 0;
      for (const minute of [...minutes].sort((a, b) => a - b)) {
        if (minute !== to || to - from >= RANGE_MINUTES_MAX) {
          if (to > from) ranges.push({ fromUnixMs: from * MINUTE_MS, toUnixMs: to * MINUTE_MS });
          from = minute;
        }
        to = minute + 1;
      }
      if (to > from) ranges.push({ fromUnixMs: from * MINUTE_MS, toUnixMs: to * MINUTE_MS });
      return ranges;
    },
    settle({ fromUnixMs, toUnixMs }) {
      for (let at = fromUnixMs; at < toUnixMs; at += MINUTE_MS) minutes.delete(at / MINUTE_MS);
      last = -1;
    },
    clear() {
      minutes.clear();
      last = -1;
    },
  };
}
