/** A journal as a pump's source: a cursor that never runs ahead, and totals that account for every point. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CursorState } from '../../src/journal/cursor.ts';
import { emptyTotals, loadCursor } from '../../src/journal/cursor.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { listSegments } from '../../src/journal/segment.ts';
import type { CursorAlarm, JournalSource, JournalSourceOptions } from '../../src/journal/source.ts';
import { openJournalSource } from '../../src/journal/source.ts';
import type { Committed, Delivery } from '../../src/pump/types.ts';
import { append, open, temporaryDirectory } from './kit.ts';

const never = new AbortController().signal;

function sourceOf(dir: string, journal: Journal, more: Partial<JournalSourceOptions> = {}): JournalSource {
  return openJournalSource({
    dir,
    journalId: journal.id,
    durable: journal.durable,
    cursorPath: join(dir, 'cursors', 'one.json'),
    deliveryBytesMax: 4096,
    lingerMs: 0,
    onAlarm: () => {},
    ...more,
  });
}

function stored(delivery: Delivery, state?: unknown): Committed {
  const points = delivery.records.reduce((sum, record) => sum + record.points, 0);
  return { ...emptyTotals(), recordsStored: delivery.records.length, pointsStored: points, state };
}

async function takeSeqs(source: JournalSource, commit = true): Promise<number[]> {
  const delivery = await source.take(never);
  if (!delivery) return [];
  const seqs = delivery.records.map((record) => record.seq);
  if (commit) await source.commit(delivery, stored(delivery));
  return seqs;
}

test('it waits on the position it saw, so that what became durable meanwhile wakes it', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  const stop = new AbortController();
  // The cursor's first position, then the look of `take`.
  const looks = [0, 0];
  const waitedOn: number[] = [];
  const durable = {
    ...journal.durable,
    // Another thread advances it before anybody looks again.
    get: () => looks.shift() ?? 8,
    async changed(seen: number): Promise<void> {
      waitedOn.push(seen);
      stop.abort();
    },
  };
  const source = sourceOf(dir, journal, { durable });
  await source.take(stop.signal);
  expect(waitedOn).toEqual([0]);
});

test('a source goes on behind what was committed, and gives again what was not', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  append(journal, [1, 2]);
  const first = sourceOf(dir, journal);
  expect(await takeSeqs(first)).toEqual([1, 2]);
  append(journal, [3]);
  expect(await takeSeqs(first, false)).toEqual([3]);
  const second = sourceOf(dir, journal);
  expect(await takeSeqs(second)).toEqual([3]);
  expect(second.cursor.totals).toMatchObject({ recordsStored: 3, pointsStored: 9 });
  expect(second.pointsPassed()).toBe(journal.totals.points);
});

test('take waits for an append and wakes with it; an aborted one ends with undefined once all is given', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  const source = sourceOf(dir, journal);
  const waiting = takeSeqs(source);
  append(journal, [1]);
  expect(await waiting).toEqual([1]);
  append(journal, [2]);
  const stop = new AbortController();
  stop.abort();
  const last = await source.take(stop.signal);
  expect(last?.records.map((record) => record.seq)).toEqual([2]);
  if (last) await source.commit(last, stored(last));
  expect(await source.take(stop.signal)).toBeUndefined();
});

test('a cursor that could not be saved has not moved, and the same commit passes later', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  append(journal, [1, 2]);
  const told: number[] = [];
  const source = sourceOf(dir, journal, { onCommit: (position) => void told.push(position) });
  const cursors = join(dir, 'cursors');
  writeFileSync(cursors, 'in the way of the directory');
  const delivery = (await source.take(never)) as Delivery;
  await expect(async () => source.commit(delivery, stored(delivery))).rejects.toThrow(/EEXIST|ENOTDIR/);
  expect({ position: source.cursor.position, told }).toEqual({ position: 0, told: [] });
  rmSync(cursors);
  await source.commit(delivery, stored(delivery));
  expect(source.cursor.position).toBe(journal.durable.get());
  expect(told).toEqual([journal.durable.get()]);
  expect(source.cursor.totals.recordsStored).toBe(2);
});

test("the sink's state is kept with the cursor, whole", async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  append(journal, [1]);
  const source = sourceOf(dir, journal);
  const delivery = (await source.take(never)) as Delivery;
  await source.commit(delivery, stored(delivery, { file: 3, length: 77 }));
  expect((loadCursor(join(dir, 'cursors', 'one.json')) as CursorState).sink).toEqual({ file: 3, length: 77 });
});

test('segments that retention took are passed over and their points counted as dropped(journal_full), exactly', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  for (let seq = 1; seq <= 60; seq++) append(journal, [seq]);
  const alarms: CursorAlarm[] = [];
  const source = sourceOf(dir, journal, { onAlarm: (alarm) => void alarms.push(alarm) });
  expect(await takeSeqs(source)).toContain(1);
  const before = source.pointsPassed();
  journal.retainFrom(journal.durable.get());
  const rest: number[] = [];
  for (let seqs = await takeSeqs(source); ; seqs = await takeSeqs(source)) {
    rest.push(...seqs);
    if (rest.at(-1) === 60) break;
  }
  const dropped = source.cursor.totals.pointsDropped['journal_full'] ?? 0;
  expect(before + dropped + rest.length * 3).toBe(180);
  expect(source.pointsPassed()).toBe(journal.totals.points);
  expect(alarms).toMatchObject([{ alarm: 'skipped', points: dropped, skipped: { why: 'retention' } }]);
});

test('a damaged cursor and one of another journal begin at the oldest record, with an alarm', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  append(journal, [1, 2]);
  const alarms: string[] = [];
  const onAlarm = ({ alarm }: CursorAlarm): void => void alarms.push(alarm);
  await takeSeqs(sourceOf(dir, journal));
  const path = join(dir, 'cursors', 'one.json');
  const kept = loadCursor(path) as CursorState;
  writeFileSync(path, JSON.stringify({ ...kept, journalId: 5 }));
  expect(await takeSeqs(sourceOf(dir, journal, { onAlarm }), false)).toEqual([1, 2]);
  writeFileSync(path, '{"position": 12');
  expect(await takeSeqs(sourceOf(dir, journal, { onAlarm }), false)).toEqual([1, 2]);
  expect(alarms).toEqual(['foreign_journal', 'damaged_cursor']);
});

test('a journal whose files were taken away is passed over as damage, and the source waits instead of spinning', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  append(journal, [1, 2]);
  const alarms: CursorAlarm[] = [];
  const source = sourceOf(dir, journal, { onAlarm: (alarm) => void alarms.push(alarm), deliveryBytesMax: 8 });
  for (const segment of listSegments(dir)) rmSync(segment.path);
  const stop = new AbortController();
  stop.abort();
  expect(await source.take(stop.signal)).toBeUndefined();
  const end = journal.durable.get();
  expect(alarms).toMatchObject([{ alarm: 'skipped', skipped: { from: 0, to: end, why: 'damage' } }]);
  expect(source.cursor.position).toBe(end);
});

test('a new cursor on a journal whose first segments are gone starts its totals where the oldest begins', async () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  for (let seq = 1; seq <= 60; seq++) append(journal, [seq]);
  const [, , third] = listSegments(dir);
  journal.retainFrom(third?.base ?? 0);
  const source = sourceOf(dir, journal);
  const rest: number[] = [];
  while (rest.at(-1) !== 60) rest.push(...(await takeSeqs(source)));
  expect(source.pointsPassed()).toBe(journal.totals.points);
  expect(rest[0]).toBeGreaterThan(1);
});
