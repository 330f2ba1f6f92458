/**
 * Places for the tests of setup, means, queries and dashboards: names of a test's own on a server, with nothing made yet,
 * and gone when the test ends. The real InfluxDB 2.x is used when the environment names one (MS_TEST_INFLUX2_URL, _TOKEN,
 * _ORG); no package brings it, so its tests are not registered without it, and what the stand-in can answer runs there.
 */
import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { givenInflux2, queryInflux1, sharedInflux1, startInflux2StandIn } from '../../../../test/services/index.ts';
import { createInfluxdbClient, type InfluxdbClient } from '../../src/sinks/influxdb/client.ts';
import { createLineWriter, type LineBatch } from '../../src/sinks/influxdb/line-protocol.ts';
import { clearBody, createBody } from '../../src/sinks/influxdb/body.ts';
import type { InfluxdbSettings } from '../../src/sinks/influxdb/settings.ts';

const DAY_MS = 86_400_000;

export type Changes = Partial<Omit<InfluxdbSettings, 'target' | 'url'>>;

export interface Place {
  settings: InfluxdbSettings;
  client: InfluxdbClient;
}

/** When a place is not needed any more; without it, when the test ends. */
export type Ending = (end: () => Promise<void> | void) => void;

function placeOf(
  url: string,
  target: InfluxdbSettings['target'],
  { changes, ending }: { changes: Changes; ending: Ending },
): Place {
  const settings: InfluxdbSettings = {
    url,
    target,
    schema: 'seed',
    compression: 'none',
    timeoutMs: 10_000,
    keepMs: 7 * DAY_MS,
    rollupKeepMs: 90 * DAY_MS,
    lateMs: 300_000,
    ...changes,
  };
  const client = createInfluxdbClient(settings);
  ending(() => client.close());
  return { settings, client };
}

/** A database's name on the shared 1.x server, or on that of `url`. */
export async function influx1Place(
  changes: Changes = {},
  { url: own, ending = onTestFinished }: { url?: string; ending?: Ending } = {},
): Promise<Place> {
  const url = own ?? (await sharedInflux1()).url;
  const database = `place-${randomBytes(6).toString('hex')}`;
  ending(async () => {
    await queryInflux1({ url, query: `DROP DATABASE "${database}"` }).catch(() => undefined);
  });
  const policies = { retentionPolicy: '7_days', rollupRetentionPolicy: '90_days' };
  return placeOf(url, { version: 1, database, ...policies, username: '', password: '' }, { changes, ending });
}

/** Buckets' names on a stand-in of its own. */
export async function standInPlace(changes: Changes = {}): Promise<Place> {
  const { url, org, token } = await startInflux2StandIn({ buckets: {} });
  const target = { version: 2, org, bucket: 'metrics', rollupBucket: 'metrics_1m', token } as const;
  return placeOf(url, target, { changes, ending: onTestFinished });
}

/** Buckets' names on the real 2.x server that the environment names. */
export async function influx2Place(
  changes: Changes = {},
  { ending = onTestFinished }: { ending?: Ending } = {},
): Promise<Place> {
  const { url, org, token } = givenInflux2()!;
  const bucket = `place-${randomBytes(6).toString('hex')}`;
  const target = { version: 2, org, bucket, rollupBucket: `${bucket}_1m`, token } as const;
  const place = placeOf(url, target, { changes, ending: () => undefined });
  ending(async () => {
    await removeAll(place.client, org, bucket);
    place.client.close();
  });
  return place;
}

/** Buckets and tasks whose names begin so, or hold it. */
async function removeAll(client: InfluxdbClient, org: string, bucket: string): Promise<void> {
  for (const kind of ['tasks', 'buckets'] as const) {
    const { json } = await client.api({ method: 'GET', path: `/api/v2/${kind}?limit=100&org=${org}` });
    for (const { id, name } of (json as Record<typeof kind, { id: string; name: string }[]>)[kind])
      if (name.includes(bucket)) await client.api({ method: 'DELETE', path: `/api/v2/${kind}/${id}` });
  }
}

/** Writes batches with the sink's own encoder. */
export async function writeBatches({ settings, client }: Place, batches: readonly LineBatch[]): Promise<void> {
  const writer = createLineWriter(settings.schema);
  const body = createBody();
  for (const batch of batches) {
    writer.begin(batch);
    for (let done = false; !done; ) {
      clearBody(body);
      done = writer.fill(body);
      const { status, words } = await client.write(body.bytes.subarray(0, body.length));
      if (status !== 204) throw new Error(`${client.where} answered ${status}: ${words}`);
    }
  }
}
