/** The scan where it is attacked: what a client puts into its batch is never taken for the journal's own. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecordKind, recordLength, writeRecord } from '../../src/journal/record.ts';
import type { Damage, Scan } from '../../src/journal/scan.ts';
import { scanRecords } from '../../src/journal/scan.ts';
import { listSegments } from '../../src/journal/segment.ts';
import { open, readAll, recordOf, temporaryDirectory } from './kit.ts';

const INNER = recordOf(666);
/** The head is 64 bytes and the client id 1: a body's byte 7 is the first on a multiple of 8. */
const INNER_AT = 7;

/** A record whose body holds another whole record, at a place where the scan would look for one. */
function recordAround(seq: number, bodyBytes = 400): Uint8Array {
  const body = new Uint8Array(bodyBytes).fill(seq);
  body.set(INNER, INNER_AT);
  const bytes = new Uint8Array(recordLength(1, bodyBytes));
  const head = { kind: RecordKind.batch, lane: 0, clientId: 'c', points: 3, epoch: 7, seq, oldestSeq: 0 } as const;
  writeRecord(bytes, new DataView(bytes.buffer), 0, { ...head, receivedUnixMs: 1 }, body);
  return bytes;
}

function scan(bytes: Uint8Array): { seqs: number[]; damage: Damage[]; end: Scan } {
  const seqs: number[] = [];
  const damage: Damage[] = [];
  const end = scanRecords(
    bytes,
    0,
    bytes.length,
    (record) => void seqs.push(record.seq),
    (found) => void damage.push(found),
  );
  return { seqs, damage, end };
}

test('a record inside the body of another is never found, wherever the bytes are cut', () => {
  const outer = recordAround(1);
  for (let cut = 0; cut < outer.length; cut += 8) {
    const { seqs, damage, end } = scan(outer.subarray(0, cut));
    expect({ seqs, damage }, `cut at ${cut}`).toEqual({ seqs: [], damage: [] });
    expect(end).toMatchObject(cut === 0 ? { end: 0, tail: 'none' } : { end: 0, tail: 'incomplete' });
  }
});

test('a damaged body costs its own record, not less and not more, whatever it holds', () => {
  const outer = recordAround(1);
  const bytes = Buffer.concat([recordOf(5), outer, recordOf(6)]);
  const at = recordOf(5).length;
  bytes[at + outer.length - 100] = 0xee;
  const { seqs, damage } = scan(bytes);
  expect(seqs).toEqual([5, 6]);
  expect(damage).toMatchObject([{ from: at, to: at + outer.length }]);
});

test('a reader whose buffer ends inside a record gives that record, and nothing that its body pretends to be', () => {
  const dir = temporaryDirectory();
  const journal = open(dir, { segmentBytesMax: 1 << 20 });
  const views = [recordOf(1), recordAround(2, 3000), recordOf(3), recordAround(4, 900), recordOf(5)];
  const bytes = views.reduce((sum, view) => sum + view.length, 0);
  journal.append(views, { bytes, records: 5, points: 15 });
  for (let bytesMax = 64; bytesMax < 4000; bytesMax += 72)
    expect(readAll(dir, journal.durable.get(), 0, bytesMax)).toEqual({ seqs: [1, 2, 3, 4, 5], skipped: [] });
});

test('a write that a crash cut short recovers to the record before it, not to one inside its body', () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  journal.append([recordOf(1)], { bytes: recordOf(1).length, records: 1, points: 3 });
  journal.close();
  const [segment] = listSegments(dir);
  appendFileSync(segment?.path ?? '', recordAround(2).subarray(0, 300));
  const reopened = open(dir);
  expect(reopened.totals.records).toBe(1);
  expect(readAll(dir, reopened.durable.get())).toEqual({ seqs: [1], skipped: [] });
  const [aside] = reopened.recovered.setAside;
  expect(readFileSync(aside ?? '')).toHaveLength(300);
  writeFileSync(join(dir, 'notes.txt'), 'a foreign file is left alone');
  expect(listSegments(dir)).toHaveLength(1);
});
