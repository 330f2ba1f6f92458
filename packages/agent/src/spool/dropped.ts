/**
 * Points lost on purpose, as running totals per epoch and reason. Owns the totals and what of them a collector has
 * heard, and promises: a total never shrinks while it is kept, an earlier epoch's total is carried until a batch that
 * carried its present value was acked, and the list is bounded (beyond, the oldest epochs are added together).
 */
import type { Dropped } from '@metricstream/proto/batch.ts';
import type { RecordHead } from '@metricstream/shared/journal/record.ts';

/** Entries carried by one batch at most. */
export const DROPPED_ENTRIES_MAX = 64;

export type DropReason =
  | 'not_finite'
  | 'spool_write_failed'
  | 'spool_full'
  | 'spool_damaged'
  | 'expired'
  | 'rejected'
  | 'too_large';

/** Points of one epoch; seqs 0 where none was given out or none is known, times in Unix ms. */
export interface Loss {
  epoch: number;
  reason: DropReason;
  points: number;
  firstSeq: number;
  lastSeq: number;
  firstUnixMs: number;
  lastUnixMs: number;
}

/** As it is kept on disk too. */
export interface DroppedEntry extends Loss {
  /** A batch that carried the present total was acked. */
  heard: boolean;
}

export interface DroppedTotals {
  /** By reason, since this program began. */
  readonly thisRun: Readonly<Record<string, number>>;
  add(loss: Loss): void;
  /** What the batch with this seq of the running epoch has to carry. */
  carriedBy(seq: number): Dropped[];
  /** That batch was acked. */
  acked(seq: number): void;
  /** Forgets earlier epochs that a collector has heard of and that can lose no more. */
  forget(epochsHeld: { has(epoch: number): boolean }): void;
  entries(): DroppedEntry[];
}

interface Entry extends DroppedEntry {
  /** The lowest seq of the running epoch whose batch carried the present total; 0 for none. */
  carriedFrom: number;
}

export function createDropped(epoch: number, kept: readonly DroppedEntry[]): DroppedTotals {
  const entries: Entry[] = kept.map((entry) => ({ ...entry, carriedFrom: 0 }));
  const thisRun: Record<string, number> = {};

  function bound(): void {
    while (entries.length > DROPPED_ENTRIES_MAX) {
      entries.sort((a, b) => a.epoch - b.epoch);
      const oldest = entries.shift() as Entry;
      const heir = entries.find((entry) => entry.reason === oldest.reason) ?? entries[0];
      if (heir) merge(heir, oldest);
    }
  }

  return {
    thisRun,
    add(loss) {
      if (loss.points <= 0) return;
      thisRun[loss.reason] = (thisRun[loss.reason] ?? 0) + loss.points;
      const known = entries.find((entry) => entry.epoch === loss.epoch && entry.reason === loss.reason);
      if (known) merge(known, loss);
      else entries.push({ ...loss, heard: false, carriedFrom: 0 });
      bound();
    },
    carriedBy(seq) {
      const carried: Dropped[] = [];
      for (const entry of entries) {
        if (entry.heard && entry.epoch !== epoch) continue;
        if (entry.carriedFrom === 0) entry.carriedFrom = seq;
        carried.push(onTheWire(entry));
      }
      return carried;
    },
    acked(seq) {
      for (const entry of entries) if (entry.carriedFrom > 0 && seq >= entry.carriedFrom) entry.heard = true;
    },
    forget(epochsHeld) {
      for (let i = entries.length - 1; i >= 0; i--) {
        const entry = entries[i] as Entry;
        if (entry.heard && entry.epoch !== epoch && !epochsHeld.has(entry.epoch)) entries.splice(i, 1);
      }
    },
    entries: () => entries.map(keptForm),
  };
}

/** @returns the loss of this one record. */
export function lossOf(record: RecordHead, reason: Loss['reason']): Loss {
  const { epoch, points, seq, receivedUnixMs } = record;
  return {
    epoch,
    reason,
    points,
    firstSeq: seq,
    lastSeq: seq,
    firstUnixMs: receivedUnixMs,
    lastUnixMs: receivedUnixMs,
  };
}

function keptForm({ epoch, reason, points, firstSeq, lastSeq, firstUnixMs, lastUnixMs, heard }: Entry): DroppedEntry {
  return { epoch, reason, points, firstSeq, lastSeq, firstUnixMs, lastUnixMs, heard };
}

function merge(into: Entry, loss: Loss): void {
  into.points += loss.points;
  into.firstSeq = lowestKnown(into.firstSeq, loss.firstSeq);
  into.lastSeq = Math.max(into.lastSeq, loss.lastSeq);
  into.firstUnixMs = Math.min(into.firstUnixMs, loss.firstUnixMs);
  into.lastUnixMs = Math.max(into.lastUnixMs, loss.lastUnixMs);
  into.heard = false;
  into.carriedFrom = 0;
}

function lowestKnown(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b);
}

function onTheWire(entry: Entry): Dropped {
  return {
    epoch: entry.epoch,
    reason: entry.reason,
    points: entry.points,
    firstSeq: entry.firstSeq,
    lastSeq: entry.lastSeq,
    firstTimeUnixNano: BigInt(entry.firstUnixMs) * 1_000_000n,
    lastTimeUnixNano: BigInt(entry.lastUnixMs) * 1_000_000n,
  };
}
