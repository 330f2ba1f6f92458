/**
 * The append-only log of batches: the agent's spool and the collector's journal. Owns the newest segment's file and
 * promises: what `append` said yes to survives power loss (it was fdatasynced); a failed write or sync is never tried
 * again on the same file, its bytes are never read back, and the next append starts a new segment that says so.
 * One writer, on one thread, synchronous; readers on any thread follow `durable`.
 */
import * as nodeFs from 'node:fs';
import { join } from 'node:path';
import { MetricStreamError, messageOf } from '../errors.ts';
import type { DurablePosition } from './position.ts';
import { createDurablePosition } from './position.ts';
import type { JournalRecord } from './record.ts';
import { RecordKind, recordLength, writeRecord } from './record.ts';
import type { Recovered } from './recover.ts';
import { recover } from './recover.ts';
import { encodeSegmentHeader, listSegments, segmentName } from './segment.ts';

/** The calls a journal makes of the disk; tests put faults in here. */
export type JournalFs = Pick<
  typeof nodeFs,
  'openSync' | 'writevSync' | 'fdatasyncSync' | 'fsyncSync' | 'closeSync' | 'unlinkSync' | 'ftruncateSync'
>;

export interface JournalOptions {
  dir: string;
  /** A new segment is begun when the running one would grow past it. */
  segmentBytesMax: number;
  replay: 'all' | 'from-snapshot';
  /** Called for each record an earlier run left, in order, snapshots included. */
  onRecord(record: JournalRecord, position: number): void;
  /** State that a new segment opens with, so that older ones may go. */
  snapshot?: () => Uint8Array;
  nowUnixMs(): number;
  fs?: JournalFs;
  /** The cell to publish in; a new one when absent. */
  durable?: DurablePosition;
}

export type Appended = { ok: true; end: number } | { ok: false; why: string; code: string };

export interface Journal {
  readonly id: number;
  readonly durable: DurablePosition;
  readonly recovered: Recovered;
  /** Batches and points ever appended, earlier runs included. */
  readonly totals: { records: number; points: number };
  /** Bytes on disk, failed tails included. */
  bytes(): number;
  /** Position of the oldest byte kept. */
  oldest(): number;
  /** Writes these bytes (whole records) and syncs them, all or nothing. */
  append(views: readonly Uint8Array[], what: { bytes: number; records: number; points: number }): Appended;
  /**
   * Deletes, oldest first, the segments that end at or below `position`, but no more of them than needed to come down
   * to `untilBytes`, and never the newest: the journal's id, totals and state are found in it. Works on a full disk.
   */
  retainFrom(position: number, untilBytes?: number): void;
  close(): void;
}

const IOV_MAX = 1024;

/**
 * Recovers the directory (the caller holds its lock) and opens it for appending, always on a new segment.
 * @throws MetricStreamError `journal_newer`, or `io` when what an earlier run left cannot be made durable.
 */
export function openJournal(options: JournalOptions): Journal {
  const recovered = recover(options);
  syncNewest(options.fs ?? nodeFs, options.dir);
  const durable = options.durable ?? createDurablePosition();
  durable.advance(recovered.end);
  return createJournal(options, recovered, durable);
}

/**
 * A program killed between write and sync leaves whole records that only the page cache holds: recovery finds them, and
 * whoever sends them again is told that they are known. All older segments were synced before the newest was begun.
 */
function syncNewest(fs: JournalFs, dir: string): void {
  const newest = listSegments(dir).at(-1);
  if (!newest) return;
  const fd = fs.openSync(newest.path, 'r');
  try {
    fs.fdatasyncSync(fd);
  } catch (cause) {
    throw new MetricStreamError('io', `${newest.path} cannot be synced: ${messageOf(cause)}; check the disk`, {
      cause,
    });
  } finally {
    fs.closeSync(fd);
  }
}

