/**
 * Walking the records of a stretch of bytes. Owns the one way to step over damage, used by recovery and by readers:
 * behind bytes that are no record it looks for the next whole one, so that one flipped bit costs one record. Promises
 * never to look inside the body of a record whose head is sound: what stands there is a client's, and may look like one.
 */
import type { JournalRecord } from './record.ts';
import { RECORD_ALIGN_BYTES, readRecord } from './record.ts';

export interface Damage {
  /** Offset of the first damaged byte and of the first byte after the damage. */
  from: number;
  to: number;
  why: string;
}

export interface Scan {
  /** Offset after the last whole record (or after the damage before it). */
  end: number;
  /** What stands between `end` and the end of the bytes: nothing, a record cut short, or bytes that are none. */
  tail: 'none' | 'incomplete' | 'damaged';
  why: string;
}

/**
 * Calls `onRecord` for each whole record in `bytes[from, to)` and `onDamage` for each stretch that is none but is
 * followed by a whole record. `onRecord` returns false to stop after that record.
 */
export function scanRecords(
  bytes: Uint8Array,
  from: number,
  to: number,
  onRecord: (record: JournalRecord, at: number, next: number) => boolean | void,
  onDamage: (damage: Damage) => void,
): Scan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  while (at < to) {
    const record = readRecord(bytes, view, at, to);
    if (!('fault' in record)) {
      const next = at + view.getUint32(at, true);
      const more = onRecord(record, at, next);
      at = next;
      if (more === false) return { end: at, tail: 'none', why: '' };
      continue;
    }
    const why = record.fault === 'damaged' ? record.why : 'a record is cut short';
    const next = nextRecordAt(bytes, view, at + (record.length ?? RECORD_ALIGN_BYTES), to);
    if (next === -1) return { end: at, tail: record.fault, why };
    onDamage({ from: at, to: next, why });
    at = next;
  }
  return { end: at, tail: 'none', why: '' };
}

function nextRecordAt(bytes: Uint8Array, view: DataView, from: number, to: number): number {
  let at = from;
  while (at < to) {
    // Zeros are what a file system leaves behind; they need no closer look.
    const zero = view.byteLength >= at + 4 && view.getUint32(at, true) === 0;
    const record = zero ? undefined : readRecord(bytes, view, at, to);
    if (record && !('fault' in record)) return at;
    at += record?.length ?? RECORD_ALIGN_BYTES;
  }
  return -1;
}
