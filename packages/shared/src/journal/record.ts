/**
 * The record: one journal entry, and, byte for byte, one frame of an ingest ring. Owns its layout and promises that
 * a damaged record is never taken for a good one: the head (with the client id) and the body each carry a CRC32.
 *
 *    0  u32  length          whole record, a multiple of 8: head + client id + body + padding
 *    4  u32  headCrc         CRC32 of bytes 8 … HEAD_BYTES + clientIdLength
 *    8  u32  bodyCrc         CRC32 of the body
 *   12  u32  bodyLength
 *   16  u8   kind            RecordKind
 *   17  u8   lane            Lane
 *   18  u16  clientIdLength
 *   20  u32  points
 *   24  u64  epoch           integers to 2^53 - 1, little-endian like everything here
 *   32  u64  seq
 *   40  u64  oldestSeq       lowest seq of this epoch the client still holds, 0 when it did not say
 *   48  u64  receivedUnixMs
 *   56  u32  verdict         0 in the file; in a ring, the journal thread's answer (rings/ in the collector)
 *   60  u32  reserved        0
 *   64  client id (ASCII), then the body, then zeros to the next multiple of 8
 */
import { crc32 } from 'node:zlib';

export const RECORD_HEAD_BYTES = 64;
export const RECORD_ALIGN_BYTES = 8;
/** No record is longer; a length field above it is damage. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;

export const RecordKind = { batch: 1, snapshot: 2 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export const Lane = { live: 0, backlog: 1 } as const;
export type Lane = (typeof Lane)[keyof typeof Lane];

export const RECORD_OFFSET = {
  length: 0,
  headCrc: 4,
  bodyCrc: 8,
  bodyLength: 12,
  kind: 16,
  lane: 17,
  clientIdLength: 18,
  points: 20,
  epoch: 24,
  seq: 32,
  oldestSeq: 40,
  receivedUnixMs: 48,
  verdict: 56,
} as const;

/** What a record says beside its body. */
export interface RecordHead {
  kind: RecordKind;
  lane: Lane;
  clientId: string;
  points: number;
  epoch: number;
  seq: number;
  oldestSeq: number;
  receivedUnixMs: number;
}

/** One record as readers hand it out; `body` is a view into the reader's buffer, valid until its next read. */
export interface JournalRecord extends RecordHead {
  bodyCrc: number;
  body: Uint8Array;
}

/** @returns the length in bytes of a record with this client id and body, padding included. */
export function recordLength(clientIdBytes: number, bodyBytes: number): number {
  const bare = RECORD_HEAD_BYTES + clientIdBytes + bodyBytes;
  return (bare + RECORD_ALIGN_BYTES - 1) & ~(RECORD_ALIGN_BYTES - 1);
}

const TWO_32 = 4294967296;

export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/**
 * Writes one record at `at`. `bytes` and `view` must be over the same memory and hold `recordLength` bytes from there.
 * @returns the record's length in bytes.
 */
export function writeRecord(bytes: Uint8Array, view: DataView, at: number, head: RecordHead, body: Uint8Array): number {
  const idLength = head.clientId.length;
  const length = recordLength(idLength, body.length);
  view.setUint32(at, length, true);
  view.setUint32(at + RECORD_OFFSET.bodyCrc, crc32(body), true);
  view.setUint32(at + RECORD_OFFSET.bodyLength, body.length, true);
  view.setUint8(at + RECORD_OFFSET.kind, head.kind);
  view.setUint8(at + RECORD_OFFSET.lane, head.lane);
  view.setUint16(at + RECORD_OFFSET.clientIdLength, idLength, true);
  view.setUint32(at + RECORD_OFFSET.points, head.points, true);
  writeU64(view, at + RECORD_OFFSET.epoch, head.epoch);
  writeU64(view, at + RECORD_OFFSET.seq, head.seq);
  writeU64(view, at + RECORD_OFFSET.oldestSeq, head.oldestSeq);
  writeU64(view, at + RECORD_OFFSET.receivedUnixMs, head.receivedUnixMs);
  view.setUint32(at + RECORD_OFFSET.verdict, 0, true);
  view.setUint32(at + 60, 0, true);
  const idAt = at + RECORD_HEAD_BYTES;
  for (let i = 0; i < idLength; i++) bytes[idAt + i] = head.clientId.charCodeAt(i);
  const bodyAt = idAt + idLength;
  bytes.set(body, bodyAt);
  for (let i = bodyAt + body.length; i < at + length; i++) bytes[i] = 0;
  view.setUint32(at + RECORD_OFFSET.headCrc, crc32(bytes.subarray(at + RECORD_OFFSET.bodyCrc, bodyAt)), true);
  return length;
}

/**
 * Why the bytes at a place are no record: `incomplete` may become one with more bytes, `damaged` never will. With
 * `length` the head is sound, so that many bytes belong to this record, whatever a client has put into its body.
 */
export type RecordFault = { fault: 'incomplete'; length?: number } | { fault: 'damaged'; why: string; length?: number };

/**
 * Reads the record at `at` among `end` valid bytes and verifies both CRCs (`checkBody: false` skips the body's).
 * @returns the record, its body a view into `bytes`, or why there is none.
 */
export function readRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  options: { checkBody?: boolean } = {},
): JournalRecord | RecordFault {
  if (at + RECORD_HEAD_BYTES > end) return { fault: 'incomplete' };
  const length = view.getUint32(at, true);
  if (length < RECORD_HEAD_BYTES || length > RECORD_BYTES_MAX || length % RECORD_ALIGN_BYTES !== 0)
    return { fault: 'damaged', why: `record length ${length} is impossible` };
  const idLength = view.getUint16(at + RECORD_OFFSET.clientIdLength, true);
  const bodyLength = view.getUint32(at + RECORD_OFFSET.bodyLength, true);
  if (recordLength(idLength, bodyLength) !== length)
    return { fault: 'damaged', why: `record length ${length} does not fit its body of ${bodyLength}` };
  const bodyAt = at + RECORD_HEAD_BYTES + idLength;
  if (bodyAt > end) return { fault: 'incomplete' };
  const headCrc = crc32(bytes.subarray(at + RECORD_OFFSET.bodyCrc, bodyAt));
  if (headCrc !== view.getUint32(at + RECORD_OFFSET.headCrc, true))
    return { fault: 'damaged', why: 'the head does not match its CRC32' };
  if (at + length > end) return { fault: 'incomplete', length };
  const body = bytes.subarray(bodyAt, bodyAt + bodyLength);
  const bodyCrc = view.getUint32(at + RECORD_OFFSET.bodyCrc, true);
  if (options.checkBody !== false && crc32(body) !== bodyCrc)
    return { fault: 'damaged', why: 'the body does not match its CRC32', length };
  return {
    kind: view.getUint8(at + RECORD_OFFSET.kind) as RecordKind,
    lane: view.getUint8(at + RECORD_OFFSET.lane) as Lane,
    clientId: asciiSlice(bytes, at + RECORD_HEAD_BYTES, idLength),
    points: view.getUint32(at + RECORD_OFFSET.points, true),
    epoch: readU64(view, at + RECORD_OFFSET.epoch),
    seq: readU64(view, at + RECORD_OFFSET.seq),
    oldestSeq: readU64(view, at + RECORD_OFFSET.oldestSeq),
    receivedUnixMs: readU64(view, at + RECORD_OFFSET.receivedUnixMs),
    bodyCrc,
    body,
  };
}

/** @returns `length` ASCII bytes as a string; shared memory is fine (TextDecoder refuses it). */
export function asciiSlice(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
}
