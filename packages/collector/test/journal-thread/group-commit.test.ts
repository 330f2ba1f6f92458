/** Group commit over real rings and a real journal: verdicts follow the sync, and duplicates never reach the file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCounters } from '@metricstream/shared/counters.ts';
import type { Appended, Journal } from '@metricstream/shared/journal/journal.ts';
import { openJournal } from '@metricstream/shared/journal/journal.ts';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import { Lane, RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, onTestFinished, test } from 'vitest';
import { JOURNAL_COUNTERS } from '../../src/journal-thread/counters.ts';
import { createGroupCommit } from '../../src/journal-thread/group-commit.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { createRing, readContiguousSeq, readVerdict, RingVerdict } from '../../src/rings/ring-layout.ts';
import { createRingReader } from '../../src/rings/ring-reader.ts';
import type { RingWriter } from '../../src/rings/ring-writer.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';

function put(
  ring: RingWriter,
  seq: number,
  fill = seq,
  { epoch = 1, lane = Lane.live }: { epoch?: number; lane?: Lane } = {},
): boolean {
  const body = new Uint8Array(50 + (seq % 7) * 20).fill(fill % 251);
  const at = ring.tryReserve(recordLength(1, body.length));
  if (at === -1) return false;
  const head = { kind: RecordKind.batch, lane, clientId: 'c', points: 2, epoch, seq, oldestSeq: 0 } as const;
  ring.commitReserve(writeRecord(ring.bytes, ring.view, at, { ...head, receivedUnixMs: 5 }, body));
  return true;
}

function verdicts(ring: RingWriter): [verdict: number, contiguousSeq: number][] {
  const found: [number, number][] = [];
  const seen = ring.settled();
  for (let at = ring.nextSettled(); at !== -1; at = ring.nextSettled())
    found.push([readVerdict(ring.view, at), readContiguousSeq(ring.view, at)]);
  ring.release(seen);
  return found;
}

function bench(rings: number, capacity = 4096) {
  const dir = mkdtempSync(join(tmpdir(), 'ms-group-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const journal = openJournal({
    dir,
    segmentBytesMax: 8192,
    replay: 'all',
    onRecord: () => {},
    nowUnixMs: () => 1,
  });
  const shared = Array.from({ length: rings }, () => createRing(capacity, 1024));
  const bell = openDoorbell(createDoorbell());
  const writers = shared.map((memory) => createRingWriter(memory, bell));
  const readers = shared.map((memory) => createRingReader(memory));
  const told: string[] = [];
  let failing: Appended | undefined;
  let room = true;
  const commit = createGroupCommit({
    journal: {
      totals: journal.totals,
      append: (views, what) => failing ?? journal.append(views, what),
    } satisfies Pick<Journal, 'append' | 'totals'>,
    ledger: createLedger(),
    counters: createCounters(JOURNAL_COUNTERS),
    hasRoom: () => room,
    onFailure: (why) => void told.push(why),
    onEpochSwitch: (clientId, from, to) => void told.push(`${clientId} went from ${from} to ${to}`),
    onConflict: (clientId, epoch, seq) => void told.push(`${clientId} ${epoch} ${seq}`),
  });
  return {
    dir,
    journal,
    writers,
    told,
    round: () => commit(readers),
    fail: (why: string | undefined) => {
      failing = why === undefined ? undefined : { ok: false, why, code: 'EIO' };
    },
    setRoom: (has: boolean) => {
      room = has;
    },
  };
}

function seqsOnDisk(dir: string, journal: Journal): number[] {
  const reader = openJournalReader(dir);
  const seqs: number[] = [];
  for (let at = 0; at < journal.durable.get(); ) {
    const chunk = reader.read(at, journal.durable.get(), 65_536);
    seqs.push(...chunk.records.map((record) => record.seq));
    at = chunk.next;
  }
  return seqs;
}

test('each frame of a group gets its own verdict, and only new records reach the file', () => {
  const { dir, journal, writers, round, told } = bench(2);
  const [a, b] = writers as [RingWriter, RingWriter];
  for (const seq of [1, 2, 2]) put(a, seq);
  put(b, 2, 99);
  put(b, 4);
  a.publish();
  b.publish();
  expect(round()).toBe(5);
  const { durable, duplicate, conflict } = RingVerdict;
  expect(verdicts(a)).toEqual([
    [durable, 2],
    [durable, 2],
    [duplicate, 2],
  ]);
  expect(verdicts(b)).toEqual([
    [conflict, 2],
    [durable, 2],
  ]);
  expect(told).toEqual(['c 1 2']);
  expect(seqsOnDisk(dir, journal)).toEqual([1, 2, 4]);
});

test('a failed group is failed for its duplicates too, is not known afterwards, and succeeds when it comes again', () => {
  const { dir, journal, writers, round, fail, told } = bench(1);
  const [ring] = writers as [RingWriter];
  put(ring, 1);
  ring.publish();
  round();
  verdicts(ring);
  fail('disk full');
  for (const seq of [2, 2, 1]) put(ring, seq);
  ring.publish();
  round();
  const { failed, duplicate, durable } = RingVerdict;
  expect(verdicts(ring).map(([verdict]) => verdict)).toEqual([failed, failed, duplicate]);
  expect(told).toEqual(['disk full']);
  fail(undefined);
  put(ring, 2);
  ring.publish();
  round();
  expect(verdicts(ring)).toEqual([[durable, 2]]);
  expect(seqsOnDisk(dir, journal)).toEqual([1, 2]);
});

test('of two with one triple and other bytes in a failed group neither is told never', () => {
  const { writers, round, fail, told } = bench(1);
  const [ring] = writers as [RingWriter];
  fail('disk full');
  put(ring, 1);
  put(ring, 1, 99);
  ring.publish();
  round();
  expect(verdicts(ring).map(([verdict]) => verdict)).toEqual([RingVerdict.failed, RingVerdict.failed]);
  expect(told).toEqual(['disk full']);
});

test('a full journal refuses what is new and still answers what is known', () => {
  const { writers, round, setRoom } = bench(1);
  const [ring] = writers as [RingWriter];
  put(ring, 1);
  ring.publish();
  round();
  verdicts(ring);
  setRoom(false);
  for (const seq of [1, 2]) put(ring, seq);
  ring.publish();
  round();
  expect(verdicts(ring).map(([verdict]) => verdict)).toEqual([RingVerdict.duplicate, RingVerdict.full]);
  setRoom(true);
  put(ring, 2);
  ring.publish();
  round();
  expect(verdicts(ring), 'what was refused is as good as new').toEqual([[RingVerdict.durable, 2]]);
});

test('a change of epoch is told for durable batches of the live lane: not the backlog, not what comes again, not what failed', () => {
  const { writers, round, fail, told } = bench(1);
  const [ring] = writers as [RingWriter];
  const send = (seq: number, epoch: number, lane: Lane = Lane.live): string[] => {
    put(ring, seq, seq, { epoch, lane });
    ring.publish();
    round();
    verdicts(ring);
    return told.splice(0);
  };
  expect(send(1, 5)).toEqual([]);
  expect(send(1, 3, Lane.backlog), 'an old spool').toEqual([]);
  expect(send(2, 5)).toEqual([]);
  fail('disk full');
  expect(send(1, 8)).toEqual(['disk full']);
  fail(undefined);
  expect(send(3, 5)).toEqual([]);
  expect(send(1, 8)).toEqual(['c went from 5 to 8']);
  expect(send(3, 5), 'known already').toEqual([]);
  expect(send(4, 5)).toEqual(['c went from 8 to 5']);
});

test('random groups over three rings, with repeats and failures, leave every durable seq on disk exactly once', () => {
  const random = seeded(31);
  const { dir, journal, writers, round, fail } = bench(3);
  const yes = new Set<number>();
  const waiting: number[][] = [[], [], []];
  for (let step = 0; step < 600; step++) {
    const ring = random.int(3);
    const writer = writers[ring] as RingWriter;
    const seq = 1 + random.int(300);
    if (put(writer, seq)) (waiting[ring] as number[]).push(seq);
    if (random.int(4) !== 0) continue;
    for (const each of writers) each.publish();
    fail(random.int(5) === 0 ? 'EIO' : undefined);
    round();
    writers.forEach((each, i) => {
      for (const [verdict] of verdicts(each)) {
        const answered = (waiting[i] as number[]).shift() as number;
        if (verdict === RingVerdict.durable) {
          expect(yes.has(answered), `seed ${random.seed}: ${answered} is durable twice`).toBe(false);
          yes.add(answered);
        } else if (verdict === RingVerdict.duplicate) expect(yes.has(answered)).toBe(true);
      }
    });
  }
  const onDisk = seqsOnDisk(dir, journal);
  expect(onDisk.toSorted((a, b) => a - b)).toEqual([...yes].toSorted((a, b) => a - b));
});
