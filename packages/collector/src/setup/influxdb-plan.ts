/**
 * What `setup influxdb` wants, beside what is there. Pure: owns the list of things, the exact request for each, and what
 * counts as the same. Promises that nothing is ever made shorter or replaced: a longer retention stays, a shorter one
 * may be lengthened (that loses nothing), and a query or task of other text is somebody's and is told, with both texts.
 */
import { continuousQueries, downsamplingTask, influxqlName } from '../sinks/influxdb/rollup.ts';
import type { InfluxdbSettings, InfluxdbTarget } from '../sinks/influxdb/settings.ts';
import { durationText, sameFlux, sameInfluxql } from './influxdb-text.ts';

type Target1 = Extract<InfluxdbTarget, { version: 1 }>;
type Target2 = Extract<InfluxdbTarget, { version: 2 }>;

/** What a 1.x server says of a database. */
export interface Found1 {
  readonly version: 1;
  /** Undefined when there is no such database; a duration of 0 is for ever. */
  readonly policies?: readonly { name: string; keepMs: number; isDefault: boolean }[];
  /** By name; undefined when the user may not see them. */
  readonly queries?: ReadonlyMap<string, string>;
}

/** What a 2.x server says of an organisation. */
export interface Found2 {
  readonly version: 2;
  readonly orgId: string;
  readonly buckets: ReadonlyMap<string, { id: string; keepMs: number }>;
  readonly tasks: readonly { id: string; name: string; status: string; flux: string }[];
}

export type Request =
  | { readonly kind: 'influxql'; readonly statement: string }
  | { readonly kind: 'api'; readonly method: 'POST' | 'PATCH'; readonly path: string; readonly json: unknown };

/**
 * - `there`, `longer` (kept longer than asked): nothing to do.
 * - `missing`, `shorter`: `request` makes it right.
 * - `differs`: only a person may decide; `remedy` says how.
 * - `unseen`: the user may not look.
 */
export type StepState = 'there' | 'longer' | 'missing' | 'shorter' | 'differs' | 'unseen';

export interface Step {
  readonly what: string;
  readonly state: StepState;
  /** Where points go, where means go, or what computes the means. */
  readonly role: 'points' | 'means' | 'downsampling';
  /** What is there, where that is not what is wanted, and what is worth knowing. */
  readonly found?: string;
  readonly wanted?: string;
  readonly request?: Request;
  readonly remedy?: string;
}

export function planSetup(settings: InfluxdbSettings, found: Found1 | Found2): Step[] {
  const { target } = settings;
  if (target.version === 1 && found.version === 1) return plan1(target, settings, found);
  if (target.version === 2 && found.version === 2) return plan2(target, settings, found);
  throw new RangeError('what was found is of another version than what is wanted');
}

interface Store {
  role: 'points' | 'means';
  name: string;
  keepMs: number;
}

function plan1(target: Target1, settings: InfluxdbSettings, { policies, queries }: Found1): Step[] {
  const points: Store = { role: 'points', name: target.retentionPolicy, keepMs: settings.keepMs };
  const means: Store = { role: 'means', name: target.rollupRetentionPolicy, keepMs: settings.rollupKeepMs };
  const stores =
    policies === undefined
      ? [databaseStep(target, points), policyStep(target, means, [])]
      : [policyStep(target, points, policies), policyStep(target, means, policies)];
  const wanted = continuousQueries(target, settings);
  // A database that does not exist has no queries, whoever asks.
  const seen = policies === undefined ? new Map<string, string>() : queries;
  return [...stores, ...wanted.map((query) => queryStep(target, query, seen))];
}

/** The database comes with the policy of the points, which is its default then. */
function databaseStep({ database }: Target1, { role, name, keepMs }: Store): Step {
  const keep = durationText(keepMs);
  const statement = `CREATE DATABASE ${influxqlName(database)} WITH DURATION ${keep} REPLICATION 1 NAME ${influxqlName(name)}`;
  const what = `database ${influxqlName(database)} with retention policy ${influxqlName(name)} of ${keep}`;
  return { what, role, state: 'missing', request: { kind: 'influxql', statement } };
}

