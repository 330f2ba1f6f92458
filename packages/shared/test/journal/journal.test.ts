/** The journal against a model: what was said yes to is there, once, in order, whatever happened in between. */
import * as nodeFs from 'node:fs';
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JournalRecord } from '../../src/journal/record.ts';
import { RecordKind } from '../../src/journal/record.ts';
import { listSegments } from '../../src/journal/segment.ts';
import { seeded } from '../../src/testing/seeded.ts';
import { append, failingDisk, open, readAll, recordOf, replayed, temporaryDirectory } from './kit.ts';

test('an empty directory gives an empty journal, and a first append makes its records readable', () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  expect(readAll(dir, journal.durable.get())).toEqual({ seqs: [], skipped: [] });
  expect(append(journal, [1, 2, 3])).toMatchObject({ ok: true });
  expect(readAll(dir, journal.durable.get())).toEqual({ seqs: [1, 2, 3], skipped: [] });
  expect(journal.totals).toEqual({ records: 3, points: 9 });
});

test('segments rotate at their size and a reader passes over the boundaries', () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  const seqs = Array.from({ length: 200 }, (_, i) => i + 1);
  for (const seq of seqs) append(journal, [seq]);
  expect(listSegments(dir).length).toBeGreaterThan(10);
  for (const segment of listSegments(dir)) expect(statSync(segment.path).size).toBeLessThanOrEqual(1024);
  for (const bytesMax of [64, 200, 1000, 100_000])
    expect(readAll(dir, journal.durable.get(), 0, bytesMax)).toEqual({ seqs, skipped: [] });
});

test('a reopened journal replays what it has, counts on, and always begins a new segment', () => {
  const dir = temporaryDirectory();
  const first = open(dir);
  append(first, [1, 2]);
  first.close();
  const records: JournalRecord[] = [];
  const second = open(dir, { onRecord: replayed(records) });
  expect(records.map((record) => record.seq)).toEqual([1, 2]);
  append(second, [3]);
  expect(second.totals).toEqual({ records: 3, points: 9 });
  expect(second.id).toBe(first.id);
  expect(listSegments(dir)).toHaveLength(2);
  expect(readAll(dir, second.durable.get()).seqs).toEqual([1, 2, 3]);
});

test('from-snapshot replays the newest snapshot and only what follows it', () => {
  const dir = temporaryDirectory();
  let state = 'none';
  const first = open(dir, { snapshot: () => Buffer.from(state) });
  for (let seq = 1; seq <= 40; seq++) {
    append(first, [seq]);
    state = `up to ${seq}`;
  }
  const records: JournalRecord[] = [];
  open(dir, { replay: 'from-snapshot', onRecord: replayed(records) });
  const [snapshot, ...rest] = records;
  expect(snapshot?.kind).toBe(RecordKind.snapshot);
  const upTo = Number(/up to (\d+)/.exec(Buffer.from(snapshot?.body ?? []).toString())?.[1]);
  expect(rest.map((record) => record.seq)).toEqual(Array.from({ length: 40 - upTo }, (_, i) => upTo + 1 + i));
  expect(rest.length).toBeLessThan(20);
});

test('the last segment cut at every byte recovers exactly its whole records', () => {
  const whole = temporaryDirectory();
  const journal = open(whole, { segmentBytesMax: 1 << 20 });
  append(journal, [1, 2, 3], 21);
  const segment = listSegments(whole)[0];
  const bytes = readFileSync(segment?.path ?? '');
  const size = recordOf(1, 21).length;
  for (let cut = 0; cut <= bytes.length; cut++) {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, '0000000000000000.seg'), bytes.subarray(0, cut));
    const recovered = open(dir);
    const expected = Math.max(0, Math.floor((cut - 64) / size));
    append(recovered, [9]);
    const { seqs } = readAll(dir, recovered.durable.get());
    expect(seqs, `cut at ${cut}`).toEqual([...[1, 2, 3].slice(0, expected), 9]);
    recovered.close();
  }
});

test('one flipped bit anywhere in a segment costs at most the record it is in, and is set aside', () => {
  const whole = temporaryDirectory();
  append(open(whole, { segmentBytesMax: 1 << 20 }), [1, 2, 3, 4], 21);
  const bytes = readFileSync(listSegments(whole)[0]?.path ?? '');
  const size = recordOf(1, 21).length;
  for (let at = 0; at < bytes.length; at++) {
    const dir = temporaryDirectory();
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    writeFileSync(join(dir, '0000000000000000.seg'), flipped);
    const journal = open(dir);
    const harmless = at < 64 || (at - 64) % size >= 64 + 1 + 21;
    const hit = harmless ? 0 : Math.floor((at - 64) / size) + 1;
    const { seqs } = readAll(dir, journal.durable.get());
    const kept = [1, 2, 3, 4].filter((seq) => seq !== hit);
    expect(seqs, `bit at ${at}`).toEqual(kept);
    if (seqs.length < 4) expect(readdirSync(join(dir, 'damaged')).length).toBeGreaterThan(0);
    journal.close();
  }
});

