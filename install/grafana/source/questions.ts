/**
 * Questions to the schema `seed`, in InfluxQL and in Flux: pure. Owns the text of both, side by side, so that a panel asks
 * the same whatever the data source. Grafana fills in `$timeFilter`, `$__interval`, `v.*` and the dashboards' variables:
 * policy (InfluxQL) or bucket (Flux), datacenter, host.
 */

export const LANGUAGES = ['influxql', 'flux'] as const;
export type Language = (typeof LANGUAGES)[number];

export type Question = Readonly<Record<Language, string>>;

export interface Select {
  /** One metric or several. */
  readonly metric: string | readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** All hosts of the data centers chosen, or the host chosen. */
  readonly of: 'fleet' | 'host';
  /** Tags that make a series of the answer; others are put together. */
  readonly by: readonly string[];
  /** What is made of each value: 100 less it, or of a counter what it grows by each second. */
  readonly as?: 'rest' | 'rate';
}

/** Over several hosts or devices. `p95` is the value of one of them. */
export type Across = 'mean' | 'max' | 'sum' | 'count' | 'p95';

const RANGE = '$timeFilter';

function influxqlName(tag: string): string {
  return `"${tag}"`;
}

function pattern(metrics: readonly string[]): string {
  return `/^(${metrics.map((metric) => metric.replaceAll('.', String.raw`\.`)).join('|')})$/`;
}

function influxqlWhere({ metric, tags = {}, of }: Select): string {
  const metrics = typeof metric === 'string' ? `"metric_name" = '${metric}'` : `"metric_name" =~ ${pattern(metric)}`;
  const fixed = Object.entries(tags).map(([tag, value]) => `"${tag}" = '${value}'`);
  // A variable's regex form is escaped whatever it holds, and one value or several.
  const scope = of === 'fleet' ? '"datacenter" =~ /^${datacenter:regex}$/' : '"host" =~ /^${host:regex}$/';
  return [metrics, ...fixed, scope].join(' AND ');
}

function influxqlFrom(select: Select): string {
  return `FROM "$policy"."server_metrics" WHERE ${influxqlWhere(select)} AND ${RANGE}`;
}

function influxqlValue({ as }: Select, aggregate: 'mean' | 'last'): string {
  if (as === 'rate') return 'non_negative_derivative(mean("value"), 1s)';
  return as === 'rest' ? `100 - ${aggregate}("value")` : `${aggregate}("value")`;
}

function fluxFrom({ metric, tags = {}, of }: Select): string {
  const metrics = typeof metric === 'string' ? `r.metric_name == "${metric}"` : `r.metric_name =~ ${pattern(metric)}`;
  const fixed = Object.entries(tags).map(([tag, value]) => `r["${tag}"] == "${value}"`);
  const scope = of === 'fleet' ? 'r.datacenter =~ /^${datacenter:regex}$/' : 'r.host =~ /^${host:regex}$/';
  const where = ['r._measurement == "server_metrics"', 'r._field == "value"', metrics, ...fixed, scope];
  return lines(
    'from(bucket: "${bucket}")',
    'range(start: v.timeRangeStart, stop: v.timeRangeStop)',
    `filter(fn: (r) => ${where.join(' and ')})`,
  );
}

function lines(first: string, ...pipes: string[]): string {
  return [first, ...pipes.filter((pipe) => pipe !== '').map((pipe) => `    |> ${pipe}`)].join('\n');
}

const fluxList = (names: readonly string[]): string => `[${names.map((name) => `"${name}"`).join(', ')}]`;
const fluxRest = 'map(fn: (r) => ({r with _value: 100.0 - r._value}))';
const fluxRate = 'derivative(unit: 1s, nonNegative: true)';

