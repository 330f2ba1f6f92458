/**
 * A journal as the source of a pump. Owns one cursor, and promises that it never passes what the pump has not
 * committed, that what it cannot give is counted with its reason, and that it lingers so that a sink gets few large
 * deliveries instead of many small ones.
 */
import { sleep } from '../clock.ts';
import type { Committed, Delivery, Source } from '../pump/types.ts';
import type { CursorState } from './cursor.ts';
import { addDropped, addTotals, emptyTotals, loadCursor, passedIn, saveCursor } from './cursor.ts';
import type { DurablePosition } from './position.ts';
import type { Chunk, Skipped } from './reader.ts';
import { openJournalReader, pointsBefore } from './reader.ts';
import { listSegments } from './segment.ts';

export interface JournalSourceOptions {
  dir: string;
  journalId: number;
  durable: DurablePosition;
  cursorPath: string;
  /** About how many bytes of batches one delivery holds. */
  deliveryBytesMax: number;
  /** Time between the starts of two deliveries, unless there is a full one to give. */
  lingerMs: number;
  /** Damage, retention, a cursor that is damaged or of another journal: told once each, as it is met. */
  onAlarm(alarm: CursorAlarm): void;
  /** The cursor has moved, for whoever deletes segments. */
  onCommit?(position: number): void;
}

export type CursorAlarm =
  | { alarm: 'skipped'; skipped: Skipped; points: number }
  | { alarm: 'damaged_cursor'; path: string }
  | { alarm: 'foreign_journal'; position: number };

export interface JournalSource extends Source {
  readonly cursor: CursorState;
  /** Points committed, dead-lettered or dropped so far, plus those of before this cursor's life. */
  pointsPassed(): number;
  close(): void;
}

export function openJournalSource(options: JournalSourceOptions): JournalSource {
  const reader = openJournalReader(options.dir);
  const cursor = startingCursor(options);
  let taken: Chunk | undefined;
  let lastTakeMs = 0;

  const pointsPassed = (): number => cursor.pointsBefore + passedIn(cursor.totals);

  /** Moves past what could not be read; the points of a retention gap are known exactly, by difference. */
  function countSkipped(skipped: Skipped[]): void {
    for (const gap of skipped) {
      const points = gap.pointsBeforeTo === undefined ? 0 : Math.max(0, gap.pointsBeforeTo - pointsPassed());
      addDropped(cursor.totals, reasonOf(gap), points);
      options.onAlarm({ alarm: 'skipped', skipped: gap, points });
    }
  }

  async function linger(signal: AbortSignal): Promise<void> {
    const waitMs = lastTakeMs + options.lingerMs - performance.now();
    const backlog = options.durable.get() - cursor.position;
    if (waitMs <= 0 || backlog >= options.deliveryBytesMax) return;
    await sleep(waitMs, signal);
  }

  /** The file first: a cursor that could not be saved has not moved. */
  function save(after: CursorState): void {
    saveCursor(options.cursorPath, after);
    Object.assign(cursor, after);
    options.onCommit?.(after.position);
  }

  return {
    cursor,
    pointsPassed,
    async take(signal) {
      for (;;) {
        const limit = options.durable.get();
        if (cursor.position < limit) {
          await linger(signal);
          const chunk = reader.read(cursor.position, options.durable.get(), options.deliveryBytesMax);
          lastTakeMs = performance.now();
          countSkipped(chunk.skipped);
          if (chunk.records.length > 0) {
            taken = chunk;
            return { records: chunk.records, bytes: chunk.bytes };
          }
          if (chunk.next > cursor.position) save({ ...cursor, position: chunk.next });
        } else if (signal.aborted) {
          return undefined;
        } else {
          await options.durable.changed(limit, signal);
        }
      }
    },
    commit(_delivery: Delivery, done: Committed) {
      if (!taken) throw new Error('commit without take');
      // A copy: where it cannot be saved, nothing has moved.
      const totals = structuredClone(cursor.totals);
      addTotals(totals, done);
      const sink = done.state === undefined ? cursor.sink : done.state;
      save({ ...cursor, position: taken.next, sink, totals });
      taken = undefined;
    },
    close: () => reader.close(),
  };
}

/** @returns under which reason the points of a gap are counted as dropped. */
export function reasonOf({ why }: Skipped): string {
  return why === 'retention' ? 'journal_full' : 'journal_damaged';
}

/** The journal's owner has seen to it that the cursor is not beyond the end (`bringCursorBack`). */
function startingCursor(options: JournalSourceOptions): CursorState {
  const loaded = loadCursor(options.cursorPath);
  if (loaded === 'damaged') options.onAlarm({ alarm: 'damaged_cursor', path: options.cursorPath });
  const kept = loaded === 'damaged' ? undefined : loaded;
  if (kept?.journalId === options.journalId) return kept;
  if (kept) options.onAlarm({ alarm: 'foreign_journal', position: kept.position });
  const position = listSegments(options.dir)[0]?.base ?? options.durable.get();
  return {
    journalId: options.journalId,
    position,
    pointsBefore: pointsBefore(options.dir, position).points,
    sink: kept?.sink,
    totals: emptyTotals(),
  };
}