test('a failed write or sync leaves no trace, and the next append goes to a new segment', () => {
  for (const call of ['writev', 'fdatasync', 'open'] as const) {
    for (const code of call === 'writev' ? (['ENOSPC', 'EIO', 'short'] as const) : (['EIO'] as const)) {
      const dir = temporaryDirectory();
      const disk = failingDisk();
      const journal = open(dir, { fs: disk.fs, segmentBytesMax: 400 });
      append(journal, [1, 2]);
      const before = journal.durable.get();
      if (call === 'open') append(journal, [3]);
      disk.failNext(call, code);
      const failed = append(journal, call === 'open' ? [4, 5, 6] : [3, 4]);
      expect(failed, `${call} ${code}`).toMatchObject({ ok: false });
      expect(append(journal, [10, 11])).toMatchObject({ ok: true });
      const expected = call === 'open' ? [1, 2, 3, 10, 11] : [1, 2, 10, 11];
      expect(readAll(dir, journal.durable.get()).seqs).toEqual(expected);
      expect(journal.durable.get()).toBeGreaterThan(before);
      journal.close();
      const reopened = open(dir);
      expect(readAll(dir, reopened.durable.get()).seqs, 'after recovery').toEqual(expected);
    }
  }
});

test('a failed group that could not be cut is not read back either, before recovery and after', () => {
  const dir = temporaryDirectory();
  const disk = failingDisk();
  const ftruncateSync = (): void => {
    throw new Error('EIO');
  };
  const journal = open(dir, { fs: { ...disk.fs, ftruncateSync } });
  append(journal, [1]);
  disk.failNext('fdatasync', 'EIO');
  expect(append(journal, [2])).toMatchObject({ ok: false });
  expect(append(journal, [3])).toMatchObject({ ok: true });
  expect(readAll(dir, journal.durable.get())).toEqual({ seqs: [1, 3], skipped: [] });
  const records: JournalRecord[] = [];
  const reopened = open(dir, { onRecord: replayed(records) });
  expect(records.map(({ seq }) => seq)).toEqual([1, 3]);
  expect(reopened.totals.records).toBe(2);
});

test('random appends, faults, restarts, retention and readers never lose or repeat what was said yes to', () => {
  const random = seeded(20_261_123);
  for (let round = 0; round < 20; round++) {
    const dir = temporaryDirectory();
    const disk = failingDisk();
    const sizes = { segmentBytesMax: 300 + random.int(2000) };
    let journal = open(dir, { fs: disk.fs, ...sizes });
    const yes: { seq: number; end: number }[] = [];
    let seq = 0;
    let kept = 0;
    for (let step = 0; step < 60; step++) {
      const what = random.int(10);
      if (what < 6) {
        const group = Array.from({ length: 1 + random.int(4) }, () => ++seq);
        if (random.int(8) === 0)
          disk.failNext(random.pick(['writev', 'fdatasync', 'open']), random.pick(['ENOSPC', 'EIO', 'short']));
        const appended = append(journal, group, random.int(120));
        if (appended.ok) for (const one of group) yes.push({ seq: one, end: appended.end });
      } else if (what < 8) {
        journal.close();
        disk.heal();
        journal = open(dir, { fs: disk.fs, ...sizes });
      } else if (yes.length > 0) {
        const passed = random.pick(yes).end;
        journal.retainFrom(passed);
        kept = Math.max(kept, passed);
      }
      const oldest = journal.oldest();
      const { seqs } = readAll(dir, journal.durable.get(), oldest, 64 + random.int(4000));
      const must = yes.filter((one) => one.end > kept).map((one) => one.seq);
      expect(seqs.slice(seqs.length - must.length), `seed ${random.seed}, round ${round}, step ${step}`).toEqual(must);
      expect(new Set(seqs).size).toBe(seqs.length);
    }
    journal.close();
  }
});

test('retention never touches the running segment and reports the bytes that remain', () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  for (let seq = 1; seq <= 60; seq++) append(journal, [seq]);
  const before = journal.bytes();
  journal.retainFrom(journal.durable.get(), before - 1500);
  expect(before - journal.bytes()).toBeGreaterThanOrEqual(1500);
  expect(before - journal.bytes()).toBeLessThan(1500 + 1024);
  journal.retainFrom(journal.durable.get());
  expect(listSegments(dir)).toHaveLength(1);
  append(journal, [61]);
  expect(readAll(dir, journal.durable.get(), journal.oldest()).seqs.at(-1)).toBe(61);
});

