/**
 * Points out of JSONL files, by time. Owns the two passes and promises: the first finds which minutes each file holds
 * (from the beginnings of its lines, nothing is parsed), so that the second opens only files that hold something of the
 * time asked for; what is no point is reported once, with file, line and reason, and never ends the reading; memory
 * holds one block and the minutes of each file, whatever the files' size.
 */
import { createTimeReader } from '../points/time.ts';
import { createLineReader, type FilePoint } from '../sinks/jsonl/read-line.ts';
import { forEachLine, type Line } from './lines.ts';
import { FileFault, listSourceFiles, readBlocks, type SourceFile } from './source-files.ts';

/** Unix minutes, [since, until). */
export interface Window {
  readonly since: number;
  readonly until: number;
}

/** A line that is no point, or (line 0) a file that could not be read to its end. */
export interface Problem {
  file: string;
  line: number;
  why: string;
}

export interface Problems {
  lines: number;
  files: number;
  /** The first PROBLEMS_KEPT. */
  list: Problem[];
}

export interface FileIndex {
  /** Lines in the window by minute. */
  readonly minutes: ReadonlyMap<number, number>;
  readonly lines: number;
  /** Read, and left out for having been written before the window. */
  readonly files: number;
  readonly filesBefore: number;
}

export interface ReadProgress {
  bytesDone: number;
  bytesTotal: number;
}

export interface JsonlReader {
  readonly problems: Problems;
  /** The first pass. Points outside the window are forgotten. @throws MetricStreamError for an unusable directory. */
  index(onProgress?: (progress: ReadProgress) => void): Promise<FileIndex>;
  /** The second pass over the files that hold something of `window`, in the order they were written. */
  read(window: Window, visit: (point: FilePoint) => void): Promise<void>;
}

export interface JsonlReaderOptions {
  /** A directory, or one file. */
  path: string;
  window: Window;
  /** Who wrote lines that name no client. */
  bareClientId?: string;
}

const PROBLEMS_KEPT = 100;
/** How far a client's clock may be ahead of the collector's, for a file to be told by the time it was written. */
const CLOCK_AHEAD_MS = 3_600_000;

const WHY_CHARS_MAX = 300;

export function createJsonlReader({ path, window, bareClientId }: JsonlReaderOptions): JsonlReader {
  const reader = createLineReader(bareClientId);
  const problems: Problems = { lines: 0, files: 0, list: [] };
  const faulty = new Set<string>();
  let held: { file: SourceFile; minutes: ReadonlySet<number> }[] = [];

  const report = (file: SourceFile, line: number, why: string): void => {
    if (line > 0) problems.lines++;
    else if (faulty.has(file.name)) return;
    else problems.files++;
    if (line === 0) faulty.add(file.name);
    if (problems.list.length < PROBLEMS_KEPT)
      problems.list.push({ file: file.name, line, why: why.slice(0, WHY_CHARS_MAX) });
  };

  async function scan(file: SourceFile, visit: (line: Line) => void, onBlock?: (bytes: number) => void): Promise<void> {
    try {
      await forEachLine(onBlock === undefined ? readBlocks(file) : observed(readBlocks(file), onBlock), visit);
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      report(file, 0, error.message);
    }
  }

  async function index(onProgress?: (progress: ReadProgress) => void): Promise<FileIndex> {
    const all = await listSourceFiles(path);
    const files = all.filter((file) => file.writtenUnixMs + CLOCK_AHEAD_MS >= window.since * 60_000);
    const progress: ReadProgress = { bytesDone: 0, bytesTotal: files.reduce((sum, { bytes }) => sum + bytes, 0) };
    const total = new Map<number, number>();
    let lines = 0;
    held = [];
    for (const file of files) {
      const minutes = new Set<number>();
      const count = (minute: number): void => {
        if (minute < window.since || minute >= window.until) return;
        minutes.add(minute);
        total.set(minute, (total.get(minute) ?? 0) + 1);
        lines++;
      };
      const minuteOf = createMinuteFinder();
      await scan(
        file,
        (line) => {
          const minute = line.unfinished || line.cut ? undefined : minuteOf(line);
          if (minute === undefined) indexOdd(file, line, count);
          else count(minute);
        },
        () => onProgress?.(progress),
      );
      if (minutes.size > 0) held.push({ file, minutes });
      progress.bytesDone += file.bytes;
      onProgress?.(progress);
    }
    return { minutes: total, lines, files: files.length, filesBefore: all.length - files.length };
  }

  /** A line that does not begin as ours do, has no end, or is too long. */
  function indexOdd(file: SourceFile, line: Line, count: (minute: number) => void): void {
    if (line.cut) return report(file, line.number, 'is longer than a line can be');
    const point = reader.read(textOf(line));
    if (!('why' in point)) return count(point.minute);
    report(file, line.number, line.unfinished ? 'is torn: the file ends in the middle of it' : point.why);
  }

  async function read(part: Window, visit: (point: FilePoint) => void): Promise<void> {
    const within = (minute: number): boolean => minute >= part.since && minute < part.until;
    for (const { file, minutes } of held) {
      if (![...minutes].some(within)) continue;
      const minuteOf = createMinuteFinder();
      await scan(file, (line) => {
        if (line.cut) return;
        const minute = line.unfinished ? undefined : minuteOf(line);
        if (minute !== undefined && !within(minute)) return;
        const point = reader.read(textOf(line));
        if ('why' in point) {
          // The first pass has reported the others.
          if (minute !== undefined) report(file, line.number, point.why);
        } else if (within(point.minute)) visit(point);
      });
    }
  }

  return { problems, index, read };
}

async function* observed(blocks: AsyncIterable<Buffer>, onBlock: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const block of blocks) {
    yield block;
    onBlock(block.length);
  }
}

function textOf({ bytes, start, end }: Line): string {
  return bytes.toString('utf8', start, end);
}

const HEAD = Buffer.from('{"timestamp":"');
const MINUTE_CHARS = '2025-10-04T12:00'.length;
const TIME_CHARS_MAX = '2025-10-04T12:00:00.123456789+00:00"'.length;
const QUOTE = 34;
const ZULU = 90;

/** @returns what tells a line's minute from its beginning; undefined where the line does not begin as ours do. */
function createMinuteFinder(): (line: Line) => number | undefined {
  const timeOf = createTimeReader();
  let last = '';
  let lastMinute = 0;
  return ({ bytes, start, end }) => {
    const at = start + HEAD.length;
    if (at + TIME_CHARS_MAX > end || bytes.compare(HEAD, 0, HEAD.length, start, at) !== 0) return undefined;
    const timeEnd = bytes.indexOf(QUOTE, at + MINUTE_CHARS);
    if (timeEnd === -1 || timeEnd - at >= TIME_CHARS_MAX) return undefined;
    const text = bytes.toString('latin1', at, at + MINUTE_CHARS);
    if (text === last && bytes[timeEnd - 1] === ZULU) return lastMinute;
    const time = timeOf(bytes.toString('latin1', at, timeEnd));
    if (time === undefined) return undefined;
    if (bytes[timeEnd - 1] === ZULU) {
      last = text;
      lastMinute = time.minute;
    }
    return time.minute;
  };
}
