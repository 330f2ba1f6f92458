/**
 * Means per minute: what InfluxDB computes by itself (continuous queries on 1.x, a task on 2.x) and what the sink computes
 * again after late points. Owns the one text that both are made of; promises that a minute computed again has the very
 * measurements, tags, fields and times that it had before, and so replaces the stale mean.
 *
 * - Schema `seed`: the field `value` of `server_metrics`, with all tags. The unit stays with the points.
 * - Schema `telegraf`: every field of every measurement. 2.x keeps the fields' names; InfluxQL cannot, and puts `mean_`
 *   in front. The lines of `seed` have the tag `metric_name` and those of `telegraf` never have, which tells them apart.
 * - A mean stands at its minute's beginning.
 */
import { systemClock } from '@metricstream/shared/clock.ts';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { answerIn, type InfluxdbClient } from './client.ts';
import { METRIC_NAME, SEED_MEASUREMENT, SEED_UNIT, SEED_VALUE } from './identity.ts';
import { MINUTE_MS, RANGE_HOSTS_MAX, type Rollup } from './late.ts';
import type { InfluxdbSettings, InfluxdbTarget, Schema } from './settings.ts';

type Target1 = Extract<InfluxdbTarget, { version: 1 }>;
type Target2 = Extract<InfluxdbTarget, { version: 2 }>;

/** A statement that InfluxDB 1.x runs every minute. */
export interface ContinuousQuery {
  readonly name: string;
  readonly statement: string;
}

/** A script that InfluxDB 2.x runs every minute. */
export interface Task {
  readonly name: string;
  readonly flux: string;
}

/** The tag that every point has. */
const HOST = 'host';
/**
 * How far each run looks back beyond `late`: a point may be as old as that when its writing begins, the run that sees it
 * begins up to a minute later, its minute began up to a minute before it, and writing takes a while.
 */
const MARGIN_MINUTES = 3;
/** A quarter of an hour of a fleet takes InfluxDB a while. */
const TIMEOUT_MS_MIN = 60_000;
/** What InfluxDB says when it will say the same again until somebody changes something. */
const LASTING =
  /not found|could not find|not authorized|unauthorized|insufficient permissions|field type conflict|max-select|unsupported input type/;
const LASTING_STATUSES = [400, 401, 403, 404, 422];

/** @returns how far back a run computes means: the sink computes again what comes later than that. */
export function lookbackMinutes({ lateMs }: Pick<InfluxdbSettings, 'lateMs'>): number {
  return Math.ceil(lateMs / MINUTE_MS) + MARGIN_MINUTES;
}

/** An identifier of InfluxQL. */
export function influxqlName(name: string): string {
  return `"${name.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** A text of Flux, in which `${` would begin an expression. */
export function fluxText(text: string): string {
  return `"${text.replaceAll(/["\\]|\$(?=\{)/g, String.raw`\$&`)}"`;
}

interface MeanQuery {
  name: string;
  /** @param where InfluxQL's condition on time and hosts; '' in a continuous query, which has its own and takes all. */
  select(where: string): string;
}

/** A text of InfluxQL, which has no line ends. */
function influxqlText(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}

/** The means of 1.x, a query for each way of naming. */
function meanQueries(target: Target1, schema: Schema): MeanQuery[] {
  const database = influxqlName(target.database);
  const from = `${database}.${influxqlName(target.retentionPolicy)}`;
  const into = `${database}.${influxqlName(target.rollupRetentionPolicy)}`;
  const [value, measurement] = [influxqlName(SEED_VALUE), influxqlName(SEED_MEASUREMENT)];
  const isTelegraf = `${influxqlName(METRIC_NAME)} = ''`;
  const seed: MeanQuery = {
    name: 'cq_1min',
    select: (where) =>
      `SELECT mean(${value}) AS ${value} INTO ${into}.${measurement} FROM ${from}.${measurement}` +
      `${where === '' ? '' : ` WHERE ${where}`} GROUP BY time(1m), *`,
  };
  const telegraf: MeanQuery = {
    name: 'cq_1min_telegraf',
    select: (where) =>
      `SELECT mean(*) INTO ${into}.:MEASUREMENT FROM ${from}./.*/` +
      ` WHERE ${isTelegraf}${where === '' ? '' : ` AND ${where}`} GROUP BY time(1m), *`,
  };
  return { seed: [seed], telegraf: [telegraf], both: [seed, telegraf] }[schema];
}

