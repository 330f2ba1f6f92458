/** The reader of kernel files: fresh text each time, from one open file, in bounded memory. */
import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTextFile, readShortFile } from '../../../src/samplers/procfs/text-file.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'text-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

test('each read is the text as it is now, shorter or longer', async () => {
  const path = join(dir, 'a');
  const file = openTextFile(path, 'utf8');
  for (const text of ['one', 'grün\n', '', 'x'.repeat(200_000), 'short']) {
    await writeFile(path, text);
    expect(file.read() === text, `${text.length} characters`).toBe(true);
  }
  file.close();
});

test('a file that cannot be read is named, and read again once it is there', async () => {
  const path = join(dir, 'late');
  const file = openTextFile(path);
  expect(() => file.read()).toThrow(`cannot read ${path}`);
  await writeFile(join(dir, 'tmp'), 'here');
  await rename(join(dir, 'tmp'), path);
  expect(file.read()).toBe('here');
  file.close();
});

test('a file without end is refused, not kept', async () => {
  const path = join(dir, 'endless');
  await writeFile(path, '');
  await truncate(path, 64 * 1024 * 1024);
  const file = openTextFile(path);
  expect(() => file.read()).toThrow('is longer than');
  file.close();
});

test('a short file that is not there, or is a directory, is undefined', async () => {
  await writeFile(join(dir, 'a'), '1000\n');
  expect(readShortFile(join(dir, 'a'))).toBe('1000\n');
  expect(readShortFile(join(dir, 'none'))).toBeUndefined();
  expect(readShortFile(dir)).toBeUndefined();
});
