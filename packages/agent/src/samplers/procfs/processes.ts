/**
 * Processes by state, from /proc/PID/stat. Owns nothing between sweeps. It reads one file per process, so it runs less
 * often than the others and lets the event loop breathe every `CHUNK` processes.
 */
import { readdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { readShortFile } from './text-file.ts';

/** About 2 ms of reading. */
const CHUNK = 200;

/** Where Telegraf counts each state letter of proc_pid_stat(5); parked kernel threads are idle to everyone else. */
const FIELD_OF_STATE: Readonly<Record<string, FieldName<'processes'>>> = {
  R: 'running',
  S: 'sleeping',
  D: 'blocked',
  Z: 'zombies',
  X: 'dead',
  x: 'dead',
  T: 'stopped',
  t: 'stopped',
  W: 'paging',
  I: 'idle',
  P: 'idle',
};

export interface ProcessStat {
  field: FieldName<'processes'>;
  threads: number;
}

/**
 * Reads one /proc/PID/stat. The command may hold spaces and brackets, so all is counted from the last `)`.
 * @returns undefined for a text that is not one.
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(')');
  if (end === -1) return undefined;
  const fields = text.slice(end + 2, end + 512).split(' ', 18);
  const state = fields[0];
  if (state === undefined || state === '') return undefined;
  const threads = Number.parseInt(fields[17] ?? '', 10);
  return { field: FIELD_OF_STATE[state] ?? 'unknown', threads: Number.isNaN(threads) ? 0 : threads };
}

/** @returns counts for every state, 0 included, so that a series does not come and go. */
export function emptyCounts(): Record<FieldName<'processes'>, number> {
  return {
    running: 0,
    blocked: 0,
    sleeping: 0,
    idle: 0,
    stopped: 0,
    zombies: 0,
    dead: 0,
    paging: 0,
    unknown: 0,
    total: 0,
    total_threads: 0,
  };
}

function isProcessId(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 49 && first <= 57;
}

export function createProcessesSampler(roots: HostRoots, options: { intervalMs: number }): Sampler {
  const series = createSeriesOf('processes')();
  return {
    name: 'processes',
    intervalMs: options.intervalMs,
    async sample(signal): Promise<Reading[]> {
      const counts = emptyCounts();
      let read = 0;
      for (const name of await readdir(roots.procRoot)) {
        if (!isProcessId(name)) continue;
        if (++read % CHUNK === 0) await nextTurn();
        if (signal.aborted) return [];
        // One that ended meanwhile is no longer a process.
        const stat = parseProcessStat(readShortFile(`${roots.procRoot}/${name}/stat`) ?? '');
        if (stat === undefined) continue;
        counts[stat.field]++;
        counts.total++;
        counts.total_threads += stat.threads;
      }
      const readings: Reading[] = [];
      let field: FieldName<'processes'>;
      for (field in counts) readings.push({ series: series[field], value: counts[field] });
      return readings;
    },
  };
}
