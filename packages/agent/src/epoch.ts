/**
 * The epoch: one run of the agent. Owns the file of the last one and promises that epochs of one state directory only
 * grow, over restarts and over a wall clock that was set back, and that an epoch is on disk before a batch carries it.
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { writeFileAtomically } from '@metricstream/shared/atomic-file.ts';

const RANDOM_SPAN = 1024;

/**
 * @returns max(nowUnixMs × 1024 + 10 random bits, last + 1): below 2^53 until the year 2248.
 * @param last 0 when there is none.
 */
export function epochAfter(last: number, nowUnixMs: number, random10Bits: number): number {
  return Math.max(nowUnixMs * RANDOM_SPAN + random10Bits, last + 1);
}

export interface EpochOptions {
  stateDir: string;
  nowUnixMs: number;
  /** Epochs found elsewhere (the spool's records): the new one is above them even when the file was lost. */
  atLeastAbove: number;
}

/**
 * Begins an epoch: keeps it in `stateDir/epoch`, synced, and returns it. A file that is missing or damaged counts as 0.
 * @throws MetricStreamError `directory_unusable` when it cannot be kept, `damaged` when no number is left below 2^53.
 */
export function beginEpoch(options: EpochOptions): number {
  const path = join(options.stateDir, 'epoch');
  const last = Math.max(readLast(path), options.atLeastAbove);
  const epoch = epochAfter(last, options.nowUnixMs, randomInt(RANDOM_SPAN));
  if (!Number.isSafeInteger(epoch))
    throw new MetricStreamError(
      'damaged',
      `the next epoch after ${last} (${path}) is not below 2^53; set the clock right, remove the file and the spool`,
    );
  try {
    writeFileAtomically(path, `${epoch}\n`);
  } catch (cause) {
    throw new MetricStreamError('directory_unusable', `cannot keep the epoch in ${path}; make it writable`, { cause });
  }
  return epoch;
}

function readLast(path: string): number {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : 0;
  } catch {
    return 0;
  }
}