/** @returns what computes the means on 1.x. */
export function continuousQueries(target: Target1, settings: InfluxdbSettings): ContinuousQuery[] {
  const resample = `RESAMPLE EVERY 1m FOR ${lookbackMinutes(settings)}m`;
  return meanQueries(target, settings.schema).map(({ name, select }) => ({
    name,
    statement:
      `CREATE CONTINUOUS QUERY ${influxqlName(name)} ON ${influxqlName(target.database)}` +
      ` ${resample} BEGIN ${select('')} END`,
  }));
}

/** @returns the statements that compute the means of these minutes again on 1.x. */
export function recomputeStatements(target: Target1, schema: Schema, minutes: Minutes): string[] {
  const { fromUnixMs, toUnixMs, hosts = [] } = minutes;
  const during = `time >= ${fromUnixMs}ms AND time < ${toUnixMs}ms`;
  // A measurement may have a field of that name.
  const ofHosts = hosts.map((host) => `${influxqlName(HOST)}::tag = ${influxqlText(host)}`).join(' OR ');
  const where = ofHosts === '' ? during : `${during} AND (${ofHosts})`;
  return meanQueries(target, schema).map(({ select }) => select(where));
}

interface FluxPart {
  /** What stands between the parentheses of Flux's `range`. */
  range: string;
  /** All, where none are given. */
  hosts?: readonly string[];
}

/** The means of 2.x. */
function meanFlux({ bucket, rollupBucket }: Target2, schema: Schema, { range, hosts = [] }: FluxPart): string {
  const [measurement, value, unit] = [SEED_MEASUREMENT, SEED_VALUE, SEED_UNIT].map(fluxText);
  // The unit is a text, and has no mean.
  const wanted =
    schema === 'seed'
      ? `r._measurement == ${measurement} and r._field == ${value}`
      : `r._measurement != ${measurement} or r._field != ${unit}`;
  // Only comparisons are left to the storage; `contains` would read all.
  const ofHosts = hosts.map((host) => `r[${fluxText(HOST)}] == ${fluxText(host)}`).join(' or ');
  return [
    `from(bucket: ${fluxText(bucket)})`,
    `    |> range(${range})`,
    `    |> filter(fn: (r) => ${wanted})`,
    ...(ofHosts === '' ? [] : [`    |> filter(fn: (r) => ${ofHosts})`]),
    `    |> aggregateWindow(every: 1m, fn: mean, createEmpty: false, timeSrc: "_start")`,
    `    |> to(bucket: ${fluxText(rollupBucket)})`,
    '',
  ].join('\n');
}

/** @returns what computes the means on 2.x. Whole minutes only, whenever it is run. */
export function downsamplingTask(target: Target2, settings: InfluxdbSettings): Task {
  const name = `metricstream_1m ${target.bucket} ${target.rollupBucket}`;
  const range = `start: date.sub(d: ${lookbackMinutes(settings)}m, from: stop), stop: stop`;
  const flux = [
    'import "date"',
    '',
    `option task = {name: ${fluxText(name)}, every: 1m}`,
    '',
    'stop = date.truncate(t: now(), unit: 1m)',
    '',
    meanFlux(target, settings.schema, { range }),
  ].join('\n');
  return { name, flux };
}

/** @returns the script that computes the means of these minutes again on 2.x; what it writes is not its answer. */
export function recomputeFlux(target: Target2, schema: Schema, { fromUnixMs, toUnixMs, hosts }: Minutes): string {
  const [start, stop] = [fromUnixMs, toUnixMs].map((unixMs) => new Date(unixMs).toISOString());
  return `${meanFlux(target, schema, { range: `start: ${start}, stop: ${stop}`, hosts })}    |> filter(fn: (r) => false)\n`;
}

