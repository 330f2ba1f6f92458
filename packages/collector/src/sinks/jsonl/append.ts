/**
 * Appending bytes to a file through two buffers: while one is on its way to the disk, the other is filled. Owns the
 * buffers; promises that memory stays at two buffers whatever is appended, and that `finish` resolves only when every
 * byte is durable.
 *
 * Files are opened with O_DSYNC: a write returns when its bytes are on disk, which is write and fdatasync in one call.
 * Two calls would need this thread between them, and it is busy filling the other buffer.
 */
import { constants } from 'node:fs';

/** How a file to append to is opened; `CREATE_FLAGS` empties one that is there. */
export const APPEND_FLAGS = constants.O_WRONLY | constants.O_DSYNC;
export const CREATE_FLAGS = APPEND_FLAGS | constants.O_CREAT | constants.O_TRUNC;

/** What a file must be able to do to be appended to; a `FileHandle` can. */
export interface AppendHandle {
  write(bytes: Buffer, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  stat(): Promise<{ size: number; nlink: number }>;
  truncate(lengthBytes: number): Promise<void>;
  close(): Promise<void>;
}
export type OpenFile = (path: string, flags: number, mode: number) => Promise<AppendHandle>;

/** Made durable at a time. A sync costs the same for 4 KB and for 64 KB; above 1 MiB nothing is gained. */
export const BLOCK_BYTES = 1024 * 1024;
/** Appends to one file from one place on; made for a single delivery. */
export interface Appender {
  /** Starts at this byte of this file. Only after the last append has ended. */
  begin(handle: AppendHandle, atBytes: number): void;
  /** Lets `write` put bytes into the buffer from the place it is given; it returns where the next byte goes. */
  fill(write: (target: Buffer, at: number) => number): void;
  /**
   * Makes room: hands what is filled to the disk, once the buffer before has landed there. With nothing filled
   * the writer needs more than a buffer: both become twice as large. Rejects as `finish` does.
   */
  flush(): Promise<void>;
  /** @returns the bytes appended since `begin`, all durable. Rejects with the first error of a write. */
  finish(): Promise<number>;
  /** Forgets what is not written yet. @returns false when what was written last has failed. */
  settle(): Promise<boolean>;
}

export function createAppender(blockBytes = BLOCK_BYTES): Appender {
  let filling = Buffer.allocUnsafeSlow(blockBytes);
  let spare = Buffer.allocUnsafeSlow(blockBytes);
  let filledBytes = 0;
  let file: AppendHandle | undefined;
  let startBytes = 0;
  let endBytes = 0;
  /** Never rejects: it resolves with what went wrong, so that no rejection is without a handler meanwhile. */
  let inFlight: Promise<unknown> = Promise.resolve();

  async function landed(): Promise<void> {
    const error = await inFlight;
    if (error !== undefined) throw error;
  }

  async function flush(): Promise<void> {
    await landed();
    if (filledBytes === 0) {
      filling = Buffer.allocUnsafeSlow(filling.length * 2);
      return;
    }
    launch();
  }

  function launch(): void {
    const handle = file as AppendHandle;
    const block = filling.subarray(0, filledBytes);
    const at = endBytes;
    endBytes += filledBytes;
    filledBytes = 0;
    [filling, spare] = [spare.length < filling.length ? Buffer.allocUnsafeSlow(filling.length) : spare, filling];
    inFlight = writeAll(handle, block, at).catch((error: unknown) => error ?? new Error('write failed'));
  }

  return {
    begin(handle, atBytes) {
      file = handle;
      startBytes = atBytes;
      endBytes = atBytes;
      filledBytes = 0;
      inFlight = Promise.resolve();
    },
    fill(write) {
      filledBytes = write(filling, filledBytes);
    },
    flush,
    async finish() {
      await landed();
      if (filledBytes > 0) launch();
      await landed();
      return endBytes - startBytes;
    },
    async settle() {
      filledBytes = 0;
      return (await inFlight) === undefined;
    },
  };
}

async function writeAll(handle: AppendHandle, block: Buffer, atBytes: number): Promise<void> {
  for (let done = 0; done < block.length; ) {
    const { bytesWritten } = await handle.write(block, done, block.length - done, atBytes + done);
    if (bytesWritten === 0) throw new Error('the file takes no more bytes and the system does not say why');
    done += bytesWritten;
  }
}
