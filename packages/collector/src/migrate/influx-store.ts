/**
 * What InfluxDB holds, asked in InfluxQL: 1.x by its own, 2.x by the compatible /query that serves every bucket as a
 * database of its name. Owns the statements and the size of their answers; promises that a time comes to the nanosecond,
 * that an answer which the server cut short (max-row-limit) is an error and not taken for all, and that a stretch whose
 * answer is too long is asked for in halves.
 */
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import type { InfluxdbClient, InfluxqlSeries } from '../sinks/influxdb/client.ts';
import { SEED_MEASUREMENT, SEED_VALUE } from '../sinks/influxdb/identity.ts';
import { askRetention } from '../sinks/influxdb/retention.ts';
import { influxqlName } from '../sinks/influxdb/rollup.ts';
import type { InfluxdbSettings } from '../sinks/influxdb/settings.ts';
import type { Window } from './jsonl-reader.ts';
import { keyOf, type Naming, tagsOf } from './series-key.ts';

/** One series in one minute, as a query gives it. */
export interface Cell {
  count: number;
  min: number;
  max: number;
  sum: number;
}

export interface Asked {
  naming: Naming;
  /** Which to ask about, for `telegraf`; `seed` has one. */
  measurements: ReadonlySet<string>;
  signal?: AbortSignal;
}

export interface InfluxStore {
  /** For messages. */
  readonly where: string;
  /** @returns how long points are kept; undefined for ever. @throws MetricStreamError when there is no such target. */
  retentionMs(signal?: AbortSignal): Promise<number | undefined>;
  /** Every minute of every series that has points. @returns how many. */
  cells(window: Window, asked: Asked, visit: (key: string, minute: number, cell: Cell) => void): Promise<number>;
  /** Every point, [fromUnixNano, toUnixNano). @returns how many. */
  points(
    range: { fromUnixNano: bigint; toUnixNano: bigint },
    asked: Asked,
    visit: (key: string, timeUnixNano: bigint, value: number) => void,
  ): Promise<number>;
  /** @returns the types of fields, by measurement and field (`fieldName`). */
  fieldTypes(signal?: AbortSignal): Promise<Map<string, string>>;
}

/** A stretch is as long as one answer should be; a fleet's minute may take InfluxDB a while. */
const QUERY_TIMEOUT_MS_MIN = 60_000;
/** InfluxDB leaves out the rest of an answer at max-row-limit, and every statement after it: so this one tells. */
const LAST_STATEMENT = 'SHOW MEASUREMENTS LIMIT 1';
const NANOS_PER_MINUTE = 60_000_000_000n;
const MS_PER_MINUTE = 60_000;

export function fieldName(measurement: string, field: string): string {
  return JSON.stringify([measurement, field]);
}