/** Whole minutes, [from, to), of some hosts; without them of all. */
export interface Minutes {
  readonly fromUnixMs: number;
  readonly toUnixMs: number;
  readonly hosts?: readonly string[];
}

export function createRollup(settings: InfluxdbSettings, client: InfluxdbClient): Rollup {
  const { target, schema } = settings;
  const timeoutMs = Math.max(settings.timeoutMs, TIMEOUT_MS_MIN);
  /** Minutes × hosts that the server is asked for at once: fewer after it could not, more after it was fast. */
  let sizeMax = Number.POSITIVE_INFINITY;

  async function compute(minutes: Minutes, signal: AbortSignal): Promise<void> {
    if (target.version === 2) {
      await client.flux(recomputeFlux(target, schema, minutes), { signal, timeoutMs });
      return;
    }
    // One by one: of several, the server may tell only that those after the one that failed were not executed.
    for (const statement of recomputeStatements(target, schema, minutes))
      await client.influxql(statement, { signal, timeoutMs });
  }

  /** @returns whether it was not too much. */
  async function tryCompute(minutes: Minutes, signal: AbortSignal): Promise<boolean> {
    const size = sizeOf(minutes);
    const startMs = systemClock.monotonicMs();
    try {
      await compute(minutes, signal);
    } catch (error) {
      if (!isTooMuch(error)) throw asLasting(error);
      sizeMax = Math.max(1, size / 4);
      if (halvesOf(minutes).length > 0) return false;
      throw isSlow(error) ? new MetricStreamError('timeout', messageOf(error)) : asLasting(error);
    }
    if (systemClock.monotonicMs() - startMs < timeoutMs / 4) sizeMax = Math.max(sizeMax, size * 2);
    return true;
  }

  async function computeAll(minutes: Minutes, signal: AbortSignal): Promise<void> {
    const halves = halvesOf(minutes);
    if (halves.length === 0 || sizeOf(minutes) <= sizeMax) if (await tryCompute(minutes, signal)) return;
    for (const half of halves) await computeAll(half, signal);
  }

  return {
    async recompute(fromUnixMs, toUnixMs, signal, hosts) {
      await computeAll({ fromUnixMs, toUnixMs, hosts }, signal);
    },
  };
}

function sizeOf({ fromUnixMs, toUnixMs, hosts }: Minutes): number {
  return ((toUnixMs - fromUnixMs) / MINUTE_MS) * (hosts?.length ?? RANGE_HOSTS_MAX);
}

/** Fewer hosts first: each costs more than each minute of it. @returns nothing for a minute of one host, or of all. */
function halvesOf({ fromUnixMs, toUnixMs, hosts }: Minutes): Minutes[] {
  if (hosts !== undefined && hosts.length > 1) {
    const half = hosts.length >> 1;
    return [hosts.slice(0, half), hosts.slice(half)].map((some) => ({ fromUnixMs, toUnixMs, hosts: some }));
  }
  const middle = fromUnixMs + Math.floor((toUnixMs - fromUnixMs) / MINUTE_MS / 2) * MINUTE_MS;
  if (middle === fromUnixMs) return [];
  return [
    { fromUnixMs, toUnixMs: middle, hosts },
    { fromUnixMs: middle, toUnixMs, hosts },
  ];
}

function isSlow(error: unknown): boolean {
  return error instanceof MetricStreamError && (error.code === 'timeout' || /query-timeout/.test(error.message));
}

function isTooMuch(error: unknown): boolean {
  return isSlow(error) || (error instanceof MetricStreamError && /max-select-/.test(error.message));
}

/** An error that comes again until somebody acts must not hold up the points. */
function asLasting(error: unknown): unknown {
  if (!(error instanceof MetricStreamError) || error.code !== 'unreachable') return error;
  const status = answerIn(error)?.status ?? 0;
  if (!LASTING_STATUSES.includes(status) && !LASTING.test(error.message)) return error;
  return new MetricStreamError('config_invalid', messageOf(error));
}
