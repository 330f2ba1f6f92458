/**
 * What a journal knows when it starts. Owns the reading of what an earlier run left, and promises that it always gets
 * to an end: whatever stands in the directory, the whole records are found, damage is copied aside and counted, and
 * nothing is deleted or cut. (A segment ends where the next one's base says, so a bad tail needs no cutting.)
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetricStreamError } from '../errors.ts';
import type { JournalRecord } from './record.ts';
import { RecordKind } from './record.ts';
import { scanRecords } from './scan.ts';
import type { SegmentFile, SegmentHeader } from './segment.ts';
import { decodeSegmentHeader, listSegments, SEGMENT_HEADER_BYTES } from './segment.ts';

export interface Recovered {
  /** Position after the last whole record: the base of the next segment. 0 in an empty directory. */
  end: number;
  /** 0 when no header could be read. */
  journalId: number;
  recordsTotal: number;
  pointsTotal: number;
  damagedBytes: number;
  /** Files under `damaged/` that hold what was not understood. */
  setAside: string[];
}

export interface RecoverOptions {
  dir: string;
  /** `all` replays every record kept; `from-snapshot` the newest whole snapshot and what follows it. */
  replay: 'all' | 'from-snapshot';
  onRecord(record: JournalRecord, position: number): void;
}

/** @throws MetricStreamError `journal_newer` when a later version of the program wrote a segment. */
export function recover(options: RecoverOptions): Recovered {
  const { dir } = options;
  mkdirSync(dir, { recursive: true, mode: 0o750 });
  const segments = listSegments(dir);
  const headers = segments.map((segment) => readHeader(segment));
  const out: Recovered = { end: 0, journalId: 0, recordsTotal: 0, pointsTotal: 0, damagedBytes: 0, setAside: [] };
  for (const header of headers) if (header) out.journalId = header.journalId;
  const first = options.replay === 'all' ? 0 : newestWithSnapshot(segments);
  for (let i = first; i < segments.length; i++) {
    const segment = segments[i];
    if (segment) replaySegment(segment, headers[i], segments[i + 1]?.base, options, out);
  }
  return out;
}

function replaySegment(
  segment: SegmentFile,
  header: SegmentHeader | undefined,
  nextBase: number | undefined,
  options: RecoverOptions,
  out: Recovered,
): void {
  const bytes = readWhole(segment.path);
  if (header) {
    out.recordsTotal = header.recordsBefore;
    out.pointsTotal = header.pointsBefore;
  } else {
    setAside(options.dir, segment, bytes.subarray(0, SEGMENT_HEADER_BYTES), 0, out);
  }
  const to = nextBase === undefined ? bytes.length : Math.min(bytes.length, nextBase - segment.base);
  const scan = scanRecords(
    bytes,
    Math.min(SEGMENT_HEADER_BYTES, to),
    to,
    (record, at) => {
      if (record.kind === RecordKind.batch) {
        out.recordsTotal++;
        out.pointsTotal += record.points;
      }
      options.onRecord(record, segment.base + at);
    },
    (damage) => setAside(options.dir, segment, bytes.subarray(damage.from, damage.to), damage.from, out),
  );
  if (scan.tail !== 'none') setAside(options.dir, segment, bytes.subarray(scan.end, to), scan.end, out);
  out.end = nextBase ?? segment.base + scan.end;
}

/** Index of the newest segment whose first record is a whole snapshot; 0 when none has one. */
function newestWithSnapshot(segments: SegmentFile[]): number {
  for (let i = segments.length - 1; i > 0; i--) {
    const segment = segments[i];
    if (segment && startsWithSnapshot(readWhole(segment.path))) return i;
  }
  return 0;
}

function startsWithSnapshot(bytes: Uint8Array): boolean {
  let found = false;
  scanRecords(
    bytes,
    Math.min(SEGMENT_HEADER_BYTES, bytes.length),
    bytes.length,
    (record, at) => {
      found = record.kind === RecordKind.snapshot && at === SEGMENT_HEADER_BYTES;
      return false;
    },
    () => {},
  );
  return found;
}

export function readHeader(segment: SegmentFile): SegmentHeader | undefined {
  const header = decodeSegmentHeader(readWhole(segment.path, SEGMENT_HEADER_BYTES));
  if (header === 'newer')
    throw new MetricStreamError(
      'journal_newer',
      `${segment.path} was written by a later version of MetricStream; start that version, or move the file away`,
      { retryable: false },
    );
  return header === 'damaged' ? undefined : header;
}

function setAside(dir: string, segment: SegmentFile, bytes: Uint8Array, at: number, out: Recovered): void {
  if (bytes.every((byte) => byte === 0)) return;
  out.damagedBytes += bytes.length;
  const path = join(dir, 'damaged', `${segment.base}-${at}.bytes`);
  try {
    mkdirSync(join(dir, 'damaged'), { recursive: true, mode: 0o750 });
    writeFileSync(path, bytes, { mode: 0o640 });
    out.setAside.push(path);
  } catch {
    // A full disk must not stop the start; the bytes stay in the segment itself until retention takes it.
    out.setAside.push(segment.path);
  }
}

function readWhole(path: string, bytesMax = Number.MAX_SAFE_INTEGER): Uint8Array {
  const fd = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(Math.min(fstatSync(fd).size, bytesMax));
    let at = 0;
    while (at < bytes.length) {
      const read = readSync(fd, bytes, at, bytes.length - at, at);
      if (read === 0) break;
      at += read;
    }
    return bytes.subarray(0, at);
  } finally {
    closeSync(fd);
  }
}
