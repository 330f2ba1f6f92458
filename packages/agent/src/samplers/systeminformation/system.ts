/**
 * Load, processors and uptime wherever Node runs. The library adds nothing here to what Node itself knows, so it is
 * not asked. Windows has no load average, and so no points of it.
 */
import { cpus, loadavg, uptime } from 'node:os';
import type { Reading, Sampler } from '../sampler.ts';
import { createSeriesOf } from '../series.ts';

export function createSystemSampler(): Sampler {
  const series = createSeriesOf('system')();
  return {
    name: 'system',
    sample() {
      const readings: Reading[] = [
        { series: series.n_cpus, value: cpus().length },
        { series: series.uptime, value: Math.floor(uptime()) },
      ];
      if (process.platform === 'win32') return readings;
      const [load1 = Number.NaN, load5 = Number.NaN, load15 = Number.NaN] = loadavg();
      readings.push({ series: series.load1, value: load1 });
      readings.push({ series: series.load5, value: load5 });
      readings.push({ series: series.load15, value: load15 });
      return readings;
    },
  };
}