function createJournal(options: JournalOptions, recovered: Recovered, durable: DurablePosition): Journal {
  const fs = options.fs ?? nodeFs;
  const id = recovered.journalId || Math.floor(Math.random() * 2 ** 52) + 1;
  const totals = { records: recovered.recordsTotal, points: recovered.pointsTotal };
  let file: { fd: number; length: number; lengthMax: number } | undefined;
  let end = recovered.end;

  function begin(): void {
    const path = join(options.dir, segmentName(end));
    const header = encodeSegmentHeader({
      base: end,
      createdUnixMs: options.nowUnixMs(),
      journalId: id,
      recordsBefore: totals.records,
      pointsBefore: totals.points,
    });
    const snapshot = options.snapshot?.();
    const views = snapshot ? [header, snapshotRecord(snapshot, options.nowUnixMs())] : [header];
    const length = views.reduce((sum, view) => sum + view.length, 0);
    const fd = fs.openSync(path, 'w', 0o640);
    try {
      writeAll(fs, fd, views, length);
      fs.fdatasyncSync(fd);
      syncDirectory(fs, options.dir);
    } catch (error) {
      fs.closeSync(fd);
      unlinkQuietly(fs, path);
      throw error;
    }
    // The snapshot does not count: one larger than a segment would have every append begin a new one.
    file = { fd, length, lengthMax: options.segmentBytesMax + length - header.length };
    end += length;
    durable.advance(end);
  }

  function abandon(): void {
    if (!file) return;
    try {
      fs.ftruncateSync(file.fd, file.length);
    } catch {
      // Not needed for correctness: the next segment's base says where this one ends.
    }
    try {
      fs.closeSync(file.fd);
    } catch {
      // The descriptor is gone either way.
    }
    file = undefined;
  }

  return {
    id,
    durable,
    recovered,
    totals,
    bytes: () => segmentBytes(options.dir),
    oldest: () => listSegments(options.dir)[0]?.base ?? end,
    append(views, what) {
      try {
        if (file && file.length + what.bytes > file.lengthMax) abandon();
        if (!file) begin();
        const open = file as unknown as NonNullable<typeof file>;
        writeAll(fs, open.fd, views, what.bytes);
        fs.fdatasyncSync(open.fd);
        open.length += what.bytes;
        end += what.bytes;
        totals.records += what.records;
        totals.points += what.points;
        durable.advance(end);
        return { ok: true, end };
      } catch (error) {
        abandon();
        return { ok: false, why: messageOf(error), code: codeOf(error) };
      }
    },
    retainFrom(position, untilBytes = 0) {
      const segments = listSegments(options.dir);
      for (const [i, segment] of segments.entries()) {
        const following = segments[i + 1];
        if (!following || following.base > position || end - segment.base <= untilBytes) return;
        unlinkQuietly(fs, segment.path);
      }
    },
    close: abandon,
  };
}

function snapshotRecord(body: Uint8Array, nowUnixMs: number): Uint8Array {
  const bytes = new Uint8Array(recordLength(0, body.length));
  const head = { kind: RecordKind.snapshot, lane: 0, clientId: '', points: 0, epoch: 0, seq: 0, oldestSeq: 0 } as const;
  writeRecord(bytes, new DataView(bytes.buffer), 0, { ...head, receivedUnixMs: nowUnixMs }, body);
  return bytes;
}

/** Writes every byte or throws; a short write is a fault like any other. */
function writeAll(fs: JournalFs, fd: number, views: readonly Uint8Array[], bytes: number): void {
  let written = 0;
  for (let i = 0; i < views.length; i += IOV_MAX) {
    const some = views.length <= IOV_MAX ? views : views.slice(i, i + IOV_MAX);
    written += fs.writevSync(fd, some);
  }
  if (written !== bytes) throw new Error(`short write: ${written} of ${bytes} bytes`);
}

function syncDirectory(fs: JournalFs, dir: string): void {
  const fd = fs.openSync(dir, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function segmentBytes(dir: string): number {
  let bytes = 0;
  for (const segment of listSegments(dir)) bytes += nodeFs.statSync(segment.path, { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

function unlinkQuietly(fs: JournalFs, path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // It is deleted again at the next call; nothing depends on it being gone.
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
