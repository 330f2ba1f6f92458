/**
 * Reading the small files that an option names: tokens, certificates, keys. Owns the one way of doing it and promises:
 * no pipe is waited for, only a file is read, and of that no more than the bound, however it grows meanwhile. What to
 * say of a fault is the reader's own.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

export type SmallFile =
  | { ok: true; text: string; mode: number }
  /** Something else has that name: a directory, a pipe. */
  | { ok: false; fault: 'no_file' }
  | { ok: false; fault: 'too_large'; bytes: number }
  /** As the system said; its code says whether there is no such file. */
  | { ok: false; fault: 'unreadable'; cause: NodeJS.ErrnoException };

const CHUNK_BYTES = 64 * 1024;

export function readSmallFile(path: string, bytesMax: number): SmallFile {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = fstatSync(fd);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return { ok: false, fault: 'no_file' };
    if (size > bytesMax) return { ok: false, fault: 'too_large', bytes: size };
    const bytes = readUpTo(fd, bytesMax + 1);
    if (bytes.length > bytesMax) return { ok: false, fault: 'too_large', bytes: bytes.length };
    return { ok: true, text: bytes.toString('utf8'), mode };
  } catch (cause) {
    return { ok: false, fault: 'unreadable', cause: cause as NodeJS.ErrnoException };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Until its end or the bound: the size that was said before may have changed. */
function readUpTo(fd: number, bytesMax: number): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < bytesMax) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytesMax - length));
    const read = readSync(fd, chunk);
    if (read === 0) break;
    chunks.push(chunk.subarray(0, read));
    length += read;
  }
  return Buffer.concat(chunks, length);
}
