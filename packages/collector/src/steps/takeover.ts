/**
 * Who owns the state directory, and how it passes from one collector to the next. Owns the lock, the file that names its
 * holder, and the wait of a successor; promises that one program at a time holds the directory, that only its holder is
 * ever asked to leave, once, and that a successor which gives up has touched nothing.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '@metricstream/shared/clock.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { LOCK_FILE, lockDirectory } from '@metricstream/shared/journal/lock.ts';
import type { Log } from '@metricstream/shared/log.ts';

const PID_FILE = 'collector.pid';
/** Held by a successor while it waits: two would ask the predecessor twice, and twice means "at once" to it. */
const SUCCESSOR_LOCK_FILE = 'takeover.db';
/** A predecessor leaves within 10 s. */
const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 20;
const PROGRESS_EVERY_MS = 2000;

/** The directory is held until the process ends: a part that was left as it is at the stop may write until then. */
export interface Owned {
  /** Nobody is to be asked to leave any more. */
  leave(): void;
}

/** Whatever is collected as garbage gives its lock back. */
const held: object[] = [];

/** @throws MetricStreamError `directory_locked` when another program holds it. */
export function ownDirectory(dir: string): Owned {
  held.push(lockDirectory(dir));
  const pidFile = join(dir, PID_FILE);
  // Made anew: what a link of this name leads to is not ours to write.
  rmSync(pidFile, { force: true });
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o640, flag: 'wx' });
  return {
    leave: () => rmSync(pidFile, { force: true }),
  };
}

/** @returns undefined when another program holds it. */
export function tryOwnDirectory(dir: string): Owned | undefined {
  try {
    return ownDirectory(dir);
  } catch (error) {
    if (error instanceof MetricStreamError && error.code === 'directory_locked') return undefined;
    throw error;
  }
}

/** The place of the one successor. @throws MetricStreamError `directory_locked` when there is another. */
export function claimSuccession(dir: string): { release(): void } {
  try {
    return lockDirectory(dir, SUCCESSOR_LOCK_FILE);
  } catch (cause) {
    if (!(cause instanceof MetricStreamError && cause.code === 'directory_locked')) throw cause;
    throw new MetricStreamError('directory_locked', `another program is taking over ${dir} already: this one leaves`, {
      cause,
    });
  }
}

export interface TakeOverOptions {
  log: Log;
  /** Aborted when this program is asked to stop. */
  signal: AbortSignal;
  waitMs?: number;
}

/**
 * Asks the holder of the directory to leave and waits until it has.
 * @throws MetricStreamError `timeout` when it does not; `stopped` when the signal is aborted.
 */
export async function takeOver(dir: string, { log, signal, waitMs = WAIT_MS }: TakeOverOptions): Promise<Owned> {
  const sinceMs = performance.now();
  let askedPid = 0;
  let saidMs = sinceMs;
  while (!signal.aborted) {
    const owned = tryOwnDirectory(dir);
    const nowMs = performance.now();
    const waitedMs = Math.round(nowMs - sinceMs);
    if (owned !== undefined) {
      log.info('takeover: the state directory is ours', { waited_ms: waitedMs });
      return owned;
    }
    if (waitedMs > waitMs) throw stillThere(dir, waitMs, askedPid);
    const pid = askedPid === 0 ? holderOf(dir) : 0;
    if (pid !== 0 && askToLeave(pid)) {
      askedPid = pid;
      log.info('takeover: asked the running collector to leave', { pid });
    }
    if (nowMs - saidMs > PROGRESS_EVERY_MS) {
      saidMs = nowMs;
      log.info('takeover: waiting for the running collector to leave', { pid: askedPid, waited_ms: waitedMs });
    }
    await sleep(LOOK_EVERY_MS, signal);
  }
  throw new MetricStreamError('stopped', 'stopped while it waited to take over');
}

function stillThere(dir: string, waitMs: number, askedPid: number): MetricStreamError {
  const why =
    askedPid === 0
      ? `${join(dir, PID_FILE)} names no process of this user that holds it: stop that program yourself`
      : `process ${askedPid} was asked to leave and has not`;
  const text = `${dir} is still in use after ${waitMs / 1000} s: ${why}; nothing was changed here`;
  return new MetricStreamError('timeout', text);
}

/** @returns the process that holds the directory, or 0: it says so itself, and where /proc shows it, it has the lock file open. */
function holderOf(dir: string): number {
  try {
    const pid = Number(readFileSync(join(dir, PID_FILE), 'utf8'));
    if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid) return 0;
    return process.platform !== 'linux' || hasOpen(pid, join(realpathSync(dir), LOCK_FILE)) ? pid : 0;
  } catch {
    // No such file, no such process, or one of another user.
    return 0;
  }
}

function hasOpen(pid: number, path: string): boolean {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).some((fd) => {
    try {
      return readlinkSync(join(dir, fd)) === path;
    } catch {
      // Closed since the listing.
      return false;
    }
  });
}

/** @returns false when it is gone, or not ours to ask. */
function askToLeave(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGTERM');
  } catch {
    return false;
  }
}
