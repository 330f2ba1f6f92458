/**
 * Traffic of network interfaces as systeminformation knows it: bytes, errors and drops, no packets and no speed. The
 * library counts zeros where it failed, and calls tunnels that work "unknown".
 */
import type { Systeminformation } from 'systeminformation';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import { createNameFilter } from '../name-filter.ts';
import type { LoadLibrary } from './library.ts';

type Field = Exclude<FieldName<'net'>, 'packets_recv' | 'packets_sent' | 'speed'>;

/** @returns undefined for an interface that is down, or of which the library knows nothing. */
export function netFields(data: Systeminformation.NetworkStatsData): Record<Field, number> | undefined {
  const silent = data.rx_bytes + data.tx_bytes === 0;
  if (data.operstate !== 'up' && (data.operstate !== 'unknown' || silent)) return undefined;
  return {
    bytes_recv: data.rx_bytes,
    bytes_sent: data.tx_bytes,
    err_in: data.rx_errors,
    err_out: data.tx_errors,
    drop_in: data.rx_dropped,
    drop_out: data.tx_dropped,
  };
}

/** @param options.interfaces globs with `!` for "not"; they are applied to the answer and never reach the library. */
export function createNetSampler(load: LoadLibrary, options: { interfaces: readonly string[] }): Sampler {
  const seriesOf = createSeriesOf('net');
  const takes = createNameFilter(options.interfaces);
  return {
    name: 'net',
    async sample() {
      const readings: Reading[] = [];
      const seen = new Set<string>();
      for (const data of (await (await load()).networkStats()).slice(0, LABEL_SETS_MAX)) {
        const fields = takes(data.iface) && !seen.has(data.iface) ? netFields(data) : undefined;
        if (fields === undefined) continue;
        seen.add(data.iface);
        const series = seriesOf(data.iface);
        let field: Field;
        for (field in fields) readings.push({ series: series[field], value: fields[field] });
      }
      return readings;
    },
  };
}
