/**
 * How far the spool has been sent, on disk: one small file that holds the unacked ranges and the dropped totals
 * together, the old state or the new one. Derived state only: without it everything in the spool is unacked, which
 * costs resends and no data.
 */
import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '@metricstream/shared/atomic-file.ts';
import type { DroppedEntry } from './dropped.ts';

export interface Progress {
  journalId: number;
  /** Records from here on came later: unacked. */
  end: number;
  /** Unacked below `end`, ascending. */
  ranges: [from: number, to: number][];
  /** Points unacked below `end`, by epoch: what is missing of them at the next start was lost on disk. */
  held: [epoch: number, points: number][];
  dropped: DroppedEntry[];
}

/** @returns what the file holds, or undefined when there is none or it is not whole. */
export function loadProgress(path: string): Progress | undefined {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Progress;
    const whole = [kept.ranges, kept.held, kept.dropped].every(Array.isArray) && Number.isSafeInteger(kept.end);
    return whole ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** @throws what the system throws: on a full disk the old file stays. */
export function saveProgress(path: string, progress: Progress): void {
  writeFileAtomically(path, JSON.stringify(progress));
}

/** @returns whether the position lies in one of the ascending ranges. */
export function isUnacked(progress: Progress, position: number): boolean {
  if (position >= progress.end) return true;
  return progress.ranges.some(([from, to]) => position >= from && position < to);
}
