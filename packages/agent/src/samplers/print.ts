/** A sweep as a person reads it: aligned text. Pure; every line ends with a newline and none ends with a blank. */
import type { Series } from '@metricstream/proto/batch.ts';
import type { Cost } from './measure-cost.ts';
import type { Reading, Sweep } from './sampler.ts';

/** One source's sweep and what a sweep of it cost. */
export interface Sampled {
  source: string;
  sweep: Sweep;
  cost: Cost;
}

/** @returns columns padded to their widest cell; numbers to the right. */
function table(rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = right.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        return right[column] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** @returns `path=/,device=vda`; what a person needs to tell two series apart. */
export function formatLabels(labels: Series['labels']): string {
  return labels.map(([key, value]) => `${key}=${value}`).join(',');
}

/** @returns integers whole, floats with at most three decimals. */
export function formatValue({ series, value }: Reading): string {
  if (series.kind === 'integer' || Number.isInteger(value)) return String(value);
  return value.toFixed(3).replace(/\.?0+$/, '');
}

/** One source: name, labels, value, unit, then what failed. */
export function printSweep(sweep: Sweep): string {
  const rows = [['METRIC', 'LABELS', 'VALUE', 'UNIT']];
  for (const reading of sweep.readings) {
    const { name, labels, unit } = reading.series;
    rows.push([name, formatLabels(labels), formatValue(reading), unit]);
  }
  return table(rows, [false, false, true, false]) + printFailures(sweep);
}

function printFailures(sweep: Sweep, source = ''): string {
  const of = source === '' ? '' : `${source} `;
  const lines = sweep.failures.map(({ sampler, reason, why }) => `${of}${sampler}: ${reason}: ${why}\n`);
  if (sweep.notFinite > 0) lines.push(`${of}readings that are no finite number: ${sweep.notFinite}\n`);
  return lines.length === 0 ? '' : `\n${lines.join('')}`;
}

/** Two sources side by side; a dash where one has no such series. Then what a sweep of each cost. */
export function printBoth(first: Sampled, second: Sampled): string {
  const rows = [['METRIC', 'LABELS', first.source.toUpperCase(), second.source.toUpperCase(), 'UNIT']];
  const merged = new Map<string, { series: Series; values: [string, string] }>();
  for (const [index, { sweep }] of [first, second].entries()) {
    for (const reading of sweep.readings) {
      const { series } = reading;
      const key = `${series.name} ${formatLabels(series.labels)}`;
      const row = merged.get(key) ?? { series, values: ['-', '-'] };
      row.values[index] = formatValue(reading);
      merged.set(key, row);
    }
  }
  for (const { series, values } of merged.values())
    rows.push([series.name, formatLabels(series.labels), ...values, series.unit]);
  const costs = [['ONE SWEEP', 'CPU ms', 'CHILDREN CPU ms', 'CHILDREN', 'WALL ms'], costRow(first), costRow(second)];
  return (
    table(rows, [false, false, true, true, false]) +
    printFailures(first.sweep, first.source) +
    printFailures(second.sweep, second.source) +
    `\n${table(costs, [false, true, true, true, true])}`
  );
}

function costRow({ source, cost }: Sampled): string[] {
  const children = cost.childrenCpuMs === undefined ? '-' : cost.childrenCpuMs.toFixed(1);
  return [source, cost.cpuMs.toFixed(2), children, String(Math.round(cost.children)), cost.wallMs.toFixed(1)];
}

/** The same as data: what `--json` writes, one object per source. */
export function sweepToJson({ source, sweep, cost }: Sampled): object {
  return {
    source,
    timestamp: new Date(Number(sweep.timeUnixNano / 1_000_000n)).toISOString(),
    metrics: sweep.readings.map(({ series, value }) => ({
      name: series.name,
      labels: Object.fromEntries(series.labels),
      value,
      unit: series.unit,
    })),
    failures: sweep.failures,
    not_finite: sweep.notFinite,
    cost: {
      cpu_ms: cost.cpuMs,
      children_cpu_ms: cost.childrenCpuMs ?? null,
      children: cost.children,
      wall_ms: cost.wallMs,
    },
  };
}
