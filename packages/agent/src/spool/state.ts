/**
 * What the spool knows in memory. Owns the types and what is derived from them. Invariant: every record in the journal
 * is settled, or lies in `ranges`, or is in one of the two `sending` places; `held` counts exactly the latter two.
 */
import type { Clock } from '@metricstream/shared/clock.ts';
import type { Journal, JournalFs } from '@metricstream/shared/journal/journal.ts';
import type { Chunk, JournalReader } from '@metricstream/shared/journal/reader.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { DroppedTotals } from './dropped.ts';
import type { Held } from './held.ts';
import type { Place, Ranges } from './ranges.ts';
import type { Waker } from './waker.ts';

/** Beyond it the live lane pauses, so that the list stays bounded. */
export const RANGES_MAX = 1024;
const SEGMENT_BYTES_MIN = 1024 * 1024;
const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;

export type LaneName = 'live' | 'backlog';

export interface SpoolOptions {
  /** Made when missing. The caller holds its lock. */
  dir: string;
  clientId: string;
  /** On disk, all segments together; the oldest whole segments go when it is reached. */
  bytesMax: number;
  /** Records swept longer ago are dropped instead of sent by the backlog lane. */
  ageMaxMs: number;
  /** Begins the running epoch, above every epoch found in the spool. */
  beginEpoch(atLeastAbove: number): number;
  clock: Clock;
  log: Log;
  /** Default: a sixteenth of bytesMax, within 1 … 16 MiB. */
  segmentBytesMax?: number;
  /** Tests put disk faults in here. */
  fs?: JournalFs;
}

/** A record and where it is. */
export interface Placed {
  place: Place;
  record: JournalRecord;
}

export interface SpoolState {
  readonly options: SpoolOptions;
  readonly journal: Journal;
  /** The backlog lane's; a delivery's body lies in its buffer. */
  readonly reader: JournalReader;
  readonly progressPath: string;
  readonly epoch: number;
  readonly ranges: Ranges;
  readonly held: Held;
  readonly dropped: DroppedTotals;
  readonly waker: Waker;
  readonly sending: Record<LaneName, Placed | undefined>;
  /** The newest record, still in `ranges`, while the live lane has not taken it. */
  newest: Placed | undefined;
  /** What the reader read last, and how much of it is used. */
  chunk: { chunk: Chunk; used: number } | undefined;
  /** End of the newest record ever appended. */
  lastEnd: number;
  /** On disk. */
  bytes: number;
  /** Position of the oldest byte on disk; a record being sent may lie below, when the bound took its segment. */
  keptFrom: number;
  pointsAcked: number;
  batchesAcked: number;
  /** Bytes per ms that sampling adds, smoothed; 0 while unknown. */
  bytesPerMs: number;
  lastAppendMs: number;
  changedSinceSave: boolean;
  lastSaveMs: number;
}

/** @returns a sixteenth of the bound, within 1 … 16 MiB, and never more than half of it. */
export function segmentBytesOf(bytesMax: number): number {
  const sixteenth = Math.min(Math.max(bytesMax / 16, SEGMENT_BYTES_MIN), SEGMENT_BYTES_MAX);
  return Math.floor(Math.min(sixteenth, bytesMax / 2));
}

/** @returns the position below which everything is settled. */
export function lowestUnacked(state: SpoolState): number {
  let lowest = state.ranges.list[0]?.from ?? state.journal.durable.get();
  for (const placed of Object.values(state.sending)) if (placed) lowest = Math.min(lowest, placed.place.start);
  return lowest;
}

/**
 * The `Oldest-Seq` of a sending: the lowest seq of the record's epoch that is still held. Earlier epochs are
 * sent in order by one lane, so there it is the record's own.
 */
export function oldestSeqFor(state: SpoolState, record: JournalRecord): number {
  if (record.epoch !== state.epoch) return record.seq;
  let lowest = state.ranges.list.find((range) => range.firstSeq > 0)?.firstSeq ?? record.seq;
  for (const placed of Object.values(state.sending))
    if (placed?.record.epoch === state.epoch) lowest = Math.min(lowest, placed.record.seq);
  return Math.min(lowest, record.seq);
}

/** @returns how long ago the oldest unacked record was swept, in ms; 0 when there is none. */
export function oldestAgeMs(state: SpoolState): number {
  let since = state.ranges.list[0]?.sinceUnixMs ?? Number.POSITIVE_INFINITY;
  for (const placed of Object.values(state.sending)) if (placed) since = Math.min(since, placed.record.receivedUnixMs);
  return since === Number.POSITIVE_INFINITY ? 0 : Math.max(0, state.options.clock.unixMs() - since);
}

/** @returns bytes of records that are not settled. */
export function unackedBytes(state: SpoolState): number {
  let bytes = state.ranges.bytes();
  for (const placed of Object.values(state.sending)) if (placed) bytes += placed.place.end - placed.place.start;
  return bytes;
}

/** @returns seconds until the first point would be lost if nothing were acked from now on. */
export function runwaySeconds(state: SpoolState): number {
  const { bytesMax, ageMaxMs } = state.options;
  const byAgeMs = ageMaxMs - oldestAgeMs(state);
  const left = bytesMax - unackedBytes(state);
  const byBytesMs = state.bytesPerMs > 0 ? left / state.bytesPerMs : Number.POSITIVE_INFINITY;
  return Math.max(0, Math.floor(Math.min(byAgeMs, byBytesMs) / 1000));
}
