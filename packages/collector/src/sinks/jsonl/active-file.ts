/**
 * The file that lines go to now. Owns its number, its handle and the length up to which it is stored; promises that
 * nothing is ever added behind bytes that are not stored, nor to a file on which a write or its sync has failed (what is on disk then, nobody knows), and that what
 * somebody else does to the file (a hand, logrotate) costs no new line.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppendHandle, OpenFile } from './append.ts';
import { APPEND_FLAGS, CREATE_FLAGS } from './append.ts';
import type { JsonlState } from './directory.ts';
import { cutFile, FILE_MODE, fileName, syncDirectory } from './directory.ts';

export interface ActiveFileStats {
  filesRotated: number;
  /** Files that somebody else shortened, removed or added to: an alarm. */
  filesDamaged: number;
}

export interface ActiveFile {
  /** Where the next line goes, all before it stored. */
  state(): JsonlState;
  number(): number;
  path(): string;
  /**
   * Cuts what a failed append left, begins the next file when this one is long enough, opens it.
   * @throws what the system throws; nothing is lost by it, call again later.
   */
  ready(): Promise<AppendHandle>;
  /** Between `ready` and `stored` the file holds bytes that may have to go. */
  appending(): void;
  /** So many bytes more are stored. */
  stored(bytes: number): void;
  /** Cuts back to what is stored, as far as the disk lets it; else the next `ready` does. Never rejects. */
  failed(writeFailed: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface ActiveFileOptions {
  dir: string;
  rotateBytes: number;
  open: OpenFile;
  /** From where on. */
  number: number;
  lengthBytes: number;
  stats: ActiveFileStats;
}

export function createActiveFile(options: ActiveFileOptions): ActiveFile {
  const { dir, stats } = options;
  let { number, lengthBytes } = options;
  let handle: AppendHandle | undefined;
  /** It may be longer than `lengthBytes`. */
  let dirty = false;
  /** A write has failed on it: not one more byte goes there. */
  let spoilt = false;

  const path = (): string => join(dir, fileName(number));

  async function closeHandle(): Promise<void> {
    const closing = handle;
    handle = undefined;
    // What a close reports concerns a write, and of writes only their sync is believed.
    await closing?.close().catch(() => undefined);
  }

  async function beginNext(): Promise<void> {
    await closeHandle();
    number++;
    lengthBytes = 0;
    spoilt = false;
    stats.filesRotated++;
  }

  async function beginNextAfterDamage(): Promise<void> {
    stats.filesDamaged++;
    await beginNext();
  }

  async function cutBack(): Promise<void> {
    await closeHandle();
    if (lengthBytes === 0) {
      // Removed and made again under the same number, it is another file: no failure clings to it.
      await rm(path(), { force: true });
      spoilt = false;
    } else if (!(await existing(() => cutFile(path(), lengthBytes), false))) {
      await beginNextAfterDamage();
    }
    dirty = false;
    if (spoilt) await beginNext();
  }

  async function openActive(): Promise<AppendHandle> {
    if (lengthBytes > 0) {
      const opened = await existing<AppendHandle | undefined>(
        () => options.open(path(), APPEND_FLAGS, FILE_MODE),
        undefined,
      );
      if (opened !== undefined) return opened;
      await beginNextAfterDamage();
    }
    const opened = await options.open(path(), CREATE_FLAGS, FILE_MODE);
    try {
      // A file whose name a power cut can take away holds nothing durable.
      await syncDirectory(dir);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /** @returns whether the file is as it was left; otherwise the next `openActive` or this handle may go on. */
  async function untouched(active: AppendHandle): Promise<boolean> {
    const { size, nlink } = await active.stat();
    if (nlink > 0 && size === lengthBytes) return true;
    if (nlink === 0 || size < lengthBytes) {
      await beginNextAfterDamage();
      return false;
    }
    stats.filesDamaged++;
    await active.truncate(lengthBytes);
    return true;
  }

  return {
    state: () => ({ file: fileName(number), lengthBytes }),
    number: () => number,
    path,
    async ready() {
      if (dirty) await cutBack();
      if (lengthBytes >= options.rotateBytes) await beginNext();
      handle ??= await openActive();
      if (!(await untouched(handle))) handle = await openActive();
      return handle;
    },
    appending() {
      dirty = true;
    },
    stored(bytes) {
      dirty = false;
      lengthBytes += bytes;
    },
    async failed(writeFailed) {
      if (!dirty) return;
      spoilt ||= writeFailed;
      await cutBack().catch(() => undefined);
    },
    close: closeHandle,
  };
}

/** @returns what `use` gives, or `otherwise` when the file is not there. */
async function existing<T>(use: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}