test('a reopened journal that is written nothing keeps its newest segment, and with it its id, end and snapshot', () => {
  const dir = temporaryDirectory();
  const first = open(dir, { snapshot: () => Buffer.from('state') });
  append(first, [1]);
  const { id } = first;
  const end = first.durable.get();
  first.close();
  for (let start = 0; start < 3; start++) {
    const again = open(dir);
    again.retainFrom(again.durable.get());
    expect(again.id).toBe(id);
    expect(again.durable.get()).toBe(end);
    again.close();
  }
  const records: JournalRecord[] = [];
  open(dir, { replay: 'from-snapshot', onRecord: replayed(records) });
  expect(records.map((record) => record.kind)).toEqual([RecordKind.snapshot, RecordKind.batch]);
});

test('a segment that lost its end on disk costs what it lost, said as damage, and nothing after it', () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  for (let seq = 1; seq <= 30; seq++) append(journal, [seq]);
  const [first] = listSegments(dir);
  truncateSync(first?.path ?? '', statSync(first?.path ?? '').size - 150);
  const { seqs, skipped } = readAll(dir, journal.durable.get());
  expect(skipped).toEqual(['damage']);
  expect(seqs.at(-1)).toBe(30);
  expect(seqs.length).toBe(28);
});

test('retention keeps the last segment even when nothing is open for writing: it holds the id, the totals and the state', () => {
  const dir = temporaryDirectory();
  const first = open(dir);
  for (let seq = 1; seq <= 30; seq++) append(first, [seq]);
  first.close();
  const second = open(dir);
  second.retainFrom(second.durable.get());
  expect(listSegments(dir)).toHaveLength(1);
  second.close();
  const third = open(dir);
  expect(third.id).toBe(first.id);
  expect(third.totals).toEqual({ records: 30, points: 90 });
  expect(third.durable.get()).toBe(second.durable.get());
});

test('a snapshot larger than a segment does not make every append begin a new one', () => {
  const dir = temporaryDirectory();
  const journal = open(dir, { snapshot: () => new Uint8Array(5000) });
  for (let seq = 1; seq <= 20; seq++) append(journal, [seq]);
  expect(listSegments(dir).length).toBeLessThan(5);
  expect(readAll(dir, journal.durable.get()).seqs).toHaveLength(20);
});

test('what an earlier run left is synced before it is called durable, and a start that cannot do that fails', () => {
  const dir = temporaryDirectory();
  const journal = open(dir);
  append(journal, [1]);
  journal.close();
  const [segment] = listSegments(dir);
  // A kill between write and sync leaves whole records that only the page cache holds.
  appendFileSync(segment?.path ?? '', recordOf(2));
  const disk = failingDisk();
  disk.failNext('fdatasync', 'EIO');
  expect(() => open(dir, { fs: disk.fs })).toThrow(/cannot be synced.*EIO/);
  let synced = 0;
  const fdatasyncSync = (fd: number): void => {
    synced++;
    nodeFs.fdatasyncSync(fd);
  };
  const reopened = open(dir, { fs: { ...disk.fs, fdatasyncSync } });
  expect(synced).toBe(1);
  expect(readAll(dir, reopened.durable.get()).seqs).toEqual([1, 2]);
});

test('readers are shown bytes only after their sync, and those of a new segment only after its directory is synced', () => {
  const calls: string[] = [];
  let shown = (): number => 0;
  const note = (call: string): void => void calls.push(`${call} at ${shown()}`);
  const fs = {
    ...nodeFs,
    writevSync: (fd: number, views: readonly NodeJS.ArrayBufferView[]): number => {
      note('write');
      return nodeFs.writevSync(fd, views);
    },
    fdatasyncSync: (fd: number): void => {
      note('sync');
      nodeFs.fdatasyncSync(fd);
    },
    fsyncSync: (fd: number): void => {
      note('directory sync');
      nodeFs.fsyncSync(fd);
    },
  };
  const journal = open(temporaryDirectory(), { fs });
  shown = () => journal.durable.get();
  append(journal, [1]);
  append(journal, [2]);
  const after = 64 + recordOf(1).length;
  const first = ['write at 0', 'sync at 0', 'directory sync at 0', 'write at 64', 'sync at 64'];
  expect(calls).toEqual([...first, `write at ${after}`, `sync at ${after}`]);
});
