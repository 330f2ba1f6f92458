/**
 * The JSONL files of a directory, as a reader finds them while the collector writes, compresses and deletes them. Owns
 * their choice and their bytes, and promises: a file is read whole under either of its names, whichever it has when it
 * is opened; `set-aside/` and half-made files are left out; memory holds one block.
 */
import type { ReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createZstdDecompress } from 'node:zlib';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';

export interface SourceFile {
  dir: string;
  /** Without `.zst`: what it is called before and after compression. */
  name: string;
  /** On disk when it was listed. */
  bytes: number;
  /** When its last line was written; compression keeps it. */
  writtenUnixMs: number;
}

const NAME = /^(.+\.jsonl)(\.zst)?$/;
const BLOCK_BYTES = 256 * 1024;

/**
 * @param path a directory, or one file of it.
 * @returns its files in the order they were written: ours by number, others by name.
 * @throws MetricStreamError when it is not there or cannot be read.
 */
export async function listSourceFiles(path: string): Promise<SourceFile[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw unusable(path, error);
  });
  const dir = found.isDirectory() ? path : dirname(path);
  const names = found.isDirectory()
    ? await readdir(dir).catch((error: unknown) => Promise.reject(unusable(path, error)))
    : [basename(path)];
  const files = new Map<string, SourceFile>();
  for (const name of names) {
    const bare = NAME.exec(name)?.[1];
    if (bare === undefined) continue;
    const now = await stat(join(dir, name)).catch(() => undefined);
    // Gone since the directory was read: compressed, then its other name is found or asked for when it is opened.
    const before = files.get(bare);
    if (now?.isFile() === false) continue;
    files.set(bare, {
      dir,
      name: bare,
      bytes: Math.max(now?.size ?? 0, before?.bytes ?? 0),
      writtenUnixMs: Math.max(now?.mtimeMs ?? Number.POSITIVE_INFINITY, before?.writtenUnixMs ?? 0),
    });
  }
  if (files.size === 0 && !found.isDirectory())
    throw new MetricStreamError('usage', `${path} is no JSONL file: expected a name in .jsonl or .jsonl.zst`);
  return [...files.values()].sort((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
}

function unusable(path: string, error: unknown): MetricStreamError {
  return new MetricStreamError('io', `the JSONL files in ${path} cannot be read: ${messageOf(error)}`);
}

/** Why a file cannot be read on; what was read before it is good. */
export class FileFault extends Error {}

/**
 * The file's bytes as they come, decompressed.
 * @throws FileFault when it is gone (past its `keep`), damaged, or the system does not give it.
 */
export async function* readBlocks({ dir, name }: SourceFile): AsyncGenerator<Buffer> {
  const path = join(dir, name);
  // Plain, compressed, and plain once more: a sink that recovers from a power cut may turn a file back.
  for (const [compressed, suffix] of [
    [false, ''],
    [true, '.zst'],
    [false, ''],
  ] as const) {
    const handle = await open(path + suffix).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new FileFault(messageOf(error));
    });
    if (handle === undefined) continue;
    try {
      const file = handle.createReadStream({ highWaterMark: BLOCK_BYTES, autoClose: false });
      yield* compressed ? decompressed(file) : (file as AsyncIterable<Buffer>);
    } catch (error) {
      throw new FileFault(compressed ? `the compressed file is damaged: ${messageOf(error)}` : messageOf(error));
    } finally {
      await handle.close();
    }
    return;
  }
  throw new FileFault('it has gone while the files were read');
}

async function* decompressed(file: ReadStream): AsyncGenerator<Buffer> {
  const plain = createZstdDecompress({ chunkSize: BLOCK_BYTES });
  file.on('error', (error) => plain.destroy(error));
  file.pipe(plain);
  try {
    yield* plain as AsyncIterable<Buffer>;
  } finally {
    file.destroy();
    plain.destroy();
  }
}
