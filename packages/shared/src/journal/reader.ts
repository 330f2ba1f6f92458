/**
 * Reading a journal from a position on, on any thread, while it is being written. Owns one open segment and one
 * buffer, and promises: only durable bytes are given, each batch record once and in order, and what cannot be given
 * (damage, segments taken by retention) is stepped over and reported with its place, never silently.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { JournalRecord } from './record.ts';
import { RECORD_ALIGN_BYTES, RecordKind } from './record.ts';
import { readHeader } from './recover.ts';
import type { Scan } from './scan.ts';
import { scanRecords } from './scan.ts';
import type { SegmentFile } from './segment.ts';
import { listSegments, SEGMENT_HEADER_BYTES } from './segment.ts';

/** A stretch of the journal that could not be read. */
export interface Skipped {
  from: number;
  to: number;
  why: 'retention' | 'damage';
  /** For retention: points ever appended before `to`, so that who counts knows exactly what was passed over. */
  pointsBeforeTo?: number;
}

export interface Chunk {
  /** Bodies are views into the reader's buffer: valid until the next `read`. */
  records: JournalRecord[];
  /** Where each of the records begins. */
  positions: number[];
  bytes: number;
  points: number;
  /** Position after the last record given. */
  next: number;
  skipped: Skipped[];
}

export interface JournalReader {
  /** Reads batch records from `from` up to `limit` (a durable position), about `bytesMax` bytes, one record at least. */
  read(from: number, limit: number, bytesMax: number): Chunk;
  close(): void;
}

/** Points ever appended before a position, by the headers alone; a reader's first totals come from here. */
export function pointsBefore(dir: string, position: number): { records: number; points: number } {
  let before = { records: 0, points: 0 };
  for (const segment of listSegments(dir)) {
    if (segment.base > position) break;
    const header = readHeader(segment);
    if (header) before = { records: header.recordsBefore, points: header.pointsBefore };
  }
  return before;
}

export function openJournalReader(dir: string): JournalReader {
  let open: { fd: number; segment: SegmentFile } | undefined;
  let buffer = new Uint8Array(256 * 1024);

  function descriptor(segment: SegmentFile): number {
    if (open?.segment.base === segment.base) return open.fd;
    close();
    open = { fd: openSync(segment.path, 'r'), segment };
    return open.fd;
  }

  function close(): void {
    if (open) closeSync(open.fd);
    open = undefined;
  }

  function fill(segment: SegmentFile, offset: number, bytes: number): number {
    if (buffer.length < bytes) buffer = new Uint8Array(bytes);
    const fd = descriptor(segment);
    let filled = 0;
    while (filled < bytes) {
      const read = readSync(fd, buffer, filled, bytes - filled, offset + filled);
      if (read === 0) break;
      filled += read;
    }
    return filled;
  }

  /** Reads one stretch of one segment; `end` is where the segment's durable bytes stop. */
  function stretch(segment: SegmentFile, from: number, end: number, bytesMax: number, chunk: Chunk): void {
    const offset = Math.max(from - segment.base, SEGMENT_HEADER_BYTES);
    const left = end - segment.base - offset;
    if (left <= 0) {
      chunk.next = end;
      return;
    }
    let want = Math.min(left, bytesMax - (bytesMax % RECORD_ALIGN_BYTES));
    for (;;) {
      const filled = fill(segment, offset, want);
      const scan = scanInto(chunk, segment.base + offset, filled);
      const at = segment.base + offset + scan.end;
      chunk.next = scan.tail === 'none' && filled === want ? at : end;
      if (chunk.next === at) return;
      if (filled === want && want < left) {
        // The buffer cut a record, or damage reaches beyond it: what was found counts, else look at more at once.
        chunk.next = at;
        if (scan.end > 0) return;
        want = Math.min(left, want * 4);
        continue;
      }
      chunk.skipped.push({ from: at, to: end, why: 'damage' });
      return;
    }
  }

  function scanInto(chunk: Chunk, position: number, filled: number): Scan {
    return scanRecords(
      buffer,
      0,
      filled,
      (record, at) => {
        if (record.kind !== RecordKind.batch) return;
        chunk.records.push(record);
        chunk.positions.push(position + at);
        chunk.bytes += record.body.length;
        chunk.points += record.points;
      },
      (damage) => chunk.skipped.push({ from: position + damage.from, to: position + damage.to, why: 'damage' }),
    );
  }

  return {
    read(from, limit, bytesMax) {
      const chunk: Chunk = { records: [], positions: [], bytes: 0, points: 0, next: from, skipped: [] };
      const segments = listSegments(dir);
      while (chunk.next < limit && chunk.records.length === 0) {
        const index = segments.findLastIndex((segment) => segment.base <= chunk.next);
        const segment = segments[index];
        const following = segments[index + 1];
        if (!segment) {
          if (!following) {
            // Somebody emptied the directory: the running segment is never deleted by the journal itself.
            chunk.skipped.push({ from: chunk.next, to: limit, why: 'damage' });
            chunk.next = limit;
            break;
          }
          const pointsBeforeTo = readHeader(following)?.pointsBefore ?? 0;
          chunk.skipped.push({ from: chunk.next, to: following.base, why: 'retention', pointsBeforeTo });
          chunk.next = following.base;
          continue;
        }
        stretch(segment, chunk.next, Math.min(limit, following?.base ?? limit), bytesMax, chunk);
      }
      return chunk;
    },
    close,
  };
}
