/**
 * Reading the small files that an option names: a token, certificates. Promises to read no more than the bound, to wait
 * for no pipe, and to say in words why a file cannot be read.
 */
import { readFileSync, statSync } from 'node:fs';
import { messageOf } from '@metricstream/shared/errors.ts';

/** `what` is wrong with the file, and what was `expected`; neither ever holds a byte of it. */
export interface FileFault {
  ok: false;
  what: string;
  expected: string;
}

export type FileRead = { ok: true; text: string } | FileFault;

/** @param expected ends the sentence "expected …" when there is no such file. */
export function readSmallFile(path: string, { bytesMax, expected }: { bytesMax: number; expected: string }): FileRead {
  const no = (what: string, wanted = expected): FileFault => ({
    ok: false,
    what: `${path}: ${what}`,
    expected: wanted,
  });
  try {
    const found = statSync(path);
    if (!found.isFile()) return no('is no file');
    if (found.size > bytesMax) return no(`has ${found.size} bytes`, `${expected}, of at most ${bytesMax} bytes`);
    return { ok: true, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return no('there is no such file');
    if (code === 'EACCES') return no('may not be read by this user', 'read permission on it and its directories');
    return no(`cannot be read: ${messageOf(error)}`);
  }
}

/** @returns whether every user of this machine may read the file; false when that cannot be said. */
export function isReadableByAll(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0;
}
