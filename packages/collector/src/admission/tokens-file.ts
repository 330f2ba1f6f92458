/**
 * The tokens file. Owns reading it and noticing that it has changed, and promises: a broken line is named by its number,
 * no more is read than a tokens file may have.
 */
import { constants } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import { fileStamp, fileStampAsync } from '@metricstream/shared/file-stamp.ts';
import { readSmallFile } from '@metricstream/shared/small-file.ts';
import { parseTokens, type TokenLine, TOKENS_BYTES_MAX } from './tokens.ts';

export interface TokensFile {
  readonly entries: readonly TokenLine[];
  readonly text: string;
  /** What is unwise about it, in whole sentences. */
  readonly warnings: readonly string[];
}

/** @throws MetricStreamError `config_invalid` that names the file and every broken line. */
export function readTokensFile(path: string): TokensFile {
  const { text, mode } = readWhole(path);
  const parsed = parseTokens(text);
  if (!parsed.ok) {
    const lines = parsed.faults.map(
      ({ line, column, what, expected }) => `${path}:${line}:${column}: ${what} — expected ${expected}`,
    );
    if (parsed.more > 0) lines.push(`… and ${parsed.more} more`);
    throw new MetricStreamError('config_invalid', lines.join('\n'));
  }
  const warnings: string[] = [];
  if ((mode & constants.S_IWOTH) !== 0)
    warnings.push(`${path} can be written by everybody on this machine, who can let in whom he likes: chmod o-w it`);
  if (parsed.entries.length === 0) warnings.push(`${path} holds no token: nobody can come in with one`);
  return { entries: parsed.entries, text, warnings };
}

function readWhole(path: string): { text: string; mode: number } {
  const read = readSmallFile(path, TOKENS_BYTES_MAX);
  if (read.ok) return read;
  if (read.fault === 'no_file') throw fault(path, 'is no file');
  if (read.fault === 'too_large')
    throw fault(path, `has ${read.bytes} bytes, more than the ${TOKENS_BYTES_MAX} it may`);
  throw read.cause.code === 'ENOENT'
    ? fault(path, `does not exist; metricstream-collector token new --client 'web-*' --file ${path} makes it`)
    : fault(path, `cannot be read: ${messageOf(read.cause)}`);
}

function fault(path: string, what: string): MetricStreamError {
  return new MetricStreamError('config_invalid', `tokens_file: ${path} ${what}`);
}

/** Between two looks of somebody who writes the file in place; an editor is done by then. */
const SETTLE_MS = 25;
const SETTLE_LOOKS_MAX = 8;

export interface FileWatch {
  /** What it is now counts as seen. Call it before reading the file. */
  seen(): void;
  close(): void;
}

/**
 * Looks at the file again and again; `onChange` is called once for every change, when two looks in a row saw the same.
 * Looking, unlike being told by the kernel, works for swapped symbolic links and on file systems of other machines.
 */
export function watchFile(path: string, everyMs: number, onChange: () => void): FileWatch {
  let last = fileStamp(path);
  let looking = false;
  let closed = false;

  async function look(): Promise<void> {
    let now = await fileStampAsync(path);
    if (now === last) return;
    for (let looks = 0; looks < SETTLE_LOOKS_MAX; looks++) {
      const before = now;
      await delay(SETTLE_MS);
      now = await fileStampAsync(path);
      if (now === before) break;
    }
    if (closed || now === last) return;
    last = now;
    onChange();
  }

  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, everyMs).unref();
  return {
    seen: () => void (last = fileStamp(path)),
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}
