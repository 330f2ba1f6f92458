/** Real InfluxDB targets for the tests of migration: a database or bucket of a test's own, and writing to it by our sink. */
import { randomUUID } from 'node:crypto';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { onTestFinished } from 'vitest';
import { available, givenInflux2, queryInflux1, sharedInflux1 } from '../../../../test/services/index.ts';
import { createInfluxStore, type InfluxStore } from '../../src/migrate/influx-store.ts';
import { createInfluxdbClient } from '../../src/sinks/influxdb/client.ts';
import { createInfluxdbSink } from '../../src/sinks/influxdb/influxdb-sink.ts';
import type { InfluxdbSettings, Schema } from '../../src/sinks/influxdb/settings.ts';
import { never } from './fleet.ts';

export interface Target {
  settings: InfluxdbSettings;
  store: InfluxStore;
  /** Writes by our sink, one delivery for each record, so that what comes later replaces. */
  write(...records: JournalRecord[]): Promise<void>;
}

export interface TargetOptions {
  schema?: Schema;
  /** InfluxQL's duration of the retention policy; on 2.x in seconds. */
  keep?: { influxql: string; seconds: number };
  /** Of a server of the test's own. */
  url?: string;
}

const common = {
  compression: 'gzip',
  timeoutMs: 10_000,
  keepMs: 7 * 86_400_000,
  rollupKeepMs: 90 * 86_400_000,
} as const;

/** A 1.x database with a retention policy, gone when the test ends. */
export async function influx1Target({ schema = 'seed', keep, url: own }: TargetOptions = {}): Promise<Target> {
  const url = own ?? (await sharedInflux1()).url;
  const database = `migrate_${randomUUID().replaceAll('-', '')}`;
  const duration = keep?.influxql ?? 'INF';
  await queryInflux1({ url, query: `CREATE DATABASE "${database}" WITH DURATION ${duration} NAME "7_days"` });
  if (own === undefined)
    onTestFinished(async () => void (await queryInflux1({ url, query: `DROP DATABASE "${database}"` })));
  const policies = { retentionPolicy: '7_days', rollupRetentionPolicy: '90_days', username: '', password: '' };
  return targetOf({ ...common, url, schema, lateMs: 300_000, target: { version: 1, database, ...policies } });
}

/** A 2.x bucket, gone when the test ends. */
export async function influx2Target({ schema = 'seed', keep }: TargetOptions = {}): Promise<Target> {
  const { url, org, token } = givenInflux2()!;
  const bucket = `migrate-${randomUUID()}`;
  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> => {
    const headers = { authorization: `Token ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(url + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  };
  const { orgs } = (await call('GET', `/api/v2/orgs?org=${org}`)) as { orgs: { id: string }[] };
  const retentionRules = keep === undefined ? [] : [{ type: 'expire', everySeconds: keep.seconds }];
  const made = await call('POST', '/api/v2/buckets', { orgID: orgs[0]!.id, name: bucket, retentionRules });
  onTestFinished(async () => void (await call('DELETE', `/api/v2/buckets/${(made as { id: string }).id}`)));
  const target = { version: 2, org, bucket, rollupBucket: `${bucket}_1m`, token } as const;
  return targetOf({ ...common, url, schema, lateMs: 300_000, target });
}

async function targetOf(settings: InfluxdbSettings): Promise<Target> {
  const client = createInfluxdbClient(settings);
  onTestFinished(() => client.close());
  const { sink } = await createInfluxdbSink({ settings, clientsMax: 100 });
  onTestFinished(() => sink.close());
  return {
    settings,
    store: createInfluxStore(client, settings),
    async write(...records) {
      for (const record of records) {
        const outcome = await sink.write({ records: [record], bytes: record.body.length }, never);
        if (outcome.kind !== 'stored' || (outcome.losses ?? []).length > 0) throw new Error(JSON.stringify(outcome));
      }
    },
  };
}

/** The servers that can be had here: 1.x always where tests run, 2.x when the environment names one. */
export async function targetsHere(): Promise<{ version: string; make(options?: TargetOptions): Promise<Target> }[]> {
  const targets = [];
  if (await available('sharedInflux1')) targets.push({ version: '1.x', make: influx1Target });
  if (givenInflux2() !== undefined) targets.push({ version: '2.x', make: influx2Target });
  return targets;
}
