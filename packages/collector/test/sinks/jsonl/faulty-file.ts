/** Files that fail on demand: the disk is full, a write is short, its sync is refused. */
import { open } from 'node:fs/promises';
import type { OpenFile } from '../../../src/sinks/jsonl/append.ts';

export interface Faults {
  /** Bytes that writes may still take; then ENOSPC, after a short write if some fit. */
  freeBytes: number;
  /** So many coming writes put their bytes into the file and then fail with EIO, as an O_DSYNC write does. */
  syncsFailing: number;
  /** Writes to a handle on which one has failed: must stay 0. */
  writesAfterFailure: number;
}

export function noFaults(): Faults {
  return { freeBytes: Number.POSITIVE_INFINITY, syncsFailing: 0, writesAfterFailure: 0 };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

export function faultyOpen(faults: Faults): OpenFile {
  return async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    let failed = false;
    return {
      async write(bytes, offset, length, position) {
        if (failed) faults.writesAfterFailure++;
        const fits = Math.min(length, faults.freeBytes);
        failed = fits <= 0 || faults.syncsFailing > 0;
        if (fits <= 0) throw systemError('ENOSPC');
        faults.freeBytes -= fits;
        const written = await handle.write(bytes, offset, fits, position);
        if (!failed) return written;
        faults.syncsFailing--;
        throw systemError('EIO');
      },
      stat: () => handle.stat(),
      truncate: (lengthBytes) => handle.truncate(lengthBytes),
      close: () => handle.close(),
    };
  };
}
