/**
 * What an earlier run left in the spool. Owns the comparison of the kept progress with what is really there, and
 * promises: every whole record that was not settled is unacked again, and points that the progress knew of but the
 * disk no longer has are counted as dropped(spool_damaged) under their own epoch.
 */
import { existsSync } from 'node:fs';
import { openJournal } from '@metricstream/shared/journal/journal.ts';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { RecordKind, recordLength } from '@metricstream/shared/journal/record.ts';
import { readHeader } from '@metricstream/shared/journal/recover.ts';
import { listSegments, SEGMENT_HEADER_BYTES } from '@metricstream/shared/journal/segment.ts';
import type { Loss } from './dropped.ts';
import { createHeld } from './held.ts';
import type { Held } from './held.ts';
import type { Progress } from './progress.ts';
import { isUnacked } from './progress.ts';
import { createRanges } from './ranges.ts';
import type { Ranges } from './ranges.ts';
import type { SpoolOptions } from './state.ts';
import { segmentBytesOf } from './state.ts';

export interface Replayed {
  journal: Journal;
  ranges: Ranges;
  held: Held;
  /** End of the newest record. */
  lastEnd: number;
  /** Highest epoch of any record or dropped total; 0 when there is none. */
  epochMax: number;
  damage: Loss[];
}

/** Opens the journal in `options.dir`. @throws MetricStreamError `journal_newer` and what the system throws. */
export function replaySpool(options: SpoolOptions, kept: Progress | undefined): Replayed {
  const progress = kept && ofJournalIn(options.dir, kept);
  const ranges = createRanges();
  const held = createHeld();
  const foundBelow = new Map<number, number>();
  let lastEnd = 0;
  let epochMax = 0;
  for (const entry of progress?.dropped ?? []) epochMax = Math.max(epochMax, entry.epoch);

  function onRecord(record: JournalRecord, start: number): void {
    if (record.kind !== RecordKind.batch) return;
    const end = start + recordLength(record.clientId.length, record.body.length);
    epochMax = Math.max(epochMax, record.epoch);
    if (!progress || isUnacked(progress, start)) {
      // A hole that is not a header was damage: the range ends before it, so that nobody trips over it again.
      const whole = start === lastEnd || start === lastEnd + SEGMENT_HEADER_BYTES;
      ranges.append({ start, end, previousEnd: whole ? lastEnd : -1 }, 0, record.receivedUnixMs);
      held.add(record.epoch, record.points);
      if (progress && start < progress.end)
        foundBelow.set(record.epoch, (foundBelow.get(record.epoch) ?? 0) + record.points);
    }
    lastEnd = end;
  }

  const journal = openJournal({
    dir: options.dir,
    segmentBytesMax: options.segmentBytesMax ?? segmentBytesOf(options.bytesMax),
    replay: 'all',
    onRecord,
    nowUnixMs: () => options.clock.unixMs(),
    ...(options.fs ? { fs: options.fs } : {}),
  });
  const damage = missing(progress, foundBelow, options.clock.unixMs());
  report(options, journal, damage);
  return { journal, ranges, held, lastEnd, epochMax, damage };
}

/** Positions of another journal (its files were deleted or replaced) say nothing here: then everything is unacked. */
function ofJournalIn(dir: string, kept: Progress): Progress {
  const newest = existsSync(dir) ? listSegments(dir).at(-1) : undefined;
  const journalId = newest && readHeader(newest)?.journalId;
  return journalId === kept.journalId ? kept : { ...kept, end: 0, ranges: [] };
}

function missing(progress: Progress | undefined, found: ReadonlyMap<number, number>, nowMs: number): Loss[] {
  const losses: Loss[] = [];
  for (const [epoch, points] of progress?.held ?? []) {
    const lost = points - (found.get(epoch) ?? 0);
    const nowhere = { firstSeq: 0, lastSeq: 0, firstUnixMs: nowMs, lastUnixMs: nowMs };
    if (lost > 0) losses.push({ epoch, reason: 'spool_damaged', points: lost, ...nowhere });
  }
  return losses;
}

function report(options: SpoolOptions, journal: Journal, damage: readonly Loss[]): void {
  const points = damage.reduce((sum, loss) => sum + loss.points, 0);
  const { damagedBytes, setAside } = journal.recovered;
  if (points === 0 && damagedBytes === 0) return;
  options.log.error('spool damaged: what could not be read was set aside', {
    points_lost: points,
    damaged_bytes: damagedBytes,
    files: setAside.slice(0, 4),
  });
}
