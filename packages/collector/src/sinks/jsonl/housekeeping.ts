/**
 * What becomes of files that are no longer written: compression, then deletion. Owns the background run that does
 * both; promises that at every moment of it each line is in a whole file (`.jsonl`, or `.jsonl.zst` once that is
 * synced), that only one run is under way, and that a failure is counted and tried again at the next run.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import type { JsonlFile } from './directory.ts';
import { ASIDE_DIR, FILE_MODE, listFiles, syncDirectory, TMP_SUFFIX } from './directory.ts';

export interface HousekeepingStats {
  filesCompressed: number;
  /** Files past `keepMs`, and their bytes on disk. */
  filesDeleted: number;
  bytesDeleted: number;
  /** Runs that ended on an error; their work is done by a later run. */
  housekeepingFailures: number;
  /** The last of these errors, for the log; '' when there was none. */
  housekeepingWhy: string;
}

export interface Housekeeping {
  /** Starts a run over the files below `belowNumber`, unless one is under way. `nowUnixMs` is what age is counted from. */
  start(belowNumber: number, nowUnixMs: number): void;
  /** Resolves when the run under way, if any, has ended. Never rejects. */
  idle(): Promise<void>;
  /** Ends the run under way; what it was writing is removed. */
  stop(): Promise<void>;
}

/** @param keepMs how long after its last line a file stays. @param stats where it counts. */
export function createHousekeeping(dir: string, keepMs: number, stats: HousekeepingStats): Housekeeping {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function run(belowNumber: number, nowUnixMs: number): Promise<void> {
    // First, since it makes room.
    await deleteOld(belowNumber, nowUnixMs - keepMs);
    for (const file of await listFiles(dir)) {
      if (stopping.signal.aborted) return;
      if (file.compressed || file.number >= belowNumber) continue;
      if (await compressFile(dir, file, stopping.signal)) stats.filesCompressed++;
    }
  }

  async function deleteOld(belowNumber: number, olderThanUnixMs: number): Promise<void> {
    const old = (await listFiles(dir)).filter((file) => file.number < belowNumber).map((file) => join(dir, file.name));
    const aside = await readdir(join(dir, ASIDE_DIR)).catch(() => []);
    for (const path of [...old, ...aside.map((name) => join(dir, ASIDE_DIR, name))]) {
      const { mtimeMs, size } = await stat(path);
      if (mtimeMs >= olderThanUnixMs) continue;
      await unlink(path);
      stats.filesDeleted++;
      stats.bytesDeleted += size;
    }
  }

  return {
    start(belowNumber, nowUnixMs) {
      if (running !== undefined || stopping.signal.aborted) return;
      running = run(belowNumber, nowUnixMs)
        .catch((error: unknown) => {
          if (stopping.signal.aborted) return;
          stats.housekeepingFailures++;
          stats.housekeepingWhy = error instanceof Error ? error.message : String(error);
        })
        .finally(() => {
          running = undefined;
        });
    },
    async idle() {
      await running;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/**
 * Replaces a file by its compressed form, keeping its time, from which its age is counted. An empty file just goes.
 * @returns true when there is a compressed file now.
 */
async function compressFile(dir: string, file: JsonlFile, signal: AbortSignal): Promise<boolean> {
  const path = join(dir, file.name);
  const { size, mtime } = await stat(path);
  if (size === 0) {
    await unlink(path);
    return false;
  }
  const tmp = `${path}.zst${TMP_SUFFIX}`;
  try {
    const target = createWriteStream(tmp, { mode: FILE_MODE, flush: true });
    await pipeline(createReadStream(path), createZstdCompress(), target, { signal });
    await utimes(tmp, mtime, mtime);
    await rename(tmp, `${path}.zst`);
  } catch (error) {
    await unlink(tmp).catch(() => undefined);
    throw error;
  }
  // The new name must be on disk before the old one goes.
  await syncDirectory(dir);
  await unlink(path);
  return true;
}
