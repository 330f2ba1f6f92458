/**
 * A segment: one file of a journal. Owns its header, its name and the listing of a directory, and promises that a
 * position (a byte's place in the journal's whole life) is found by name alone, even when a header is damaged.
 *
 * A file is `<base position, 16 digits>.seg`: 64 bytes of header, then records; in the collector the first record is a
 * snapshot of the ledger. A segment ends where the next one's base says it does: bytes after that are a failed group.
 *
 *    0  4 B  magic "MSTJ"         24  u64  journalId      a cursor from another journal is found out
 *    4  u32  format version       32  u64  recordsBefore  batches ever appended before this segment
 *    8  u64  base position        40  u64  pointsBefore   their points
 *   16  u64  createdUnixMs        48  u32  CRC32 of bytes 0 … 48
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from './record.ts';

export const SEGMENT_HEADER_BYTES = 64;
export const SEGMENT_FORMAT_VERSION = 1;
const MAGIC = 0x4a54534d;
const NAME = /^(\d{16})\.seg$/;

export interface SegmentHeader {
  base: number;
  createdUnixMs: number;
  journalId: number;
  recordsBefore: number;
  pointsBefore: number;
}

export interface SegmentFile {
  path: string;
  base: number;
}

export function segmentName(base: number): string {
  return `${String(base).padStart(16, '0')}.seg`;
}

/** @returns the segments of a directory, lowest base first. Other files are left alone. */
export function listSegments(dir: string): SegmentFile[] {
  const found: SegmentFile[] = [];
  for (const name of readdirSync(dir)) {
    const match = NAME.exec(name);
    if (match) found.push({ path: join(dir, name), base: Number(match[1]) });
  }
  return found.sort((a, b) => a.base - b.base);
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, SEGMENT_FORMAT_VERSION, true);
  writeU64(view, 8, header.base);
  writeU64(view, 16, header.createdUnixMs);
  writeU64(view, 24, header.journalId);
  writeU64(view, 32, header.recordsBefore);
  writeU64(view, 40, header.pointsBefore);
  view.setUint32(48, crc32(bytes.subarray(0, 48)), true);
  return bytes;
}

/**
 * @returns the header, `damaged` when the bytes are none, or `newer` when a later version of this program wrote it:
 * such a segment is never touched. (Magic, version and the CRC32 at 48 keep their places in every version.)
 */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | 'damaged' | 'newer' {
  if (bytes.length < SEGMENT_HEADER_BYTES) return 'damaged';
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC) return 'damaged';
  if (view.getUint32(48, true) !== crc32(bytes.subarray(0, 48))) return 'damaged';
  if (view.getUint32(4, true) > SEGMENT_FORMAT_VERSION) return 'newer';
  return {
    base: readU64(view, 8),
    createdUnixMs: readU64(view, 16),
    journalId: readU64(view, 24),
    recordsBefore: readU64(view, 32),
    pointsBefore: readU64(view, 40),
  };
}
