/**
 * Processes by state as systeminformation reads them out of `ps`. States it has no number for (idle kernel threads,
 * zombies) are counted from its list, by the words it uses; it does not know threads.
 */
import type { Systeminformation } from 'systeminformation';
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { createSeriesOf } from '../series.ts';
import type { LoadLibrary } from './library.ts';

type Field = Exclude<FieldName<'processes'>, 'total_threads' | 'idle'>;

const FIELD_OF_STATE: Readonly<Record<string, Field>> = {
  running: 'running',
  blocked: 'blocked',
  sleeping: 'sleeping',
  stopped: 'stopped',
  zombie: 'zombies',
  dead: 'dead',
  paging: 'paging',
};

/**
 * Counts the library's list by state; `unknown` holds idle kernel threads here, since it has no word for them.
 * @returns undefined for an empty list, which is how the library fails.
 */
export function processFields(list: readonly { state: string }[]): Record<Field, number> | undefined {
  if (list.length === 0) return undefined;
  const counts: Record<Field, number> = {
    running: 0,
    blocked: 0,
    sleeping: 0,
    stopped: 0,
    zombies: 0,
    dead: 0,
    paging: 0,
    unknown: 0,
    total: list.length,
  };
  for (const { state } of list) counts[FIELD_OF_STATE[state] ?? 'unknown']++;
  return counts;
}

export function createProcessesSampler(load: LoadLibrary, options: { intervalMs: number }): Sampler {
  const series = createSeriesOf('processes')();
  return {
    name: 'processes',
    intervalMs: options.intervalMs,
    async sample() {
      const data: Systeminformation.ProcessesData = await (await load()).processes();
      const fields = processFields(data.list);
      const readings: Reading[] = [];
      if (fields === undefined) return readings;
      let field: Field;
      for (field in fields) readings.push({ series: series[field], value: fields[field] });
      return readings;
    },
  };
}
