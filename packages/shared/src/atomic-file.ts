/**
 * Small files that are replaced as a whole. Promises that a reader finds the old text or the new one, and that what has
 * returned outlives a power cut.
 */
import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes a small file so that a reader finds the old text or the new one, and the new one once this returns, power cut
 * or not: the bytes are synced before the name moves, and the directory after it. Mode 0640 unless given.
 */
export function writeFileAtomically(path: string, text: string, mode = 0o640): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  const fd = openSync(`${path}.new`, 'w', mode);
  try {
    // Not writeSync: on a nearly full disk it writes a part and says so by the count alone.
    writeFileSync(fd, text);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDirectory(dirname(path));
}

/** Makes names that were moved or made in the directory survive a power cut. */
export function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
