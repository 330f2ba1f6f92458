/**
 * Which segments may go. Owns the journal's size bound and promises: a segment goes when every sink has passed it; at
 * the bound, sinks that are not required are passed over (their own source counts what they lost, to the point), and
 * a required one stops ingest instead. A directory that cannot be read at the moment makes no room, and nothing worse.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import { openDurablePosition } from '@metricstream/shared/journal/position.ts';
import type { SinkCursor } from './messages.ts';

const HOUSEKEEP_MS = 1000;
/** When the journal is full, how often the directory is looked at again. */
const RECHECK_MS = 100;

export interface Retention {
  /** Deletes what all sinks have passed; looks at most once a second. */
  housekeep(): void;
  /** @returns whether the journal may grow by this much; makes room first when it can. */
  hasRoom(bytes: number): boolean;
  oldest(): number;
  /** Times that a sink which is not required was passed over. */
  forced(): number;
}

export interface RetentionOptions {
  journal: Pick<Journal, 'retainFrom' | 'oldest' | 'durable'>;
  journalBytesMax: number;
  sinks: readonly SinkCursor[];
  /** Told why segments could not be looked at or deleted. */
  onFailure(why: string): void;
  monotonicMs?: () => number;
}

export function createRetention(options: RetentionOptions): Retention {
  const { journal, journalBytesMax, sinks, monotonicMs = () => performance.now() } = options;
  const cursors = sinks.map((sink) => ({ cell: openDurablePosition(sink.position), required: sink.required }));
  let oldest = journal.oldest();
  let housekeptMs = Number.NEGATIVE_INFINITY;
  let recheckedMs = Number.NEGATIVE_INFINITY;
  let forced = 0;

  function lowest(requiredOnly: boolean): number {
    let position = journal.durable.get();
    for (const { cell, required } of cursors) if (required || !requiredOnly) position = Math.min(position, cell.get());
    return position;
  }

  function retain(position: number, untilBytes?: number): void {
    try {
      journal.retainFrom(position, untilBytes);
      oldest = journal.oldest();
    } catch (error) {
      options.onFailure(messageOf(error));
    }
  }

  const fits = (bytes: number): boolean => journal.durable.get() - oldest + bytes <= journalBytesMax;

  return {
    housekeep() {
      const nowMs = monotonicMs();
      if (nowMs - housekeptMs < HOUSEKEEP_MS) return;
      housekeptMs = nowMs;
      retain(lowest(false));
    },
    hasRoom(bytes) {
      if (fits(bytes)) return true;
      const nowMs = monotonicMs();
      if (nowMs - recheckedMs < RECHECK_MS) return false;
      recheckedMs = nowMs;
      retain(lowest(false));
      if (fits(bytes)) return true;
      const before = oldest;
      retain(lowest(true), Math.max(0, journalBytesMax - bytes));
      if (oldest > before) forced++;
      return fits(bytes);
    },
    oldest: () => oldest,
    forced: () => forced,
  };
}
