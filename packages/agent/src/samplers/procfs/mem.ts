/**
 * Memory, from /proc/meminfo. Owns nothing but the open file. Promises a point for each field the running kernel
 * names, and none for those it does not (high memory on 64 bits).
 */
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { parseMeminfo } from './meminfo.ts';
import { openTextFile } from './text-file.ts';

type MemField = FieldName<'mem'>;

/** Fields that are one line of the file. */
const LINES: readonly (readonly [line: string, field: MemField])[] = [
  ['MemFree', 'free'],
  ['Buffers', 'buffered'],
  ['Active', 'active'],
  ['Inactive', 'inactive'],
  ['Slab', 'slab'],
  ['SReclaimable', 'sreclaimable'],
  ['SUnreclaim', 'sunreclaim'],
  ['Shmem', 'shared'],
  ['Mapped', 'mapped'],
  ['Dirty', 'dirty'],
  ['Writeback', 'write_back'],
  ['WritebackTmp', 'write_back_tmp'],
  ['PageTables', 'page_tables'],
  ['CommitLimit', 'commit_limit'],
  ['Committed_AS', 'committed_as'],
  ['SwapTotal', 'swap_total'],
  ['SwapFree', 'swap_free'],
  ['SwapCached', 'swap_cached'],
  ['VmallocTotal', 'vmalloc_total'],
  ['VmallocUsed', 'vmalloc_used'],
  ['VmallocChunk', 'vmalloc_chunk'],
  ['HugePages_Total', 'huge_pages_total'],
  ['HugePages_Free', 'huge_pages_free'],
  ['Hugepagesize', 'huge_page_size'],
  ['HighTotal', 'high_total'],
  ['HighFree', 'high_free'],
  ['LowTotal', 'low_total'],
  ['LowFree', 'low_free'],
];

/**
 * Telegraf's mem fields: `cached` holds the reclaimable slab, `used` is total − available. Kernels before 3.14 have no
 * MemAvailable; free + cached stands in for it, as in gopsutil.
 * @returns no fields when there is no MemTotal.
 */
export function memFields(meminfo: ReadonlyMap<string, number>): Partial<Record<MemField, number>> {
  const total = meminfo.get('MemTotal');
  if (total === undefined) return {};
  const cached = (meminfo.get('Cached') ?? 0) + (meminfo.get('SReclaimable') ?? 0);
  const available = Math.min(total, meminfo.get('MemAvailable') ?? (meminfo.get('MemFree') ?? 0) + cached);
  const fields: Partial<Record<MemField, number>> = { total, used: total - available, available, cached };
  if (total > 0) {
    fields.used_percent = ((total - available) / total) * 100;
    fields.available_percent = (available / total) * 100;
  }
  for (const [line, field] of LINES) {
    const value = meminfo.get(line);
    if (value !== undefined) fields[field] = value;
  }
  return fields;
}

export function createMemSampler(roots: HostRoots): Sampler {
  const file = openTextFile(`${roots.procRoot}/meminfo`);
  const series = createSeriesOf('mem')();
  return {
    name: 'mem',
    close: file.close,
    sample(): Reading[] {
      const fields = memFields(parseMeminfo(file.read()));
      const readings: Reading[] = [];
      let field: MemField;
      for (field in fields) readings.push({ series: series[field], value: fields[field] as number });
      return readings;
    },
  };
}
