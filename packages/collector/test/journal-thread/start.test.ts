/** The journal's thread as main sees it: how it says that it cannot start, and how it leaves. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import { encodeSegmentHeader, segmentName } from '@metricstream/shared/journal/segment.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startJournalThread } from '../../src/journal-thread/start.ts';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { closeRing, createRing, readContiguousSeq, readVerdict, RingVerdict } from '../../src/rings/ring-layout.ts';
import type { RingWriter } from '../../src/rings/ring-writer.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';

const MiB = 1024 * 1024;

function settingsFor(dir: string) {
  const log = { level: 'error', format: 'json' } as const;
  return {
    dir,
    segmentBytesMax: MiB,
    journalBytesMax: 16 * MiB,
    lingerMs: 0,
    doorbell: createDoorbell(),
    sinks: [],
    log,
  };
}

function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-journal-thread-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function writeNewerSegment(dir: string): void {
  const header = encodeSegmentHeader({ base: 0, createdUnixMs: 1, journalId: 1, recordsBefore: 0, pointsBefore: 0 });
  const view = new DataView(header.buffer);
  view.setUint32(4, 99, true);
  view.setUint32(48, crc32(header.subarray(0, 48)), true);
  writeFileSync(join(dir, segmentName(0)), header);
}

test('a journal that cannot be opened is said in its own words, and is no death of a running thread', async () => {
  const dir = temporaryDirectory();
  writeNewerSegment(dir);
  const deaths: string[] = [];
  const start = startJournalThread(settingsFor(dir), (why) => void deaths.push(why));
  await expect(start).rejects.toMatchObject({
    code: 'journal_newer',
    message: expect.stringContaining('later version'),
  });
  await delay(200);
  expect(deaths, 'who starts it has the reason already').toEqual([]);
});

test('a thread that ends while it should run says why', async () => {
  const died = Promise.withResolvers<string>();
  const settings = settingsFor(temporaryDirectory());
  const thread = await startJournalThread(settings, died.resolve);
  const ring = createRing(4096, 1024);
  const writer = createRingWriter(ring, openDoorbell(settings.doorbell));
  thread.addRing(ring);
  // A frame whose length is beyond the ring's: only a fault of this program could write it.
  const at = writer.tryReserve(64);
  writer.view.setUint32(at, 4000, true);
  writer.commitReserve(64);
  writer.publish();
  expect(await died.promise).toMatch(/ring is damaged: a frame of 4000 bytes/);
});

function put(writer: RingWriter, seq: number): void {
  const body = new Uint8Array(100).fill(seq);
  const at = writer.tryReserve(recordLength(1, body.length));
  const head = { kind: RecordKind.batch, lane: 0, clientId: 'c', points: 2, epoch: 1, seq, oldestSeq: 0 } as const;
  writer.commitReserve(writeRecord(writer.bytes, writer.view, at, { ...head, receivedUnixMs: 5 }, body));
  writer.publish();
}

/** Waits for the next settled frame. @returns its verdict and contiguous seq. */
async function verdictOf(writer: RingWriter): Promise<[verdict: number, contiguousSeq: number]> {
  let seen = writer.settled();
  let at = writer.nextSettled();
  for (; at === -1; at = writer.nextSettled()) {
    await delay(1);
    seen = writer.settled();
  }
  const found: [number, number] = [readVerdict(writer.view, at), readContiguousSeq(writer.view, at)];
  writer.release(seen);
  return found;
}

test('what is known stays known over restarts and rotations, from the snapshot and from what follows it', async () => {
  const dir = temporaryDirectory();
  for (let run = 0; run < 3; run++) {
    const settings = { ...settingsFor(dir), segmentBytesMax: 4096 };
    const thread = await startJournalThread(settings, () => {});
    const ring = createRing(8192, 1024);
    const writer = createRingWriter(ring, openDoorbell(settings.doorbell));
    thread.addRing(ring);
    // 25 of them fill a segment: the first run ends in its second one, the others begin behind a snapshot alone.
    for (let seq = 1; seq <= 40; seq++) {
      put(writer, seq);
      const expected = run === 0 ? [RingVerdict.durable, seq] : [RingVerdict.duplicate, 40 + run];
      expect(await verdictOf(writer), `run ${run}, seq ${seq}`).toEqual(expected);
    }
    put(writer, 41 + run);
    expect(await verdictOf(writer)).toEqual([RingVerdict.durable, 41 + run]);
    expect(thread.counters.get('pointsTotal')).toBeLessThanOrEqual(2 * (41 + run));
    writer.close();
    await thread.stop();
    expect(thread.counters.get('pointsTotal')).toBe(2 * (41 + run));
  }
});

test('what a worker had published is made durable though its ring was closed before anybody looked at it', async () => {
  const settings = settingsFor(temporaryDirectory());
  const thread = await startJournalThread(settings, () => {});
  const ring = createRing(8192, 1024);
  const writer = createRingWriter(ring, openDoorbell(settings.doorbell));
  put(writer, 1);
  closeRing(ring);
  thread.addRing(ring);
  await thread.stop();
  expect(thread.counters.get('pointsTotal')).toBe(2);
});

test('it leaves when every ring is closed and empty, not before', async () => {
  const thread = await startJournalThread(settingsFor(temporaryDirectory()), () => {});
  const ring = createRing(4096, 1024);
  thread.addRing(ring);
  let left = false;
  const stopped = thread.stop().then(() => {
    left = true;
  });
  await delay(50);
  expect(left).toBe(false);
  closeRing(ring);
  await stopped;
  expect(left).toBe(true);
});
