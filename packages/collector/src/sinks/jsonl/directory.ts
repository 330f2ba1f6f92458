/**
 * The directory of JSONL files: their names, and what is done to them when the sink opens. Owns both; promises that
 * after `recoverDirectory` the files hold, in the order of their numbers, exactly what the committed state says, that
 * whole files beyond what a crash can leave are set aside and not destroyed, and that a second call changes nothing, so
 * that a crash in the middle of it is harmless.
 *
 * `metrics-000001.jsonl` is active or waits for compression, `metrics-000001.jsonl.zst` is done. Where both exist, they
 * hold the same lines, and a reader takes one of them: the `.zst` got its name only after its sync.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { MetricStreamError } from '@metricstream/shared/errors.ts';

export const FILE_MODE = 0o640;
export const DIR_MODE = 0o750;
export const TMP_SUFFIX = '.tmp';
/** Under the directory: what was found and belongs to no committed state. */
export const ASIDE_DIR = 'set-aside';
/** Of one name; a process that crashes before every first commit must not fill the disk with what it left. */
const ASIDE_COPIES_MAX = 9;
const NAME = /^metrics-(\d{6,15})\.jsonl(\.zst)?$/;
const TMP_NAME = /^metrics-\d{6,15}\.jsonl(\.zst)?\.tmp$/;

/** What is committed beside the cursor: everything up to here is stored, nothing after it. */
export interface JsonlState {
  /** A name without a directory. */
  file: string;
  lengthBytes: number;
}

export interface JsonlFile {
  number: number;
  compressed: boolean;
  name: string;
}

/** What opening found and did. */
export interface Recovery {
  /** Where the next line goes; the file may not exist yet. */
  number: number;
  lengthBytes: number;
  /** Bytes removed because no committed state covers them: a delivery that a crash interrupted. */
  bytesCut: number;
  filesSetAside: number;
  /** 1 when the committed file is gone or shorter than committed: somebody else removed lines. */
  filesDamaged: number;
}

export function fileName(number: number): string {
  return `metrics-${String(number).padStart(6, '0')}.jsonl`;
}

/** @returns our files, lowest number first. Others are left alone. */
export async function listFiles(dir: string): Promise<JsonlFile[]> {
  const files: JsonlFile[] = [];
  for (const name of await readdir(dir)) {
    const match = NAME.exec(name);
    if (match) files.push({ number: Number(match[1]), compressed: match[2] !== undefined, name });
  }
  return files.sort((a, b) => a.number - b.number);
}

/**
 * @param state what the cursor kept, of any shape.
 * @returns it as a state, or undefined when nothing was ever committed.
 * @throws MetricStreamError `damaged` when it is of no use: going on would store lines twice or lose them.
 */
export function parseState(state: unknown): JsonlState | undefined {
  if (state === undefined || state === null) return undefined;
  const { file, lengthBytes } = state as Partial<JsonlState>;
  const named = typeof file === 'string' && NAME.exec(file)?.[2] === undefined && NAME.test(file);
  if (named && Number.isSafeInteger(lengthBytes) && (lengthBytes as number) >= 0)
    return { file, lengthBytes: lengthBytes as number };
  throw new MetricStreamError(
    'damaged',
    `the cursor of the JSONL sink holds ${JSON.stringify(state)}, expected {"file":"metrics-000001.jsonl","lengthBytes":0}; restore the cursor file, or remove it to store the journal again from its start`,
  );
}

/** Brings the directory back to the committed state; makes it when there is none. @throws what the system throws. */
export async function recoverDirectory(dir: string, committed: JsonlState | undefined): Promise<Recovery> {
  await mkdir(dir, { recursive: true, mode: DIR_MODE });
  for (const name of await readdir(dir)) if (TMP_NAME.test(name)) await unlink(join(dir, name));
  const found: Recovery = { number: 1, lengthBytes: 0, bytesCut: 0, filesSetAside: 0, filesDamaged: 0 };
  if (committed !== undefined) {
    found.number = Number(NAME.exec(committed.file)?.[1]);
    found.lengthBytes = committed.lengthBytes;
    await clearLater(dir, found);
    await restoreActive(dir, found);
    await removeCompressed(dir, found.number);
    await cutActive(dir, found);
  } else {
    // Either a crash before the very first commit, or somebody lost the cursor: the bytes tell no difference.
    for (const file of await listFiles(dir)) await setAsideUnlessEmpty(dir, file, found);
  }
  await syncDirectory(dir);
  return found;
}

