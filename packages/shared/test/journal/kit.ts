/** Hands for the journal's tests: temporary directories, records, a disk that fails when told to. */
import * as fs from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Appended, Journal, JournalFs, JournalOptions } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/journal.ts';
import { openJournalReader } from '../../src/journal/reader.ts';
import type { JournalRecord } from '../../src/journal/record.ts';
import { RecordKind, recordLength, writeRecord } from '../../src/journal/record.ts';

export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A record of client `c` whose body says its seq over and over. */
export function recordOf(seq: number, bodyBytes = 40, points = 3): Uint8Array {
  const body = new Uint8Array(bodyBytes).fill(seq % 251);
  const bytes = new Uint8Array(recordLength(1, bodyBytes));
  const head = { kind: RecordKind.batch, lane: 0, clientId: 'c', points, epoch: 7, seq, oldestSeq: 0 } as const;
  writeRecord(bytes, new DataView(bytes.buffer), 0, { ...head, receivedUnixMs: 1_700_000_000_000 }, body);
  return bytes;
}

export function open(dir: string, more: Partial<JournalOptions> = {}): Journal {
  const options = { dir, segmentBytesMax: 1024, replay: 'all', onRecord: () => {}, nowUnixMs: Date.now } as const;
  return openJournal({ ...options, ...more });
}

export function append(journal: Journal, seqs: readonly number[], bodyBytes?: number): Appended {
  const views = seqs.map((seq) => recordOf(seq, bodyBytes));
  const bytes = views.reduce((sum, view) => sum + view.length, 0);
  return journal.append(views, { bytes, records: seqs.length, points: seqs.length * 3 });
}

/** Every durable batch's seq, from `from` on, and the reasons of what was skipped. */
export function readAll(dir: string, limit: number, from = 0, bytesMax = 4096): { seqs: number[]; skipped: string[] } {
  const reader = openJournalReader(dir);
  const seqs: number[] = [];
  const skipped: string[] = [];
  for (let at = from; at < limit; ) {
    const chunk = reader.read(at, limit, bytesMax);
    for (const record of chunk.records) seqs.push(record.seq);
    for (const gap of chunk.skipped) skipped.push(gap.why);
    if (chunk.next <= at) throw new Error(`the reader stands still at ${at} of ${limit}`);
    at = chunk.next;
  }
  reader.close();
  return { seqs, skipped };
}

export function replayed(records: JournalRecord[]): (record: JournalRecord) => void {
  return (record) => {
    records.push({ ...record, body: record.body.slice() });
  };
}

/** Half of the last view is missing, as when the disk fills up. */
function cutShort(views: readonly Uint8Array[]): Uint8Array[] {
  const last = views.at(-1) ?? new Uint8Array();
  return [...views.slice(0, -1), last.subarray(0, last.length >> 1)];
}

export interface FailingDisk {
  fs: JournalFs;
  /** The next call of this kind fails once with this code; `short` writes only half. */
  failNext(call: 'writev' | 'fdatasync' | 'open', code: 'ENOSPC' | 'EIO' | 'short'): void;
  /** What was to fail and has not yet will not. */
  heal(): void;
}

export function failingDisk(): FailingDisk {
  let armed: { call: string; code: string } | undefined;
  const fire = (call: string): string | undefined => {
    if (armed?.call !== call) return undefined;
    const { code } = armed;
    armed = undefined;
    return code;
  };
  const fault = (code: string): Error => Object.assign(new Error(`${code}: made by the test`), { code });
  return {
    failNext: (call, code) => {
      armed = { call, code };
    },
    heal: () => {
      armed = undefined;
    },
    fs: {
      ...fs,
      openSync: (...args) => {
        const code = String(args[0]).endsWith('.seg') ? fire('open') : undefined;
        if (code) throw fault(code);
        return fs.openSync(...args);
      },
      writevSync: (fd, views) => {
        const code = fire('writev');
        if (code === 'short') return fs.writevSync(fd, cutShort(views as readonly Uint8Array[]));
        if (code) throw fault(code);
        return fs.writevSync(fd, views);
      },
      fdatasyncSync: (fd) => {
        const code = fire('fdatasync');
        if (code) throw fault(code);
        fs.fdatasyncSync(fd);
      },
    },
  };
}
