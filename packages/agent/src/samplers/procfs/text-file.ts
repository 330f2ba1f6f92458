/**
 * Reads the kernel's text files over and over: the file stays open and is read again from its start, which is all that
 * procfs and sysfs need to make fresh text. Owns one buffer for all of them (reads are synchronous, so they never
 * meet); /proc never waits for a disk, so reading it in line costs less than handing it to a thread.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { MetricStreamError } from '@metricstream/shared/errors.ts';

/** No kernel file read here comes near it: /proc/stat of a host with 1,024 cores is about 0.2 MB. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024;

let buffer = Buffer.allocUnsafeSlow(32 * 1024);

export interface TextFile {
  /** @returns the text as it is now. Throws when it cannot be read, and opens it anew next time. */
  readonly read: () => string;
  readonly close: () => void;
}

/** @param encoding `latin1` where only ASCII matters (it is the cheapest), `utf8` where names of people's files occur. */
export function openTextFile(path: string, encoding: 'latin1' | 'utf8' = 'latin1'): TextFile {
  let fd: number | undefined;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    read() {
      try {
        fd ??= openSync(path, 'r');
        // Apart from the line below: reading may put a larger buffer in place.
        const length = readAll(fd, path);
        return buffer.toString(encoding, 0, length);
      } catch (error) {
        close();
        throw error instanceof MetricStreamError
          ? error
          : new MetricStreamError('io', `cannot read ${path}`, { cause: error });
      }
    },
    close,
  };
}

/** Fills the shared buffer from the file's start. @returns the bytes read. */
function readAll(fd: number, path: string): number {
  let length = 0;
  for (;;) {
    if (length === buffer.length) grow(path);
    const bytes = readSync(fd, buffer, length, buffer.length - length, length);
    if (bytes === 0) return length;
    length += bytes;
  }
}

function grow(path: string): void {
  if (buffer.length >= TEXT_BYTES_MAX)
    throw new MetricStreamError('limit', `${path} is longer than ${TEXT_BYTES_MAX} bytes: it is not read`);
  const larger = Buffer.allocUnsafeSlow(buffer.length * 2);
  buffer.copy(larger);
  buffer = larger;
}

/**
 * Reads a short file that is not worth keeping open (one per interface or process).
 * @returns its first 1 KiB as text, or undefined when it is not there or says EINVAL, as sysfs does for "no answer".
 */
export function readShortFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, 1024, 0));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