/** A crash leaves at most one delivery in one later file; more means that the cursor is an old one. */
async function clearLater(dir: string, found: Recovery): Promise<void> {
  const later: { file: JsonlFile; bytes: number }[] = [];
  for (const file of await listFiles(dir)) {
    if (file.number > found.number) later.push({ file, bytes: (await stat(join(dir, file.name))).size });
  }
  const filled = later.filter(({ bytes }) => bytes > 0);
  const byCrash = filled.length <= 1 && filled.every(({ file }) => !file.compressed);
  // Highest first: should this be interrupted, what is left does not look like the one file of a crash.
  for (const { file, bytes } of later.toReversed()) {
    if (!byCrash) {
      await setAsideUnlessEmpty(dir, file, found);
      continue;
    }
    await unlink(join(dir, file.name));
    found.bytesCut += bytes;
  }
}

async function setAsideUnlessEmpty(dir: string, file: JsonlFile, found: Recovery): Promise<void> {
  const path = join(dir, file.name);
  const bytes = (await stat(path)).size;
  if (bytes === 0) {
    await unlink(path);
    return;
  }
  const aside = join(dir, ASIDE_DIR);
  await mkdir(aside, { recursive: true, mode: DIR_MODE });
  const taken = new Set(await readdir(aside));
  let copy = 1;
  while (copy <= ASIDE_COPIES_MAX && taken.has(`${copy}-${file.name}`)) copy++;
  if (copy > ASIDE_COPIES_MAX) {
    await unlink(path);
    found.bytesCut += bytes;
    return;
  }
  const name = `${copy}-${file.name}`;
  await rename(path, join(aside, name));
  await syncDirectory(aside);
  found.filesSetAside++;
}

/** The committed file may be compressed already when a power cut brought an older cursor back. */
async function restoreActive(dir: string, found: Recovery): Promise<void> {
  const path = join(dir, fileName(found.number));
  const same = (await listFiles(dir)).filter((file) => file.number === found.number);
  const compressed = same.find((file) => file.compressed);
  if (compressed === undefined) return;
  if (same.length === 1) {
    const target = createWriteStream(path + TMP_SUFFIX, { mode: FILE_MODE, flush: true });
    await pipeline(createReadStream(`${path}.zst`), createZstdDecompress(), target);
    await rename(path + TMP_SUFFIX, path);
    await syncDirectory(dir);
  }
  await setAsideUnlessEmpty(dir, compressed, found);
}

/** A compression was interrupted before its last step. */
async function removeCompressed(dir: string, belowNumber: number): Promise<void> {
  const files = (await listFiles(dir)).filter((file) => file.number < belowNumber);
  const done = new Set(files.filter((file) => file.compressed).map((file) => file.number));
  for (const file of files) if (!file.compressed && done.has(file.number)) await unlink(join(dir, file.name));
}

async function cutActive(dir: string, found: Recovery): Promise<void> {
  const path = join(dir, fileName(found.number));
  const bytes = await sizeOf(path);
  if (bytes === undefined && found.lengthBytes === 0) return;
  if (bytes === undefined || bytes < found.lengthBytes) {
    // Its last line may be half a line: nothing is ever added to it again.
    found.filesDamaged++;
    found.number++;
    found.lengthBytes = 0;
    return;
  }
  if (bytes === found.lengthBytes) return;
  await cutFile(path, found.lengthBytes);
  found.bytesCut += bytes - found.lengthBytes;
}

/** Cuts a file to a length, durably, through a handle of its own. @returns true: it is done. */
export async function cutFile(path: string, lengthBytes: number): Promise<boolean> {
  await truncate(path, lengthBytes);
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes names durable: created, renamed or removed ones. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
