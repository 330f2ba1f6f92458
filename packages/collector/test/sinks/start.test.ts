/** A sink's thread as main sees it: where it goes on, what it tells of itself, and that it leaves when it is told to. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import { openJournal } from '@metricstream/shared/journal/journal.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import { RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startSinkThread } from '../../src/sinks/start.ts';
import { onePointBatch } from '../one-point-batch.ts';

function append(journal: Journal, seq: number): void {
  const batch = onePointBatch(seq);
  const bytes = new Uint8Array(recordLength(1, batch.length));
  const head = { kind: RecordKind.batch, lane: 0, clientId: 'c', points: 1, epoch: 1024, seq, oldestSeq: 0 } as const;
  writeRecord(bytes, new DataView(bytes.buffer), 0, { ...head, receivedUnixMs: 1 }, batch);
  const appended = journal.append([bytes], { bytes: bytes.length, records: 1, points: 1 });
  if (!appended.ok) throw new Error(appended.why);
}

function rig() {
  const dir = mkdtempSync(join(tmpdir(), 'ms-sink-thread-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const journalDir = join(dir, 'journal');
  const sizes = { segmentBytesMax: 1 << 20, replay: 'all', onRecord: () => {}, nowUnixMs: () => 1 } as const;
  const journal = openJournal({ dir: journalDir, ...sizes });
  const points = join(dir, 'points');
  const settings = {
    sink: { kind: 'jsonl', settings: { dir: points, rotateBytes: 1e6, keepMs: 1e9, clientsMax: 4 } },
    journal: { dir: journalDir, id: journal.id, durable: journal.durable.memory },
    cursorPath: join(dir, 'cursors', 'jsonl.json'),
    deadLetter: { dir: join(dir, 'dead'), bytesMax: 1 << 20 },
    log: { level: 'error', format: 'json' },
  } as const;
  return {
    journal,
    start() {
      const position = createDurablePosition();
      return { position, thread: startSinkThread(settings, position, silentLog) };
    },
    storedSeqs(): number[] {
      const text = readdirSync(points).map((name) => readFileSync(join(points, name), 'utf8'));
      const lines = text
        .join('')
        .split('\n')
        .filter((line) => line !== '');
      return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
    },
  };
}

test('it tells how far it has come, and a second one goes on there: each batch is stored once', async () => {
  const { journal, start, storedSeqs } = rig();
  for (const seq of [1, 2, 3]) append(journal, seq);
  const first = start();
  while (first.position.get() < journal.durable.get()) await delay(5);
  expect(first.thread.counters.get('pointsStored')).toBe(3);
  await first.thread.stop(1000);
  for (const seq of [4, 5]) append(journal, seq);
  const second = start();
  while (second.position.get() < journal.durable.get()) await delay(5);
  await second.thread.stop(1000);
  expect(storedSeqs()).toEqual([1, 2, 3, 4, 5]);
  expect(second.thread.counters.get('pointsStored')).toBe(5);
  expect(second.thread.state().why).toBe('');
});

test('told to stop before it has even started, it still brings what is there to the sink first', async () => {
  const { journal, start, storedSeqs } = rig();
  append(journal, 1);
  const { thread } = start();
  await thread.stop(5000);
  expect(storedSeqs()).toEqual([1]);
});
