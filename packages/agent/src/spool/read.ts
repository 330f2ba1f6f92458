/**
 * Finding the oldest record that is to be sent. Owns the walk over ranges, expiry and damage, and promises: a record is
 * found at most once, one too old is dropped and counted, and what the disk has lost is taken off the books, exactly,
 * by counting again what is left.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import { type RecordHead, recordLength } from '@metricstream/shared/journal/record.ts';
import { lossOf } from './dropped.ts';
import type { Range } from './ranges.ts';
import type { Placed, SpoolState } from './state.ts';

/** One read serves several small records. */
const READ_BYTES = 64 * 1024;
const RECOUNT_READ_BYTES = 256 * 1024;
/** Records dropped for their age before others get a turn. */
const EXPIRED_PER_TURN_MAX = 256;

/**
 * Takes the oldest record out of `ranges`. Never the newest one, which is the live lane's.
 * @returns the record, `more` when it should be asked again after a turn of the event loop, or undefined for none.
 */
export function takeOldest(state: SpoolState): Placed | 'more' | undefined {
  for (let dropped = 0; dropped < EXPIRED_PER_TURN_MAX; ) {
    const first = state.ranges.list[0];
    const limit = first === undefined ? 0 : limitOf(state, first);
    if (first === undefined || limit <= first.from) return undefined;
    const found = nextIn(state, first.from, limit);
    if (found === undefined) {
      // Nothing there can be read: what was held there is counted as lost, and the range goes on behind it.
      state.ranges.skipFirst(limit, state.newest?.record.seq ?? 0);
      recount(state);
      continue;
    }
    const { record, place } = found;
    state.ranges.skipFirst(place.start, record.seq);
    state.ranges.takeFirst(place.end, record.receivedUnixMs);
    if (state.options.clock.unixMs() - record.receivedUnixMs <= state.options.ageMaxMs) return found;
    state.held.remove(record.epoch, record.points);
    state.dropped.add(lossOf(record, 'expired'));
    state.changedSinceSave = true;
    dropped++;
  }
  return 'more';
}

function limitOf(state: SpoolState, range: Readonly<Range>): number {
  return state.newest?.place.end === range.to ? state.newest.place.previousEnd : range.to;
}

/** The first record at or behind `from`, from what was read before or by reading. */
function nextIn(state: SpoolState, from: number, limit: number): Placed | undefined {
  return cached(state, from, limit) ?? (readChunk(state, from, limit) ? cached(state, from, limit) : undefined);
}

function cached(state: SpoolState, from: number, limit: number): Placed | undefined {
  const kept = state.chunk;
  if (!kept) return undefined;
  const { records, positions } = kept.chunk;
  while (kept.used < records.length && (positions[kept.used] as number) < from) kept.used++;
  const record = records[kept.used];
  const start = positions[kept.used];
  if (!record || start === undefined || start >= limit) return undefined;
  const end = start + recordLength(record.clientId.length, record.body.length);
  return { record, place: { start, end, previousEnd: from } };
}

/** @returns false when there is no record in the stretch. */
function readChunk(state: SpoolState, from: number, limit: number): boolean {
  const chunk = state.reader.read(from, limit, READ_BYTES);
  state.chunk = { chunk, used: 0 };
  if (chunk.records.length > 0 && chunk.skipped.length > 0) recount(state);
  return chunk.records.length > 0;
}

/**
 * Counts what is readable and takes the rest off the books as dropped(spool_damaged), by epoch. Reads the whole spool:
 * for the rare moment when a read has found damage. When the reading itself fails the books stay as they are.
 */
export function recount(state: SpoolState): void {
  const found = new Map<number, Counted>();
  for (const placed of [state.sending.live, state.sending.backlog, state.newest])
    if (placed) count(found, placed.record);
  try {
    countRanges(state, found);
  } catch (error) {
    state.options.log.error('spool: cannot be read to count what is left', { why: messageOf(error) });
    return;
  }
  const nowMs = state.options.clock.unixMs();
  const nowhere = { firstSeq: 0, lastSeq: 0, firstUnixMs: nowMs, lastUnixMs: nowMs };
  for (const [epoch] of state.held.entries()) {
    const points = state.held.correct(epoch, found.get(epoch) ?? { records: 0, points: 0 });
    if (points <= 0) continue;
    state.dropped.add({ epoch, reason: 'spool_damaged', points, ...nowhere });
    state.options.log.error('spool damaged: batches cannot be read back and are lost', { epoch, points });
  }
  state.changedSinceSave = true;
}

interface Counted {
  records: number;
  points: number;
}

function count(found: Map<number, Counted>, record: RecordHead): void {
  const counted = found.get(record.epoch) ?? { records: 0, points: 0 };
  found.set(record.epoch, { records: counted.records + 1, points: counted.points + record.points });
}

function countRanges(state: SpoolState, found: Map<number, Counted>): void {
  const reader = openJournalReader(state.options.dir);
  try {
    for (const range of state.ranges.list) {
      const to = limitOf(state, range);
      for (let at = range.from; at < to; ) {
        const chunk = reader.read(at, to, RECOUNT_READ_BYTES);
        for (const record of chunk.records) count(found, record);
        if (chunk.next <= at) break;
        at = chunk.next;
      }
    }
  } finally {
    reader.close();
  }
}
