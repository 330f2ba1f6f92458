/** Space of file systems as systeminformation reads it out of `df`: no inodes, and whole KiB. Pure but for the call. */
import type { Systeminformation } from 'systeminformation';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import type { LoadLibrary } from './library.ts';

type Field = Extract<FieldName<'disk'>, 'total' | 'free' | 'used' | 'used_percent'>;

/** `used_percent` is used / (used + free), as df. @returns undefined for a file system without a size. */
export function diskFields(data: Systeminformation.FsSizeData): Record<Field, number> | undefined {
  if (!(data.size > 0)) return undefined;
  const asked = data.used + data.available;
  return {
    total: data.size,
    free: data.available,
    used: data.used,
    used_percent: asked > 0 ? (data.used / asked) * 100 : 0,
  };
}

/** The library tells no read-only state on Windows. */
function modeOf(data: Systeminformation.FsSizeData): string {
  const rw: boolean | null = data.rw;
  return rw === null ? 'unknown' : rw ? 'rw' : 'ro';
}

export function createDiskSampler(load: LoadLibrary, options: { ignoreFstypes: readonly string[] }): Sampler {
  const seriesOf = createSeriesOf('disk');
  const ignored = new Set(options.ignoreFstypes);
  return {
    name: 'disk',
    async sample() {
      const readings: Reading[] = [];
      const seen = new Set<string>();
      for (const data of (await (await load()).fsSize()).slice(0, LABEL_SETS_MAX)) {
        const fields = diskFields(data);
        if (fields === undefined || ignored.has(data.type) || seen.has(data.mount)) continue;
        seen.add(data.mount);
        const series = seriesOf(data.fs.replaceAll('/dev/', ''), data.type, modeOf(data), data.mount);
        let field: Field;
        for (field in fields) readings.push({ series: series[field], value: fields[field] });
      }
      return readings;
    },
  };
}
