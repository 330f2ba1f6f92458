/**
 * CPU use, from the time counters in /proc/stat. Owns the last reading, of which each sweep is the difference. Promises
 * shares that are never negative and sum to 100 with all ten fields, whatever the counters do.
 */
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { openTextFile } from './text-file.ts';
import { readNumbers } from './parse-numbers.ts';

/** Time counters of one CPU since boot, in clock ticks. `user` includes `guest`, `nice` includes `guestNice`. */
export interface CpuTimes {
  /** `cpu-total`, `cpu0`, … */
  cpu: string;
  user: number;
  nice: number;
  system: number;
  idle: number;
  iowait: number;
  irq: number;
  softirq: number;
  steal: number;
  guest: number;
  guestNice: number;
}

/**
 * Reads the cpu lines of /proc/stat (proc(5)); fields an old kernel does not have are 0.
 * @param perCore false stops after the line of all CPUs together.
 */
export function parseCpuTimes(text: string, perCore: boolean): CpuTimes[] {
  const times: CpuTimes[] = [];
  const numbers: number[] = [];
  let at = 0;
  while (text.startsWith('cpu', at) && times.length <= LABEL_SETS_MAX) {
    let end = text.indexOf('\n', at);
    if (end === -1) end = text.length;
    const nameEnd = text.indexOf(' ', at);
    if (nameEnd === -1 || nameEnd > end) break;
    const found = readNumbers(text, nameEnd, end, numbers);
    numbers.fill(0, found);
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0, ...rest] = numbers;
    const [guest = 0, guestNice = 0] = rest;
    const name = text.slice(at, nameEnd);
    const cpu = name === 'cpu' ? 'cpu-total' : name;
    times.push({ cpu, user, nice, system, idle, iowait, irq, softirq, steal, guest, guestNice });
    if (!perCore) break;
    at = end + 1;
  }
  return times;
}

export type CpuUsage = Record<FieldName<'cpu'>, number>;

/**
 * Shares of the time between two readings of one CPU, in percent, as Telegraf has them: guests are taken out of
 * `user` and `nice`. Single counters may step back a little (iowait does, proc(5)); such a step counts as none.
 * @returns undefined when no time has passed or the counters began anew.
 */
export function cpuUsageBetween(before: CpuTimes, after: CpuTimes): CpuUsage | undefined {
  if (busyAndIdle(after) < busyAndIdle(before)) return undefined;
  const user = gained(before.user, after.user);
  const nice = gained(before.nice, after.nice);
  const system = gained(before.system, after.system);
  const idle = gained(before.idle, after.idle);
  const iowait = gained(before.iowait, after.iowait);
  const irq = gained(before.irq, after.irq);
  const softirq = gained(before.softirq, after.softirq);
  const steal = gained(before.steal, after.steal);
  const total = user + nice + system + idle + iowait + irq + softirq + steal;
  if (total <= 0) return undefined;
  // Guest time is booked apart from user time and may run a tick ahead of it.
  const guest = Math.min(user, gained(before.guest, after.guest));
  const guestNice = Math.min(nice, gained(before.guestNice, after.guestNice));
  const scale = 100 / total;
  return {
    usage_user: (user - guest) * scale,
    usage_system: system * scale,
    usage_idle: idle * scale,
    usage_iowait: iowait * scale,
    usage_nice: (nice - guestNice) * scale,
    usage_irq: irq * scale,
    usage_softirq: softirq * scale,
    usage_steal: steal * scale,
    usage_guest: guest * scale,
    usage_guest_nice: guestNice * scale,
  };
}

function gained(before: number, after: number): number {
  return after > before ? after - before : 0;
}

function busyAndIdle(t: CpuTimes): number {
  return t.user + t.nice + t.system + t.idle + t.iowait + t.irq + t.softirq + t.steal;
}

/** @returns a sampler whose first sweep gives nothing: there is no difference yet. */
export function createCpuSampler(roots: HostRoots, options: { perCore: boolean }): Sampler {
  const file = openTextFile(`${roots.procRoot}/stat`);
  const seriesOf = createSeriesOf('cpu');
  let last = new Map<string, CpuTimes>();
  return {
    name: 'cpu',
    close: file.close,
    sample(): Reading[] {
      const readings: Reading[] = [];
      const now = new Map<string, CpuTimes>();
      for (const times of parseCpuTimes(file.read(), options.perCore)) {
        now.set(times.cpu, times);
        const before = last.get(times.cpu);
        const usage = before === undefined ? undefined : cpuUsageBetween(before, times);
        if (usage === undefined) continue;
        const series = seriesOf(times.cpu);
        let field: FieldName<'cpu'>;
        for (field in usage) readings.push({ series: series[field], value: usage[field] });
      }
      last = now;
      return readings;
    },
  };
}
