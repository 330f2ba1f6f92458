/** The cursor's file: the old place or the new one, whole, and never taken for absent because it could not be read. */
import { spawnSync } from 'node:child_process';
import type * as nodeFs from 'node:fs';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { bringCursorBack, emptyTotals, loadCursor, saveCursor, writeFileAtomically } from '../../src/journal/cursor.ts';
import { temporaryDirectory } from './kit.ts';

const calls = vi.hoisted((): string[] => []);
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof nodeFs>();
  const noted = <Name extends 'fdatasyncSync' | 'renameSync' | 'fsyncSync'>(name: Name): (typeof fs)[Name] =>
    ((...args: never[]) => {
      calls.push(name);
      return (fs[name] as (...all: never[]) => unknown)(...args);
    }) as never;
  const { fdatasyncSync, renameSync, fsyncSync } = {
    fdatasyncSync: noted('fdatasyncSync'),
    renameSync: noted('renameSync'),
    fsyncSync: noted('fsyncSync'),
  };
  return { ...fs, fdatasyncSync, renameSync, fsyncSync };
});

const CHILD = fileURLToPath(new URL('./short-write-child.ts', import.meta.url));
const KEPT = { journalId: 7, position: 1000, pointsBefore: 0, sink: { file: 'a' }, totals: emptyTotals() };

test('a write that the disk cuts short is an error and leaves the old file', () => {
  const path = join(temporaryDirectory(), 'cursor.json');
  writeFileAtomically(path, 'old');
  // A limit on the file size makes the kernel write a part and say so by the count alone, as a full disk does.
  const run = spawnSync('sh', ['-c', 'ulimit -f 1; exec "$0" "$@"', process.execPath, CHILD, path], {
    encoding: 'utf8',
  });
  expect(run.status, run.stderr).toBe(3);
  expect(readFileSync(path, 'utf8')).toBe('old');
});

test('the bytes are synced before the name moves, and the directory after it', () => {
  calls.length = 0;
  writeFileAtomically(join(temporaryDirectory(), 'cursor.json'), 'new');
  expect(calls).toEqual(['fdatasyncSync', 'renameSync', 'fsyncSync']);
});

test('an absent cursor is undefined, one that is not whole is damaged, one that cannot be read throws', () => {
  const dir = temporaryDirectory();
  const path = join(dir, 'cursor.json');
  expect(loadCursor(path)).toBeUndefined();
  for (const text of [
    '',
    '{"position": 12',
    '[]',
    'null',
    '{"position":-8,"journalId":1}',
    JSON.stringify({ ...KEPT, totals: 1 }),
  ]) {
    writeFileSync(path, text);
    expect(loadCursor(path), text).toBe('damaged');
  }
  saveCursor(path, KEPT);
  expect(loadCursor(path)).toEqual(KEPT);
  mkdirSync(join(dir, 'directory.json'));
  expect(() => loadCursor(join(dir, 'directory.json'))).toThrow(/EISDIR/);
});

test('a cursor beyond the end is brought back to it in its file, any other is left alone', () => {
  const path = join(temporaryDirectory(), 'cursor.json');
  expect(bringCursorBack(path, 7, 500)).toBeUndefined();
  saveCursor(path, KEPT);
  expect(bringCursorBack(path, 8, 500), 'of another journal').toBeUndefined();
  expect(bringCursorBack(path, 7, 1000)).toBeUndefined();
  expect(loadCursor(path)).toEqual(KEPT);
  expect(bringCursorBack(path, 7, 500)).toBe(1000);
  expect(loadCursor(path)).toEqual({ ...KEPT, position: 500 });
});