export function createInfluxStore(client: InfluxdbClient, settings: InfluxdbSettings): InfluxStore {
  const { target } = settings;
  const { database, retentionPolicy } = databaseOf(target);
  const timeoutMs = Math.max(settings.timeoutMs, QUERY_TIMEOUT_MS_MIN);

  async function ask(
    statements: readonly string[],
    { epoch, signal }: { epoch?: 'ns'; signal?: AbortSignal },
  ): Promise<InfluxqlSeries[][]> {
    const text = [...statements, LAST_STATEMENT].join('; ');
    const results = await client.influxql(text, { database, epoch, timeoutMs, signal });
    if (results.length > statements.length) return results.slice(0, -1);
    throw new MetricStreamError(
      'limit',
      `${client.where} cuts answers short; set max-row-limit in [http] of its configuration to 0, or larger`,
    );
  }

  const fromText = (measurement: string): string =>
    retentionPolicy === ''
      ? influxqlName(measurement)
      : `${influxqlName(retentionPolicy)}.${influxqlName(measurement)}`;
  const measurementsOf = ({ naming, measurements }: Asked): string[] =>
    naming === 'seed' ? [SEED_MEASUREMENT] : [...measurements].sort();

  async function retentionMs(signal?: AbortSignal): Promise<number | undefined> {
    const keepMs = await askRetention(client, target, { signal });
    if (keepMs !== undefined) return keepMs === 0 ? undefined : keepMs;
    const what = target.version === 1 ? `retention policy ${retentionPolicy}` : `bucket ${target.bucket}`;
    const hint = 'setup influxdb makes it; or the user or token may not read it';
    throw new MetricStreamError('config_invalid', `${client.where} has no ${what}: ${hint}`);
  }

  /** The answer's series one by one; in halves where it is too long. @returns what `visit` counted. */
  async function askRange(
    { from, to, least }: Range,
    question: { statementsOf(where: string): string[]; epoch?: 'ns'; signal?: AbortSignal },
    visit: (series: InfluxqlSeries) => number,
  ): Promise<number> {
    const statements = question.statementsOf(`time >= ${from} AND time < ${to}`);
    if (statements.length === 0) return 0;
    let results: InfluxqlSeries[][];
    try {
      results = await ask(statements, question);
    } catch (error) {
      const middle = from + ((to - from) / 2n / least) * least;
      if (!isTooLong(error) || middle === from) throw error;
      const first = await askRange({ from, to: middle, least }, question, visit);
      return first + (await askRange({ from: middle, to, least }, question, visit));
    }
    return results.flat().reduce((found, series) => found + visit(series), 0);
  }

  return {
    where: client.where,
    retentionMs,
    cells({ since, until }, asked, visit) {
      const fields = asked.naming === 'seed' ? influxqlName(SEED_VALUE) : '*';
      const range = { from: nanosAt(since), to: nanosAt(until), least: NANOS_PER_MINUTE };
      const statementsOf = (where: string): string[] =>
        measurementsOf(asked).map(
          (measurement) =>
            `SELECT count(${fields}), min(${fields}), max(${fields}), sum(${fields}) FROM ${fromText(measurement)} ` +
            `WHERE ${where} GROUP BY time(1m), * fill(none)`,
        );
      return askRange(range, { statementsOf, signal: asked.signal }, (series) =>
        visitCells(series, asked.naming, visit),
      );
    },
    points({ fromUnixNano, toUnixNano }, asked, visit) {
      const fields = asked.naming === 'seed' ? influxqlName(SEED_VALUE) : '*';
      const range = { from: fromUnixNano, to: toUnixNano, least: 1n };
      const statementsOf = (where: string): string[] =>
        measurementsOf(asked).map(
          (measurement) => `SELECT ${fields} FROM ${fromText(measurement)} WHERE ${where} GROUP BY *`,
        );
      return askRange(range, { statementsOf, epoch: 'ns', signal: asked.signal }, (series) =>
        visitPoints(series, visit),
      );
    },
    async fieldTypes(signal) {
      const on = retentionPolicy === '' ? '' : ` FROM ${influxqlName(retentionPolicy)}./.*/`;
      const [series = []] = await ask([`SHOW FIELD KEYS${on}`], { signal });
      const types = new Map<string, string>();
      for (const { name, values } of series)
        for (const [field, type] of values) types.set(fieldName(name, String(field)), String(type));
      return types;
    },
  };
}

/** Unix nanoseconds, [from, to), to be divided at multiples of `least` after `from`. */
interface Range {
  from: bigint;
  to: bigint;
  least: bigint;
}

type CellVisit = (key: string, minute: number, cell: Cell) => void;

function visitCells({ name, tags, columns, values }: InfluxqlSeries, naming: Naming, visit: CellVisit): number {
  const named = tagsOf(tags);
  // `count` for the one field of seed, `count_usage_user` for each of a telegraf measurement.
  const suffixes = columns.filter((column) => column.startsWith('count')).map((column) => column.slice('count'.length));
  let found = 0;
  for (const suffix of suffixes) {
    const [count, min, max, sum] = ['count', 'min', 'max', 'sum'].map((what) => columns.indexOf(what + suffix));
    // A field of texts has a count only.
    if (sum === -1) continue;
    const field = naming === 'seed' ? SEED_VALUE : suffix.slice(1);
    const key = keyOf({ measurement: name, field, tags: named });
    for (const row of values) {
      const points = Number(row[count!] ?? 0);
      if (points === 0) continue;
      found++;
      const cell = { count: points, min: Number(row[min!]), max: Number(row[max!]), sum: Number(row[sum!]) };
      visit(key, Math.round(Number(row[0]) / MS_PER_MINUTE), cell);
    }
  }
  return found;
}

function visitPoints(
  { name, tags, columns, values }: InfluxqlSeries,
  visit: (key: string, timeUnixNano: bigint, value: number) => void,
): number {
  const named = tagsOf(tags);
  let found = 0;
  for (const [at, field] of columns.entries()) {
    if (at === 0) continue;
    const key = keyOf({ measurement: name, field, tags: named });
    for (const row of values) {
      const value = row[at];
      if (typeof value !== 'number' && typeof value !== 'bigint') continue;
      found++;
      visit(key, BigInt(row[0] as number | bigint), Number(value));
    }
  }
  return found;
}

/** @returns whether a shorter stretch has a shorter answer. */
function isTooLong(error: unknown): boolean {
  return error instanceof MetricStreamError && error.code === 'limit';
}

function nanosAt(minute: number): bigint {
  return BigInt(minute) * NANOS_PER_MINUTE;
}

/** A 2.x server takes a bucket `a/b` as database a, retention policy b; any other by its name alone. */
function databaseOf(target: InfluxdbSettings['target']): { database: string; retentionPolicy: string } {
  if (target.version === 1) return target;
  const slash = target.bucket.indexOf('/');
  if (slash === -1) return { database: target.bucket, retentionPolicy: '' };
  return { database: target.bucket.slice(0, slash), retentionPolicy: target.bucket.slice(slash + 1) };
}
