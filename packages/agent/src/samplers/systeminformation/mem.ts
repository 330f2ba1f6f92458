/**
 * Memory and swap space as systeminformation knows them, each under Telegraf's meaning: `used` is total − available,
 * `cached` holds the reclaimable slab. Nothing is given when the library says that there is no memory, which is how it
 * fails. It does not know swap's traffic.
 */
import type { Systeminformation } from 'systeminformation';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { createSeriesOf } from '../series.ts';
import type { LoadLibrary } from './library.ts';

/** @returns no fields when the library had no answer; those of the kernel's own accounting on Linux only. */
export function memFields(
  data: Systeminformation.MemData,
  platform: NodeJS.Platform,
): Partial<Record<FieldName<'mem'>, number>> {
  if (!(data.total > 0)) return {};
  const available = Math.min(data.total, data.available);
  const fields: ReturnType<typeof memFields> = {
    total: data.total,
    used: data.total - available,
    used_percent: ((data.total - available) / data.total) * 100,
    available,
    available_percent: (available / data.total) * 100,
    free: data.free,
    swap_total: data.swaptotal,
    swap_free: data.swapfree,
  };
  if (platform !== 'linux') return fields;
  fields.buffered = data.buffers;
  fields.cached = data.cached + data.reclaimable;
  fields.slab = data.slab;
  fields.sreclaimable = data.reclaimable;
  if (data.dirty !== null) fields.dirty = data.dirty;
  if (data.writeback !== null) fields.write_back = data.writeback;
  return fields;
}

export function createMemSampler(load: LoadLibrary): Sampler {
  const series = createSeriesOf('mem')();
  return {
    name: 'mem',
    async sample() {
      const fields = memFields(await (await load()).mem(), process.platform);
      const readings: Reading[] = [];
      let field: FieldName<'mem'>;
      for (field in fields) readings.push({ series: series[field], value: fields[field] as number });
      return readings;
    },
  };
}

export function createSwapSampler(load: LoadLibrary): Sampler {
  const series = createSeriesOf('swap')();
  return {
    name: 'swap',
    async sample() {
      const data = await (await load()).mem();
      if (!(data.total > 0)) return [];
      const used = data.swaptotal - data.swapfree;
      return [
        { series: series.total, value: data.swaptotal },
        { series: series.used, value: used },
        { series: series.free, value: data.swapfree },
        { series: series.used_percent, value: data.swaptotal > 0 ? (used / data.swaptotal) * 100 : 0 },
      ];
    },
  };
}