function policyStep(target: Target1, store: Store, policies: NonNullable<Found1['policies']>): Step {
  const [policy, database] = [influxqlName(store.name), influxqlName(target.database)];
  const duration = `DURATION ${durationText(store.keepMs)}`;
  const there = policies.find(({ name }) => name === store.name);
  const usual = policies.find(({ isDefault }) => isDefault)?.name;
  // Others may write to the database without naming a policy: their default stays.
  const note =
    store.role === 'points' && usual !== undefined && usual !== store.name
      ? `queries that name no policy read ${influxqlName(usual)}, the default of ${database}`
      : undefined;
  return storeStep(store, {
    what: `retention policy ${policy} on ${database}`,
    keepMs: there?.keepMs,
    note,
    make: { kind: 'influxql', statement: `CREATE RETENTION POLICY ${policy} ON ${database} ${duration} REPLICATION 1` },
    lengthen: { kind: 'influxql', statement: `ALTER RETENTION POLICY ${policy} ON ${database} ${duration}` },
  });
}

interface StoreFound {
  what: string;
  /** Undefined when it is not there; 0 is for ever. */
  keepMs: number | undefined;
  note?: string;
  make: Request;
  lengthen: Request;
}

function storeStep({ role, keepMs }: Store, found: StoreFound): Step {
  const asked = durationText(keepMs);
  const what = `${found.what}, ${asked}`;
  if (found.keepMs === undefined) return { what, role, state: 'missing', found: found.note, request: found.make };
  if (found.keepMs === keepMs) return { what, role, state: 'there', found: found.note };
  const keeps = `it keeps ${found.keepMs === 0 ? 'everything' : durationText(found.keepMs)}`;
  const said = found.note === undefined ? keeps : `${keeps}; ${found.note}`;
  if (found.keepMs === 0 || found.keepMs > keepMs) return { what, role, state: 'longer', found: said };
  return { what, role, state: 'shorter', found: said, request: found.lengthen };
}

function queryStep(
  target: Target1,
  { name, statement }: { name: string; statement: string },
  queries: ReadonlyMap<string, string> | undefined,
): Step {
  const [query, database] = [influxqlName(name), influxqlName(target.database)];
  const step = { what: `continuous query ${query} on ${database}`, role: 'downsampling' as const, wanted: statement };
  if (queries === undefined)
    return { ...step, state: 'unseen', found: 'only a user with all privileges may look at continuous queries' };
  const there = queries.get(name);
  if (there === undefined) return { ...step, state: 'missing', request: { kind: 'influxql', statement } };
  if (sameInfluxql(there, statement)) return { ...step, state: 'there' };
  const remedy = `if it is not needed any more: DROP CONTINUOUS QUERY ${query} ON ${database}, then setup again`;
  return { ...step, state: 'differs', found: there, remedy };
}

function plan2(target: Target2, settings: InfluxdbSettings, found: Found2): Step[] {
  return [
    bucketStep({ role: 'points', name: target.bucket, keepMs: settings.keepMs }, found),
    bucketStep({ role: 'means', name: target.rollupBucket, keepMs: settings.rollupKeepMs }, found),
    taskStep(target, settings, found),
  ];
}

function bucketStep(store: Store, { orgId, buckets }: Found2): Step {
  const there = buckets.get(store.name);
  const retentionRules = [{ type: 'expire', everySeconds: store.keepMs / 1000 }];
  return storeStep(store, {
    what: `bucket ${JSON.stringify(store.name)}`,
    keepMs: there?.keepMs,
    make: {
      kind: 'api',
      method: 'POST',
      path: '/api/v2/buckets',
      json: { orgID: orgId, name: store.name, retentionRules },
    },
    lengthen: { kind: 'api', method: 'PATCH', path: `/api/v2/buckets/${there?.id}`, json: { retentionRules } },
  });
}

function taskStep(target: Target2, settings: InfluxdbSettings, { orgId, tasks }: Found2): Step {
  const { name, flux } = downsamplingTask(target, settings);
  const step = { what: `task ${JSON.stringify(name)}`, role: 'downsampling' as const, wanted: flux };
  const named = tasks.filter((one) => one.name === name);
  const [first] = named;
  if (first === undefined) {
    const json = { orgID: orgId, description: 'MetricStream: means per minute', flux, status: 'active' };
    return { ...step, state: 'missing', request: { kind: 'api', method: 'POST', path: '/api/v2/tasks', json } };
  }
  if (named.some((one) => one.status === 'active' && sameFlux(one.flux, flux))) return { ...step, state: 'there' };
  const same = named.find((one) => sameFlux(one.flux, flux));
  if (same !== undefined)
    return { ...step, state: 'differs', found: `it is ${same.status}`, remedy: `activate task ${same.id}` };
  const remedy = `if it is not needed any more: delete task ${first.id}, then setup again`;
  return { ...step, state: 'differs', found: first.flux, remedy };
}
