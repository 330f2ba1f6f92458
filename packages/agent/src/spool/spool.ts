/**
 * The agent's journal and everything it knows about it: batches wait here until a collector has said yes. Owns the
 * directory `spool/` and promises: a batch whose append succeeded survives power loss until it is acked, rejected or
 * counted as dropped; a failed append costs that batch only; memory does not grow with what is kept.
 */
import { join } from 'node:path';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import type { RecordHead } from '@metricstream/shared/journal/record.ts';
import { Lane, RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { SEGMENT_HEADER_BYTES } from '@metricstream/shared/journal/segment.ts';
import type { Source } from '@metricstream/shared/pump/types.ts';
import { createDropped } from './dropped.ts';
import type { DroppedTotals, DropReason } from './dropped.ts';
import { dropUnkept, makeRoom, save } from './keep.ts';
import { backlogLane, liveLane } from './lanes.ts';
import { loadProgress } from './progress.ts';
import { replaySpool } from './replay.ts';
import type { SpoolOptions, SpoolState } from './state.ts';
import { oldestAgeMs, oldestSeqFor, runwaySeconds, unackedBytes } from './state.ts';
import { createWaker } from './waker.ts';

/** Weight of the newest batch in the smoothed rate that the runway is computed from. */
const RATE_WEIGHT = 0.1;

/** A batch as it is to be kept. */
export interface SpooledBatch {
  seq: number;
  points: number;
  /** Of its first sweep. */
  unixMs: number;
  body: Uint8Array;
}

export type SpoolAppended = { ok: true } | { ok: false; reason: DropReason; why: string };

export interface SpoolStats {
  /** Of records not settled. */
  bytes: number;
  oldestAgeMs: number;
  runwaySeconds: number;
  points: number;
  records: number;
  pointsAcked: number;
  batchesAcked: number;
}

export interface Spool {
  readonly epoch: number;
  /** Points lost on purpose; the batcher adds its own and carries them all. */
  readonly dropped: DroppedTotals;
  readonly live: Source;
  readonly backlog: Source;
  /** Durable when it says ok. On false nothing is kept, and the seq is not used. Never throws for the disk. */
  append(batch: SpooledBatch): SpoolAppended;
  /** What a sending of this record says about the spool, in its headers. */
  sending(record: JournalRecord): { oldestSeq: number; bytes: number; runwaySeconds: number };
  stats(): SpoolStats;
  /** Saves progress. What is being sent counts as unacked. */
  close(): void;
}

/**
 * Opens the spool, replaying what an earlier run left, and begins the running epoch.
 * @throws MetricStreamError `journal_newer`, whatever `beginEpoch` throws, and what the system throws.
 */
export function openSpool(options: SpoolOptions): Spool {
  const progressPath = join(options.dir, 'progress.json');
  const progress = loadProgress(progressPath);
  const { journal, ranges, held, lastEnd, epochMax, damage } = replaySpool(options, progress);
  const epoch = options.beginEpoch(epochMax);
  const dropped = createDropped(epoch, progress?.dropped ?? []);
  for (const loss of damage) dropped.add(loss);
  const state: SpoolState = {
    options,
    journal,
    reader: openJournalReader(options.dir),
    progressPath,
    epoch,
    ranges,
    held,
    dropped,
    waker: createWaker(),
    sending: { live: undefined, backlog: undefined },
    newest: undefined,
    chunk: undefined,
    lastEnd,
    bytes: journal.bytes(),
    keptFrom: 0,
    pointsAcked: 0,
    batchesAcked: 0,
    bytesPerMs: 0,
    lastAppendMs: Number.NaN,
    changedSinceSave: true,
    lastSaveMs: Number.NEGATIVE_INFINITY,
  };
  save(state);
  return {
    epoch,
    dropped,
    live: liveLane(state),
    backlog: backlogLane(state),
    append: (batch) => append(state, batch),
    sending: (record) => ({
      oldestSeq: oldestSeqFor(state, record),
      bytes: unackedBytes(state),
      runwaySeconds: runwaySeconds(state),
    }),
    stats: () => ({
      bytes: unackedBytes(state),
      oldestAgeMs: oldestAgeMs(state),
      runwaySeconds: runwaySeconds(state),
      points: held.points(),
      records: held.records(),
      pointsAcked: state.pointsAcked,
      batchesAcked: state.batchesAcked,
    }),
    close() {
      dropUnkept(state);
      save(state);
      state.reader.close();
      journal.close();
    },
  };
}

function append(state: SpoolState, batch: SpooledBatch): SpoolAppended {
  const { options, journal } = state;
  const bytes = recordLength(options.clientId.length, batch.body.length);
  if (bytes > options.bytesMax / 2) {
    const why = `a batch of ${bytes} bytes is more than half of spool.max_bytes, ${options.bytesMax}`;
    return { ok: false, reason: 'too_large', why };
  }
  makeRoom(state, bytes + SEGMENT_HEADER_BYTES);
  const head: RecordHead = {
    kind: RecordKind.batch,
    lane: Lane.live,
    clientId: options.clientId,
    points: batch.points,
    epoch: state.epoch,
    seq: batch.seq,
    oldestSeq: 0,
    receivedUnixMs: batch.unixMs,
  };
  const frame = new Uint8Array(bytes);
  const view = new DataView(frame.buffer);
  writeRecord(frame, view, 0, head, batch.body);
  const before = journal.durable.get();
  const appended = journal.append([frame], { bytes, records: 1, points: batch.points });
  // A failed append may have begun a segment; its header counts too.
  state.bytes += journal.durable.get() - before;
  if (!appended.ok) return { ok: false, reason: 'spool_write_failed', why: appended.why };
  const place = { start: appended.end - bytes, end: appended.end, previousEnd: state.lastEnd };
  state.lastEnd = appended.end;
  state.ranges.append(place, batch.seq, batch.unixMs);
  state.held.add(state.epoch, batch.points);
  state.newest = { place, record: { ...head, bodyCrc: view.getUint32(8, true), body: batch.body } };
  measureRate(state, bytes);
  state.changedSinceSave = true;
  state.waker.wake();
  return { ok: true };
}

function measureRate(state: SpoolState, bytes: number): void {
  const nowMs = state.options.clock.monotonicMs();
  const sinceMs = nowMs - state.lastAppendMs;
  state.lastAppendMs = nowMs;
  if (!(sinceMs > 0)) return;
  const rate = bytes / sinceMs;
  state.bytesPerMs = state.bytesPerMs === 0 ? rate : state.bytesPerMs + RATE_WEIGHT * (rate - state.bytesPerMs);
}
