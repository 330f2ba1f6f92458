/**
 * Traffic of all disks together, which is all systeminformation has: one label set, `name="total"`. Requests are those
 * of whole disks, bytes those of mounted file systems. The library says zero where it failed; a host that has never
 * read from a disk does not exist, so zeros give no points.
 */
import type { Systeminformation } from 'systeminformation';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { createSeriesOf } from '../series.ts';
import type { LoadLibrary } from './library.ts';

/** The library's `tWaitTime` is the kernel's weighted time of all requests; it knows times on Linux only. */
export function diskioFields(
  io: Systeminformation.DisksIoData | null,
  bytes: Systeminformation.FsStatsData | null,
  platform: NodeJS.Platform,
): Partial<Record<FieldName<'diskio'>, number>> {
  const fields: ReturnType<typeof diskioFields> = {};
  if (io !== null && io.tIO > 0) {
    fields.reads = io.rIO;
    fields.writes = io.wIO;
    if (platform === 'linux') {
      fields.read_time = io.rWaitTime;
      fields.write_time = io.wWaitTime;
      fields.weighted_io_time = io.tWaitTime;
    }
  }
  if (bytes !== null && bytes.tx > 0) {
    fields.read_bytes = bytes.rx;
    fields.write_bytes = bytes.wx;
  }
  return fields;
}

export function createDiskioSampler(load: LoadLibrary): Sampler {
  const series = createSeriesOf('diskio')('total');
  return {
    name: 'diskio',
    async sample() {
      const library = await load();
      const [io, bytes] = await Promise.all([library.disksIO(), library.fsStats()]);
      const fields = diskioFields(io, bytes, process.platform);
      const readings: Reading[] = [];
      let field: FieldName<'diskio'>;
      for (field in fields) readings.push({ series: series[field], value: fields[field] as number });
      return readings;
    },
  };
}
