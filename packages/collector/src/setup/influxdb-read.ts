/**
 * What is there: reads databases, retention policies, continuous queries, or buckets and tasks. Changes nothing. Owns the
 * reading of answers; promises that "there is none" is never said where the server said "you may not look", as far as
 * its answers tell the two apart (2.x leaves out of a list what a token may not see).
 */
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { type Answer, answerIn, type InfluxdbClient, type InfluxqlSeries } from '../sinks/influxdb/client.ts';
import { goDurationMs } from '../sinks/influxdb/retention.ts';
import { downsamplingTask, influxqlName } from '../sinks/influxdb/rollup.ts';
import type { InfluxdbSettings, InfluxdbTarget } from '../sinks/influxdb/settings.ts';
import type { Found1, Found2 } from './influxdb-plan.ts';

export async function readInfluxdb(settings: InfluxdbSettings, client: InfluxdbClient): Promise<Found1 | Found2> {
  const { target } = settings;
  if (target.version === 1) return readDatabase(target.database, client);
  return readOrg({ target, task: downsamplingTask(target, settings).name }, client);
}

async function readDatabase(database: string, client: InfluxdbClient): Promise<Found1> {
  // Asked for without a database, which may not be there.
  const ask = async (statement: string): Promise<InfluxqlSeries[]> =>
    (await client.influxql(statement, { database: '' }))[0] ?? [];
  let policies: InfluxqlSeries[];
  try {
    policies = await ask(`SHOW RETENTION POLICIES ON ${influxqlName(database)}`);
  } catch (error) {
    if (/database not found/.test(answerIn(error)?.words ?? '')) return { version: 1 };
    throw error;
  }
  const queries = await ask('SHOW CONTINUOUS QUERIES').catch((error: unknown) => {
    if (answerIn(error)?.status === 403) return undefined;
    throw error;
  });
  return {
    version: 1,
    policies: rowsOf(policies[0]).map((row) => ({
      name: String(row['name']),
      keepMs: durationOf(String(row['duration'])),
      isDefault: row['default'] === true,
    })),
    queries:
      queries &&
      new Map(
        rowsOf(queries.find((series) => series.name === database)).map((row) => [
          String(row['name']),
          String(row['query']),
        ]),
      ),
  };
}

function rowsOf(series: InfluxqlSeries | undefined): Record<string, unknown>[] {
  // A database without continuous queries is a series without values.
  const rows: unknown[][] | undefined = series?.values;
  if (series === undefined || rows === undefined) return [];
  return rows.map((row) => Object.fromEntries(series.columns.map((column, at) => [column, row[at]])));
}

function durationOf(text: string): number {
  const ms = goDurationMs(text);
  if (ms !== undefined) return ms;
  throw new MetricStreamError('unreachable', `InfluxDB names a retention of ${JSON.stringify(text)}: no duration`);
}

type Target2 = Extract<InfluxdbTarget, { version: 2 }>;

async function readOrg({ target, task }: { target: Target2; task: string }, client: InfluxdbClient): Promise<Found2> {
  const get = async <T>(path: string): Promise<T | undefined> => {
    const answer = await client.api({ method: 'GET', path });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw answerError(client.where, `GET ${path}`, answer);
    return answer.json as T;
  };
  const query = (parts: Record<string, string>): string => String(new URLSearchParams(parts));
  const { org } = target;
  const orgs = await get<{ orgs?: { id: string; name: string }[] }>(`/api/v2/orgs?${query({ org })}`);
  const orgId = orgs?.orgs?.find(({ name }) => name === org)?.id;
  const buckets = new Map<string, { id: string; keepMs: number }>();
  let bucketOrgId: string | undefined;
  for (const name of [target.bucket, target.rollupBucket]) {
    const found = await get<{ buckets?: BucketJson[] }>(`/api/v2/buckets?${query({ org, name })}`);
    const bucket = found?.buckets?.find((one) => one.name === name);
    if (bucket === undefined) continue;
    bucketOrgId = bucket.orgID;
    buckets.set(name, { id: bucket.id, keepMs: (bucket.retentionRules?.[0]?.everySeconds ?? 0) * 1000 });
  }
  const known = orgId ?? bucketOrgId;
  if (known === undefined)
    throw new MetricStreamError(
      'config_invalid',
      `${client.where}: there is no organisation ${JSON.stringify(org)} that the token may see`,
    );
  const tasks = await get<{ tasks?: Found2['tasks'] }>(`/api/v2/tasks?${query({ org, name: task })}`);
  return { version: 2, orgId: known, buckets, tasks: tasks?.tasks ?? [] };
}

interface BucketJson {
  id: string;
  orgID: string;
  name: string;
  retentionRules?: { everySeconds?: number }[];
}

/** An answer that is no success, as an error. 2.x says 500 to a token that may not make a task. */
export function answerError(where: string, request: string, { status, words }: Answer): MetricStreamError {
  const denied = status === 401 || status === 403 || /unauthorized|forbidden/.test(words);
  const lasting = denied || (status >= 400 && status < 500 && status !== 429);
  return new MetricStreamError(
    lasting ? 'config_invalid' : 'unreachable',
    `${where} answered ${status} to ${request}: ${words.slice(0, 1000)}`,
  );
}
