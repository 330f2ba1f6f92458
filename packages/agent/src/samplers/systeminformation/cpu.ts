/**
 * CPU use as systeminformation knows it. It has no iowait and softirq; its steal and guest are in another unit than
 * the rest (clock ticks beside milliseconds, 5.33), so they are not given either. Shares are of the sum of what is
 * given, and `usage_user` includes guests.
 */
import type { Systeminformation } from 'systeminformation';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import type { LoadLibrary } from './library.ts';

type Field = Extract<FieldName<'cpu'>, 'usage_user' | 'usage_system' | 'usage_idle' | 'usage_nice' | 'usage_irq'>;

/** @param ms time spent since the last call. @returns shares in percent, or undefined when no time has passed. */
export function sharesOf(ms: Record<Field, number>): Record<Field, number> | undefined {
  const total = ms.usage_user + ms.usage_system + ms.usage_idle + ms.usage_nice + ms.usage_irq;
  if (!(total > 0) || Object.values(ms).some((value) => value < 0)) return undefined;
  const scale = 100 / total;
  return {
    usage_user: ms.usage_user * scale,
    usage_system: ms.usage_system * scale,
    usage_idle: ms.usage_idle * scale,
    usage_nice: ms.usage_nice * scale,
    usage_irq: ms.usage_irq * scale,
  };
}

function sharesOfAll(data: Systeminformation.CurrentLoadData): ReturnType<typeof sharesOf> {
  return sharesOf({
    usage_user: data.rawCurrentLoadUser,
    usage_system: data.rawCurrentLoadSystem,
    usage_idle: data.rawCurrentLoadIdle,
    usage_nice: data.rawCurrentLoadNice,
    usage_irq: data.rawCurrentLoadIrq,
  });
}

function sharesOfCore(core: Systeminformation.CurrentLoadCpuData): ReturnType<typeof sharesOf> {
  return sharesOf({
    usage_user: core.rawLoadUser,
    usage_system: core.rawLoadSystem,
    usage_idle: core.rawLoadIdle,
    usage_nice: core.rawLoadNice,
    usage_irq: core.rawLoadIrq,
  });
}

export function createCpuSampler(load: LoadLibrary, options: { perCore: boolean }): Sampler {
  const seriesOf = createSeriesOf('cpu');
  const push = (readings: Reading[], cpu: string, shares: ReturnType<typeof sharesOf>): void => {
    if (shares === undefined) return;
    const series = seriesOf(cpu);
    let field: Field;
    for (field in shares) readings.push({ series: series[field], value: shares[field] });
  };
  return {
    name: 'cpu',
    async sample() {
      const data = await (await load()).currentLoad();
      const readings: Reading[] = [];
      push(readings, 'cpu-total', sharesOfAll(data));
      if (options.perCore) {
        const cores = data.cpus.slice(0, LABEL_SETS_MAX - 1);
        for (const [index, core] of cores.entries()) push(readings, `cpu${index}`, sharesOfCore(core));
      }
      return readings;
    },
  };
}
