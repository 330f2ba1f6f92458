/**
 * Traffic of block devices, from /proc/diskstats. Owns the last reading, for the figures that are differences
 * (`io_util`, `io_await`, `io_svctm`); promises that those never come from a counter that began anew.
 */
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { type NameFilter, createNameFilter } from '../name-filter.ts';
import { openTextFile } from './text-file.ts';
import { readNumbers } from './parse-numbers.ts';

/** /proc/diskstats counts in these, whatever the device's own sectors are. */
const SECTOR_BYTES = 512;
/** major, minor, and eleven counters; kernels before 2.6.25 had fewer for partitions. */
const NUMBERS_MIN = 11;

type CounterName = Exclude<FieldName<'diskio'>, 'io_util' | 'io_await' | 'io_svctm'>;
export type DiskCounters = Record<CounterName, number>;

/** Reads /proc/diskstats (Documentation/admin-guide/iostats.rst); shorter lines are passed over. */
export function parseDiskstats(text: string): Map<string, DiskCounters> {
  const devices = new Map<string, DiskCounters>();
  const numbers: number[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*\d+\s+\d+\s+(\S+)\s/.exec(line);
    if (match === null) continue;
    if (readNumbers(line, match[0].length, line.length, numbers) < NUMBERS_MIN) continue;
    const [reads = 0, mergedReads = 0, readSectors = 0, readMs = 0, writes = 0, mergedWrites = 0, ...rest] = numbers;
    const [writtenSectors = 0, writeMs = 0, inProgress = 0, ioMs = 0, weightedMs = 0] = rest;
    devices.set(match[1] as string, {
      reads,
      writes,
      read_bytes: readSectors * SECTOR_BYTES,
      write_bytes: writtenSectors * SECTOR_BYTES,
      read_time: readMs,
      write_time: writeMs,
      io_time: ioMs,
      weighted_io_time: weightedMs,
      merged_reads: mergedReads,
      merged_writes: mergedWrites,
      iops_in_progress: inProgress,
    });
  }
  return devices;
}

/** Devices with no disk behind them; a bare `*` does not mean these. */
const NO_DISK = /^(?:loop|z?ram|fd)\d+$/;
const PARTITION = /^(?<parent>(?:[hsv]|xv)d[a-z]+)\d+$|^(?<parentOfP>\S*\d)p\d+$/;

/** @returns false for loop, RAM and floppy devices, and for partitions of a device that is itself in `names`. */
export function isWholeDevice(name: string, names: { has(name: string): boolean }): boolean {
  if (NO_DISK.test(name)) return false;
  const groups = PARTITION.exec(name)?.groups;
  const parent = groups?.parent ?? groups?.parentOfP;
  return parent === undefined || !names.has(parent);
}

/**
 * What passed between two readings, as Telegraf has it (percent; ms; ms).
 * @returns nothing when a counter began anew, and no times per request when there was no request.
 */
export function diskioBetween(
  before: DiskCounters,
  after: DiskCounters,
  elapsedMs: number,
): Partial<Record<'io_util' | 'io_await' | 'io_svctm', number>> {
  const reset =
    after.reads < before.reads ||
    after.writes < before.writes ||
    after.read_time < before.read_time ||
    after.write_time < before.write_time ||
    after.io_time < before.io_time;
  if (reset) return {};
  const requests = after.reads - before.reads + (after.writes - before.writes);
  const requestMs = after.read_time - before.read_time + (after.write_time - before.write_time);
  const busyMs = after.io_time - before.io_time;
  const fields: ReturnType<typeof diskioBetween> = {};
  if (elapsedMs > 0) fields.io_util = (100 * busyMs) / elapsedMs;
  if (requests > 0) {
    fields.io_await = requestMs / requests;
    fields.io_svctm = busyMs / requests;
  }
  return fields;
}

/** @param options.devices globs; a device that only a bare `*` takes must also be whole. */
export function createDiskioSampler(
  roots: HostRoots,
  options: { devices: readonly string[] },
  monotonicMs: () => number = () => performance.now(),
): Sampler {
  const file = openTextFile(`${roots.procRoot}/diskstats`, 'utf8');
  const seriesOf = createSeriesOf('diskio');
  const takes = createNameFilter(options.devices);
  const asked: NameFilter = createNameFilter(
    options.devices.filter((pattern) => pattern !== '*' && pattern[0] !== '!'),
  );
  let last = new Map<string, DiskCounters>();
  let lastMs = 0;
  return {
    name: 'diskio',
    close: file.close,
    sample(): Reading[] {
      const readings: Reading[] = [];
      const all = parseDiskstats(file.read());
      const nowMs = monotonicMs();
      const now = new Map<string, DiskCounters>();
      for (const [name, counters] of all) {
        if (!takes(name) || (!asked(name) && !isWholeDevice(name, all))) continue;
        if (now.size >= LABEL_SETS_MAX) break;
        now.set(name, counters);
        const before = last.get(name);
        const between = before === undefined ? {} : diskioBetween(before, counters, nowMs - lastMs);
        pushFields(readings, seriesOf(name), counters, between);
      }
      last = now;
      lastMs = nowMs;
      return readings;
    },
  };
}

function pushFields(
  readings: Reading[],
  series: ReturnType<ReturnType<typeof createSeriesOf<'diskio'>>>,
  counters: DiskCounters,
  between: ReturnType<typeof diskioBetween>,
): void {
  let counter: CounterName;
  for (counter in counters) readings.push({ series: series[counter], value: counters[counter] });
  let figure: keyof typeof between;
  for (figure in between) readings.push({ series: series[figure], value: between[figure] as number });
}
