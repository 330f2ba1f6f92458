/**
 * One owner per directory. Owns the lock and promises that the kernel gives it back when its holder dies, however it
 * dies: it is SQLite's own file lock on an otherwise empty database, not a pid in a file that outlives its process.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MetricStreamError } from '../errors.ts';

export const LOCK_FILE = 'lock.db';

/**
 * Takes the directory exclusively, across processes and within this one.
 * @param name of the lock, where a directory has more than one.
 * @throws MetricStreamError `directory_locked` when another program holds it.
 */
export function lockDirectory(dir: string, name = LOCK_FILE): { release(): void } {
  const path = join(dir, name);
  let database: DatabaseSync | undefined;
  try {
    // Whoever may read it could hold a lock on it.
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    const busy = cause instanceof Error && /locked|busy/i.test(cause.message);
    throw new MetricStreamError(
      busy ? 'directory_locked' : 'directory_unusable',
      busy
        ? `${dir} is in use by another MetricStream program; stop it or give this one another state_dir`
        : `cannot take the lock ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { retryable: false, cause },
    );
  }
  return {
    release() {
      database?.close();
      database = undefined;
    },
  };
}
