/**
 * Where batches go that a sink will never take. Owns a directory of JSONL files and promises: a letter is on disk
 * when `put` resolves, the directory stays below its bound by losing the oldest letters, each counted with its points,
 * and what cannot be kept is never silently taken as kept: `put` rejects.
 *
 * A line is `{"time":"…Z","sink":"influxdb","why":"…","client_id":"web-1","epoch":1,"seq":2,"points":60,"bytes":812,
 * "batch":"<base64 of the batch as the client sent it>"}`; `"batch":null` where it alone would break the bound. Where only
 * some of its points are meant, `points` counts those and `"part":"…"` has them as the sink would have written them.
 */
import { mkdir, open, readdir, readFile, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { DeadLetter, LetterPart } from './types.ts';

/** A bound is kept by deleting whole files, so it is spread over some. */
const FILES_PER_BOUND = 4;
/** Below this not even a line without its batch is sure to fit. */
export const DEAD_LETTER_BYTES_MIN = 256 * 1024;
/** Of a sink's words; a server may answer with a page of HTML. */
const WHY_CHARS_MAX = 2000;
/** Of the points as a sink writes them; the batch has them all. */
const PART_CHARS_MAX = 16 * 1024;
const NAME = /^dead-(\d{6,15})\.jsonl$/;
const NEWLINE = 10;

export interface DeadLetterStats {
  letters: number;
  points: number;
  /** Letters that are gone, or kept without their batch, because of the bound. */
  lettersDropped: number;
  pointsDropped: number;
  /** On disk now. */
  bytes: number;
}

export interface DeadLetterDir extends DeadLetter {
  readonly stats: DeadLetterStats;
  put(record: JournalRecord, sink: string, why: string, part?: LetterPart): Promise<void>;
}

export interface DeadLetterOptions {
  /** Made when missing, mode 0750; its files 0640. */
  dir: string;
  /** Of all files together; at least `DEAD_LETTER_BYTES_MIN`. */
  bytesMax: number;
  clock?: Clock;
  /** Told when letters go, or are kept without their batch, because of the bound: what is in them is lost then. */
  onLost?(lost: Lost): void;
}

export interface Lost {
  letters: number;
  points: number;
}

interface LetterFile {
  number: number;
  bytes: number;
}

/**
 * Opens the directory; a letter that a crash tore is cut off (its `put` never resolved, so its batch comes again).
 * @throws RangeError for too small a bound; what the system throws for an unusable directory.
 */
export async function createDeadLetter(options: DeadLetterOptions): Promise<DeadLetterDir> {
  const { dir, bytesMax, clock = systemClock } = options;
  if (!(bytesMax >= DEAD_LETTER_BYTES_MIN))
    throw new RangeError(`dead letters are bounded by ${bytesMax} bytes, expected at least ${DEAD_LETTER_BYTES_MIN}`);
  const fileBytesMax = Math.floor(bytesMax / FILES_PER_BOUND);
  const stats: DeadLetterStats = { letters: 0, points: 0, lettersDropped: 0, pointsDropped: 0, bytes: 0 };
  const files = await openDirectory(dir);
  for (const file of files) stats.bytes += file.bytes;
  let last: Promise<void> = Promise.resolve();

  function lose(lost: Lost): void {
    stats.lettersDropped += lost.letters;
    stats.pointsDropped += lost.points;
    options.onLost?.(lost);
  }

  async function makeRoom(bytes: number): Promise<void> {
    while (stats.bytes + bytes > bytesMax) {
      const oldest = files[0];
      if (oldest === undefined) return;
      const path = pathOf(dir, oldest.number);
      const lost = await countLetters(path);
      await unlink(path);
      files.shift();
      stats.bytes -= oldest.bytes;
      lose(lost);
    }
  }

  async function putOne(record: JournalRecord, letter: Letter): Promise<void> {
    let line = lineOf(record, letter, true);
    const fits = line.length <= bytesMax;
    if (!fits) line = lineOf(record, letter, false);
    await makeRoom(line.length);
    let file = files.at(-1);
    if (file === undefined || (file.bytes > 0 && file.bytes + line.length > fileBytesMax)) {
      file = { number: (file?.number ?? 0) + 1, bytes: 0 };
      files.push(file);
    }
    await appendSynced(dir, file, line);
    file.bytes += line.length;
    stats.bytes += line.length;
    stats.letters++;
    stats.points += letter.points;
    if (!fits) lose({ letters: 1, points: letter.points });
  }

  return {
    stats,
    put(record, sink, why, { points, text }: LetterPart = { points: record.points }) {
      // One after the other, several pumps share the directory; one that fails does not hold up the next.
      const mine = last.then(() => putOne(record, { sink, why, points, text, unixMs: clock.unixMs() }));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

interface Letter extends LetterPart {
  sink: string;
  why: string;
  unixMs: number;
}

function lineOf(record: JournalRecord, { sink, why, points, text, unixMs }: Letter, withBatch: boolean): Buffer {
  const { body } = record;
  const base64 = withBatch ? Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64') : null;
  const letter = {
    time: new Date(unixMs).toISOString(),
    sink,
    why: why.slice(0, WHY_CHARS_MAX),
    client_id: record.clientId,
    epoch: record.epoch,
    seq: record.seq,
    points,
    bytes: body.length,
    part: text?.slice(0, PART_CHARS_MAX),
    batch: base64,
  };
  return Buffer.from(`${JSON.stringify(letter)}\n`);
}

/** Through a handle of its own: after a failed sync no handle is asked to sync again. */
async function appendSynced(dir: string, file: LetterFile, line: Buffer): Promise<void> {
  const path = pathOf(dir, file.number);
  const handle = await open(path, file.bytes === 0 ? 'w' : 'r+', 0o640);
  try {
    // What a failed put left behind the last letter goes first.
    await handle.truncate(file.bytes);
    for (let done = 0; done < line.length; ) {
      const { bytesWritten } = await handle.write(line, done, line.length - done, file.bytes + done);
      if (bytesWritten === 0) throw new Error(`${path} takes no more bytes and the system does not say why`);
      done += bytesWritten;
    }
    await handle.datasync();
    if (file.bytes === 0) await syncDirectory(dir);
  } catch (error) {
    // A reader sees whole letters only; should this fail too, the next put or the next start does it.
    await handle.truncate(file.bytes).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}

async function openDirectory(dir: string): Promise<LetterFile[]> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  const files: LetterFile[] = [];
  for (const name of await readdir(dir)) {
    const match = NAME.exec(name);
    if (match) files.push({ number: Number(match[1]), bytes: (await stat(join(dir, name))).size });
  }
  files.sort((a, b) => a.number - b.number);
  const newest = files.at(-1);
  if (newest !== undefined) {
    const path = pathOf(dir, newest.number);
    const whole = (await readFile(path)).lastIndexOf(NEWLINE) + 1;
    if (whole < newest.bytes) await truncate(path, whole);
    newest.bytes = whole;
  }
  return files;
}

/** The points are found without parsing: inside a string of JSON the quote before the colon would be escaped. */
async function countLetters(path: string): Promise<Lost> {
  const found = { letters: 0, points: 0 };
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, at) + 1;
    if (end === 0) break;
    const line = bytes.toString('latin1', at, end);
    found.letters++;
    // A letter kept without its batch was counted when it came.
    if (line.includes('"batch":null')) found.letters--;
    else found.points += Number(/"points":(\d+)/.exec(line)?.[1] ?? 0);
    at = end;
  }
  return found;
}

function pathOf(dir: string, number: number): string {
  return join(dir, `dead-${String(number).padStart(6, '0')}.jsonl`);
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
