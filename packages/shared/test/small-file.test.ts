import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { readSmallFile } from '../src/small-file.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ms-small-'));
  file = join(dir, 'file');
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
});

test('a file is read whole up to the bound, behind a link too, with its mode', () => {
  const text = 'ä'.repeat(100_000);
  writeFileSync(file, text);
  chmodSync(file, 0o604);
  symlinkSync('file', join(dir, 'link'));
  for (const path of [file, join(dir, 'link')])
    expect(readSmallFile(path, 200_000)).toEqual({ ok: true, text, mode: 0o100604 });
  writeFileSync(file, '');
  expect(readSmallFile(file, 0)).toMatchObject({ ok: true, text: '' });
});

test('what is too large is not read, and a byte too many is too large', () => {
  writeFileSync(file, '123456789');
  expect(readSmallFile(file, 8)).toEqual({ ok: false, fault: 'too_large', bytes: 9 });
  truncateSync(file, 2 ** 40);
  expect(readSmallFile(file, 8)).toEqual({ ok: false, fault: 'too_large', bytes: 2 ** 40 });
});

test('a file that holds more than its size said is read to its end, or to the bound', () => {
  // The kernel says 0 bytes of it, as of a file that grows between asking and reading.
  const grown = '/proc/self/limits';
  const text = readFileSync(grown, 'utf8');
  expect(readSmallFile(grown, 64 * 1024)).toMatchObject({ ok: true, text });
  expect(readSmallFile(grown, 100)).toEqual({ ok: false, fault: 'too_large', bytes: 101 });
});

test('waits for no pipe, and takes neither it nor a directory for a file', () => {
  execFileSync('mkfifo', [file]);
  for (const path of [file, dir, '/dev/zero'])
    expect(readSmallFile(path, 100)).toEqual({ ok: false, fault: 'no_file' });
});

test('says what the system said of a file that is not there', () => {
  expect(readSmallFile(file, 100)).toMatchObject({ ok: false, fault: 'unreadable', cause: { code: 'ENOENT' } });
});
