/**
 * What the spool keeps on disk and for how long. Owns saving progress, deleting settled segments and the bound in
 * bytes, and promises: progress is saved before the segments it settles are deleted, points that the bound costs are
 * counted with their range before they go, and a full disk never keeps settled segments from being deleted.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { listSegments } from '@metricstream/shared/journal/segment.ts';
import { type Loss, lossOf } from './dropped.ts';
import { saveProgress } from './progress.ts';
import { recount } from './read.ts';
import type { SpoolState } from './state.ts';
import { lowestUnacked } from './state.ts';

const SAVE_EVERY_MS = 1000;
const READ_BYTES = 256 * 1024;

/** Saves when something has changed and the last time is long enough ago; resends after a crash are deduplicated. */
export function saveSometimes(state: SpoolState): void {
  if (state.changedSinceSave && state.options.clock.monotonicMs() - state.lastSaveMs >= SAVE_EVERY_MS) save(state);
}

/** Saves progress, then deletes the segments that are settled. On a full disk the deletion makes the room. */
export function save(state: SpoolState): void {
  state.lastSaveMs = state.options.clock.monotonicMs();
  state.dropped.forget(state.held);
  let failure = trySave(state);
  retainFrom(state, lowestUnacked(state));
  if (failure !== undefined) failure = trySave(state);
  state.changedSinceSave = failure !== undefined;
  if (failure !== undefined)
    state.options.log.warn('spool: progress not saved; batches already acked would be sent again after a crash', {
      path: state.progressPath,
      why: failure,
    });
}

function retainFrom(state: SpoolState, position: number): void {
  state.journal.retainFrom(position);
  state.bytes = state.journal.bytes();
  state.keptFrom = state.journal.oldest();
}

function trySave(state: SpoolState): string | undefined {
  const ranges = state.ranges.list.map((range): [number, number] => [range.from, range.to]);
  for (const placed of Object.values(state.sending)) if (placed) ranges.push([placed.place.start, placed.place.end]);
  try {
    saveProgress(state.progressPath, {
      journalId: state.journal.id,
      end: state.journal.durable.get(),
      ranges: ranges.sort((a, b) => a[0] - b[0]),
      held: state.held.entries(),
      dropped: state.dropped.entries(),
    });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Makes room for `bytes` more: first what is settled goes, then the oldest segments, counted as dropped(spool_full). */
export function makeRoom(state: SpoolState, bytes: number): void {
  const { bytesMax } = state.options;
  if (state.bytes + bytes <= bytesMax) return;
  save(state);
  while (state.bytes + bytes > bytesMax && dropOldestSegment(state));
}

/** @returns false when there is none but the one being written. */
function dropOldestSegment(state: SpoolState): boolean {
  const [oldest, following] = listSegments(state.options.dir);
  if (!oldest || !following) return false;
  const end = following.base;
  const { losses, lastSeq, whole } = lossesBelow(state, end);
  if (state.newest && state.newest.place.start < end) state.newest = undefined;
  state.ranges.dropBelow(end, lastSeq === 0 ? 0 : lastSeq + 1);
  for (const loss of losses) state.dropped.add(loss);
  if (!whole) recount(state);
  const before = state.bytes;
  save(state);
  // A record of it that is being sent keeps the segment's place in the progress, not its bytes.
  retainFrom(state, end);
  const points = losses.reduce((sum, loss) => sum + loss.points, 0);
  if (points > 0)
    state.options.log.warn('spool full: the oldest batches are dropped', { points, reason: 'spool_full' });
  return state.bytes < before;
}

/** At the end: what was being sent while the bound took its segment cannot be sent again, so it counts as dropped. */
export function dropUnkept(state: SpoolState): void {
  for (const lane of ['live', 'backlog'] as const) {
    const placed = state.sending[lane];
    if (!placed || placed.place.start >= state.keptFrom) continue;
    state.sending[lane] = undefined;
    state.held.remove(placed.record.epoch, placed.record.points);
    state.dropped.add(lossOf(placed.record, 'spool_full'));
  }
}

/** What lies unacked below a position, one loss per epoch, taken off `held`; `whole` false when some was unreadable. */
function lossesBelow(state: SpoolState, end: number): { losses: Loss[]; lastSeq: number; whole: boolean } {
  const losses = new Map<number, Loss>();
  let lastSeq = 0;
  let whole = true;
  const reader = openJournalReader(state.options.dir);
  try {
    for (const range of state.ranges.list) {
      const to = Math.min(range.to, end);
      for (let at = range.from; at < to; ) {
        const chunk = reader.read(at, to, READ_BYTES);
        if (chunk.skipped.length > 0 || chunk.next <= at) whole = false;
        for (const record of chunk.records) {
          addLoss(losses, record);
          state.held.remove(record.epoch, record.points);
          if (record.epoch === state.epoch) lastSeq = record.seq;
        }
        if (chunk.next <= at) break;
        at = chunk.next;
      }
    }
  } catch (error) {
    whole = false;
    state.options.log.warn('spool: cannot read what is being dropped', { why: messageOf(error) });
  } finally {
    reader.close();
  }
  return { losses: [...losses.values()], lastSeq, whole };
}

function addLoss(losses: Map<number, Loss>, record: JournalRecord): void {
  const loss = losses.get(record.epoch);
  if (!loss) {
    losses.set(record.epoch, lossOf(record, 'spool_full'));
    return;
  }
  loss.points += record.points;
  loss.lastSeq = record.seq;
  loss.lastUnixMs = record.receivedUnixMs;
}
