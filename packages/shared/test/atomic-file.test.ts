/** Files that are replaced: the old text or the new one, whatever the disk does. */
import { spawnSync } from 'node:child_process';
import type * as nodeFs from 'node:fs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { writeFileAtomically } from '../src/atomic-file.ts';
import { temporaryDirectory } from './journal/kit.ts';

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

test('a write that the disk cuts short is an error and leaves the old file', () => {
  const path = join(temporaryDirectory(), 'file');
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
  writeFileAtomically(join(temporaryDirectory(), 'file'), 'new');
  expect(calls).toEqual(['fdatasyncSync', 'renameSync', 'fsyncSync']);
});