/** A value for each interval. Empty ones are told as such, so that a silent host is a gap. */
export function over(select: Select): Question {
  const { by, as } = select;
  const fill = as === 'rate' ? 'fill(none)' : 'fill(null)';
  return {
    influxql:
      `SELECT ${influxqlValue(select, 'mean')} ${influxqlFrom(select)}` +
      ` GROUP BY ${['time($__interval)', ...by.map(influxqlName)].join(', ')} ${fill}`,
    flux: lines(
      fluxFrom(select),
      `group(columns: ${fluxList(by)})`,
      `aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: ${as !== 'rate'})`,
      as === 'rest' ? fluxRest : as === 'rate' ? fluxRate : '',
    ),
  };
}

const influxqlAcross: Record<Across, string> = {
  mean: 'mean("of_each")',
  max: 'max("of_each")',
  sum: 'sum("of_each")',
  count: 'count("of_each")',
  p95: 'percentile("of_each", 95)',
};

const fluxAcross: Record<Across, string> = {
  mean: 'mean()',
  max: 'max()',
  sum: 'sum()',
  count: 'count()',
  p95: 'quantile(q: 0.95, method: "exact_selector")',
};

/** One value for each interval, across all that `by` names: each counts once, with its mean of the interval. */
export function across(how: Across, select: Select): Question {
  const { by, as } = select;
  return {
    influxql:
      `SELECT ${influxqlAcross[how]} FROM (SELECT ${influxqlValue(select, 'mean')} AS "of_each" ${influxqlFrom(select)}` +
      ` GROUP BY ${['time($__interval)', ...by.map(influxqlName)].join(', ')} fill(none))` +
      ` WHERE ${RANGE} GROUP BY time($__interval) fill(null)`,
    flux: lines(
      fluxFrom(select),
      `group(columns: ${fluxList(by)})`,
      'aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)',
      as === 'rest' ? fluxRest : as === 'rate' ? fluxRate : '',
      'group(columns: ["_time"])',
      fluxAcross[how],
      'group()',
      'sort(columns: ["_time"])',
      'keep(columns: ["_time", "_value"])',
    ),
  };
}

/** The latest value of each, as a table: a column for each tag, and one named `name`. */
export function latest(name: string, select: Select): Question {
  const { by, as } = select;
  return {
    influxql: `SELECT ${influxqlValue(select, 'last')} AS "${name}" ${influxqlFrom(select)} GROUP BY ${by.map(influxqlName).join(', ')}`,
    flux: lines(
      fluxFrom(select),
      'last()',
      `group(columns: ${fluxList(by)})`,
      // Several series of one host: the latest of them.
      'sort(columns: ["_time"])',
      'last()',
      as === 'rest' ? fluxRest : '',
      'group()',
      `keep(columns: ${fluxList([...by, '_value'])})`,
      `rename(columns: {_value: "${name}"})`,
    ),
  };
}

/** One number of the latest values, across all that `by` names. */
export function latestAcross(how: Across, select: Select): Question {
  const { by, as } = select;
  return {
    influxql:
      `SELECT ${influxqlAcross[how]} FROM (SELECT ${influxqlValue(select, 'last')} AS "of_each" ${influxqlFrom(select)}` +
      ` GROUP BY ${by.map(influxqlName).join(', ')}) WHERE ${RANGE}`,
    flux: lines(
      fluxFrom(select),
      'last()',
      `group(columns: ${fluxList(by)})`,
      'sort(columns: ["_time"])',
      'last()',
      as === 'rest' ? fluxRest : '',
      'group()',
      fluxAcross[how],
      'keep(columns: ["_value"])',
    ),
  };
}

/** The largest of the latest values, as a table. */
export function largest(count: number, name: string, select: Select): Question {
  const { by } = select;
  const tags = by.map(influxqlName).join(', ');
  return {
    influxql:
      `SELECT top("of_each", ${count}) AS "${name}", ${tags} FROM (SELECT last("value") AS "of_each" ${influxqlFrom(select)}` +
      ` GROUP BY ${tags}) WHERE ${RANGE}`,
    flux: lines(
      fluxFrom(select),
      'last()',
      'group()',
      `keep(columns: ${fluxList([...by, '_value'])})`,
      `top(n: ${count})`,
      `rename(columns: {_value: "${name}"})`,
    ),
  };
}
