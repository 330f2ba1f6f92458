/**
 * Writing the tokens file. Owns its one way of being changed and promises: whoever reads it sees it before or after,
 * never in between; comments and other lines stay as they are; of two commands at once neither loses what the other did;
 * owner and permissions stay.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import { syncDirectory } from '@metricstream/shared/atomic-file.ts';
import { readTokensFile } from '../admission/tokens-file.ts';
import { formatToken, type TokenEntry, type TokenLine, TOKENS_MAX } from '../admission/tokens.ts';

/** How long one command waits for another. */
const LOCK_WAIT_MS = 10_000;
const MODE_OF_NEW = 0o640;
const ROOT = 0;
/** Where others may write, a link there would have us make a file elsewhere, and a pipe would have us wait. */
const LOCK_FLAGS = constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const HEADING = `# Who may send metrics, one token a line: NAME  CLIENT_IDS  sha256:DIGEST  [expires=TIME]
# Made by metricstream-collector token new. The collector reads it again when it changes.
`;

/**
 * Adds a line to the file, which is made if there is none.
 * @param make what to add, given what is there. @returns what was added.
 * @throws MetricStreamError `config_invalid` when the file is broken, `io` when it cannot be written.
 */
export function addToken(path: string, make: (entries: readonly TokenLine[]) => TokenEntry): TokenEntry {
  return locked(path, () => {
    const { entries, text } = existsSync(path) ? readTokensFile(path) : { entries: [], text: HEADING };
    if (entries.length >= TOKENS_MAX)
      throw new MetricStreamError('limit', `${path} holds ${TOKENS_MAX} tokens, which is all it may: revoke some`);
    const entry = make(entries);
    const joint = text === '' || text.endsWith('\n') ? '' : '\n';
    replaceFile(path, `${text}${joint}${formatToken(entry)}\n`);
    return entry;
  });
}

/** Takes out the line of the token that `choose` finds; it throws when there is none. @returns that token. */
export function removeToken(path: string, choose: (entries: readonly TokenLine[]) => TokenLine): TokenLine {
  return locked(path, () => {
    const { entries, text } = readTokensFile(path);
    const gone = choose(entries);
    replaceFile(
      path,
      text
        .split('\n')
        .toSpliced(gone.line - 1, 1)
        .join('\n'),
    );
    return gone;
  });
}

/** The lock is SQLite's own on an empty file beside it: the kernel takes it back from whoever dies with it. */
function locked<T>(path: string, work: () => T): T {
  const target = targetOf(path);
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(`${target}.lock`, LOCK_FLAGS, 0o600));
    database = new DatabaseSync(`${target}.lock`, { timeout: LOCK_WAIT_MS });
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    const busy = /locked|busy/i.test(messageOf(cause));
    throw busy
      ? new MetricStreamError('timeout', `${path} is being changed by another command; try again`, { cause })
      : unwritable(path, cause);
  }
  try {
    return work();
  } finally {
    database.close();
  }
}

/** Behind all symbolic links, so that a link stays one. */
function targetOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function replaceFile(path: string, text: string): void {
  const target = targetOf(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
      keepOwner(fd, target);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, target);
    syncDirectory(dirname(target));
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause instanceof MetricStreamError ? cause : unwritable(path, cause);
  }
}

/** The collector, which need not be who runs this, must be able to read the new file as it could the old one. */
function keepOwner(fd: number, target: string): void {
  const old = statSync(target, { throwIfNoEntry: false });
  const us = { uid: process.geteuid?.() ?? ROOT, gid: process.getegid?.() ?? ROOT };
  const wanted = old ?? { uid: us.uid, gid: us.uid === ROOT ? statSync(dirname(target)).gid : us.gid };
  if (wanted.uid !== us.uid || wanted.gid !== us.gid) {
    try {
      fchownSync(fd, wanted.uid, wanted.gid);
    } catch (cause) {
      const text = `${target} belongs to user ${wanted.uid} and group ${wanted.gid}: run this as that user, or as root`;
      throw new MetricStreamError('io', text, { cause, retryable: false });
    }
  }
  fchmodSync(fd, old === undefined ? MODE_OF_NEW : old.mode & 0o777);
}

function unwritable(path: string, cause: unknown): MetricStreamError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const what = missing ? `make the directory ${dirname(path)} first` : 'run this as its owner, or as root';
  return new MetricStreamError('io', `${path} cannot be written: ${what} (${messageOf(cause)})`, {
    retryable: false,
    cause,
  });
}
