/**
 * The small files that an option names: a token, certificates. Owns the words for one that cannot be read, and promises
 * that they never hold a byte of it.
 */
import { statSync } from 'node:fs';
import { messageOf } from '@metricstream/shared/errors.ts';
import { readSmallFile } from '@metricstream/shared/small-file.ts';

/** `what` is wrong with the file, and what was `expected`; neither ever holds a byte of it. */
export interface FileFault {
  ok: false;
  what: string;
  expected: string;
}

export type FileRead = { ok: true; text: string } | FileFault;

/** @param expected ends the sentence "expected …" when there is no such file. */
export function readOptionFile(path: string, { bytesMax, expected }: { bytesMax: number; expected: string }): FileRead {
  const no = (what: string, wanted = expected): FileFault => ({
    ok: false,
    what: `${path}: ${what}`,
    expected: wanted,
  });
  const read = readSmallFile(path, bytesMax);
  if (read.ok) return { ok: true, text: read.text };
  if (read.fault === 'no_file') return no('is no file');
  if (read.fault === 'too_large') return no(`has ${read.bytes} bytes`, `${expected}, of at most ${bytesMax} bytes`);
  const { code } = read.cause;
  if (code === 'ENOENT') return no('there is no such file');
  if (code === 'EACCES') return no('may not be read by this user', 'read permission on it and its directories');
  return no(`cannot be read: ${messageOf(read.cause)}`);
}

/** @returns whether every user of this machine may read the file; false when that cannot be said. */
export function isReadableByAll(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0;
}
