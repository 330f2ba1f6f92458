/**
 * Load, processors, sessions and uptime, from /proc/loadavg, /proc/uptime, sysfs and utmp. Owns the processor count,
 * taken anew only when the kernel's list of online processors reads differently.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Reading, Sampler } from '../sampler.ts';
import { createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { openTextFile, readShortFile } from './text-file.ts';
import { parseUtmp } from './utmp.ts';

/** Reads the three averages of /proc/loadavg (proc_loadavg(5)). Throws on any other text. */
export function parseLoadavg(text: string): [load1: number, load5: number, load15: number] {
  const match = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) /.exec(text);
  if (match === null) throw new Error(`"${text.slice(0, 40)}" is no load average: expected three decimal numbers`);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

/** Reads /proc/uptime (proc_uptime(5)). @returns whole seconds since boot. */
export function parseUptime(text: string): number {
  const seconds = Number.parseFloat(text);
  if (Number.isNaN(seconds)) throw new Error(`"${text.slice(0, 40)}" is no uptime: expected seconds`);
  return Math.floor(seconds);
}

/** Reads a list such as `0-3,8,10-11` (Documentation/admin-guide/cputopology.rst); at most 64 K processors. */
export function parseCpuList(text: string): number[] {
  const list: number[] = [];
  for (const part of text.trim().split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    for (let cpu = first; cpu <= last && list.length < 65_536; cpu++) list.push(cpu);
  }
  return list;
}

interface Processors {
  logical: number;
  /** Undefined where the kernel tells no topology. */
  physical: number | undefined;
}

/** Counts cores by the distinct sets of hyper-threads that share one. */
function countProcessors(sysRoot: string, online: string | undefined): Processors {
  const list = parseCpuList(online ?? '');
  if (list.length === 0) return { logical: cpus().length, physical: undefined };
  const cores = new Set<string>();
  for (const cpu of list) {
    const siblings = readShortFile(`${sysRoot}/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`);
    if (siblings === undefined) return { logical: list.length, physical: undefined };
    cores.add(siblings);
  }
  return { logical: list.length, physical: cores.size };
}

export function createSystemSampler(roots: HostRoots): Sampler {
  const loadavg = openTextFile(`${roots.procRoot}/loadavg`);
  const uptime = openTextFile(`${roots.procRoot}/uptime`);
  const series = createSeriesOf('system')();
  let online: string | undefined;
  let processors: Processors | undefined;

  return {
    name: 'system',
    close() {
      loadavg.close();
      uptime.close();
    },
    sample(): Reading[] {
      const [load1, load5, load15] = parseLoadavg(loadavg.read());
      const onlineNow = readShortFile(`${roots.sysRoot}/devices/system/cpu/online`);
      if (processors === undefined || onlineNow !== online) {
        processors = countProcessors(roots.sysRoot, onlineNow);
        online = onlineNow;
      }
      const readings: Reading[] = [
        { series: series.load1, value: load1 },
        { series: series.load5, value: load5 },
        { series: series.load15, value: load15 },
        { series: series.n_cpus, value: processors.logical },
        { series: series.uptime, value: parseUptime(uptime.read()) },
      ];
      if (processors.physical !== undefined)
        readings.push({ series: series.n_physical_cpus, value: processors.physical });
      const users = readUsers(roots.utmpFile);
      if (users !== undefined) {
        readings.push({ series: series.n_users, value: users.length });
        readings.push({ series: series.n_unique_users, value: new Set(users).size });
      }
      return readings;
    },
  };
}

/** Hosts without utmp (musl, newer distributions) have no figure to give; that is no fault. */
function readUsers(utmpFile: string): string[] | undefined {
  try {
    return parseUtmp(readFileSync(utmpFile), process.arch);
  } catch {
    return undefined;
  }
}
