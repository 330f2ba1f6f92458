/** What the tests of the InfluxDB sink share: settings for each kind of server, records, and what the sink did with them. */
import { randomBytes } from 'node:crypto';
import type { Series } from '@metricstream/proto/batch.ts';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import type { Delivery, Loss, Outcome } from '@metricstream/shared/pump/types.ts';
import { onTestFinished } from 'vitest';
import { type Influx2StandIn, queryInflux1 } from '../../../../../test/services/index.ts';
import type { LineBatch } from '../../../src/sinks/influxdb/line-protocol.ts';
import { createInfluxdbSink, type InfluxdbSinkOptions } from '../../../src/sinks/influxdb/influxdb-sink.ts';
import type { InfluxdbSettings } from '../../../src/sinks/influxdb/settings.ts';

const DAY_MS = 86_400_000;
const USUAL = {
  schema: 'seed',
  compression: 'none',
  timeoutMs: 5000,
  keepMs: 7 * DAY_MS,
  rollupKeepMs: 90 * DAY_MS,
  lateMs: 300_000,
} as const;

export type Changes = Partial<Omit<InfluxdbSettings, 'target'>>;

/** Settings for a database of a 1.x server. */
export function settingsFor1(url: string, database: string, changes: Changes = {}): InfluxdbSettings {
  const target = { version: 1, database, retentionPolicy: 'raw', rollupRetentionPolicy: 'means' } as const;
  return { ...USUAL, url, target: { ...target, username: '', password: '' }, ...changes };
}

/** Settings for the bucket `metrics` of a stand-in. */
export function settingsFor2({ url, org, token }: Influx2StandIn, changes: Changes = {}): InfluxdbSettings {
  const target = { version: 2, org, bucket: 'metrics', rollupBucket: 'means', token } as const;
  return { ...USUAL, url, target, ...changes };
}

/** Makes a database of its own, with a policy `raw`. @returns its name. */
export async function createDatabase(url: string, duration = 'INF'): Promise<string> {
  const database = `test_${randomBytes(6).toString('hex')}`;
  await queryInflux1({ url, query: `CREATE DATABASE ${database} WITH DURATION ${duration} NAME raw` });
  onTestFinished(async () => {
    await queryInflux1({ url, query: `DROP DATABASE ${database}` }).catch(() => undefined);
  });
  return database;
}

export interface RecordOptions {
  clientId?: string;
  seq?: number;
  /** One of series × sweeps, series by series. */
  values?: readonly number[];
  series?: readonly Series[];
  times?: readonly bigint[];
  resource?: readonly (readonly [string, string])[];
}

let lastTime = 0n;

/** The time, never the same twice. */
export function now(): bigint {
  const time = BigInt(Date.now()) * 1_000_000n;
  lastTime = time > lastTime ? time : lastTime + 1n;
  return lastTime;
}

export function seriesOf(name: string, changes: Partial<Series> = {}): Series {
  return { name, unit: 'count', kind: 'float', labels: [], ...changes };
}

/** A record of one sweep, now, of one series where not told otherwise. */
export function recordOf(options: RecordOptions = {}): JournalRecord {
  const { clientId = 'web-1', seq = 1, values = [1], times = [now()], resource = [['host', clientId]] } = options;
  const { series = [seriesOf('test.value_of')] } = options;
  const body = encodeBatch({
    clientId,
    epoch: 7,
    seq,
    schemaVersion: 1,
    agentVersion: '1.0.0',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource,
    series,
    timesUnixNano: times,
    values: Float64Array.from(values),
  });
  const points = values.filter((value) => !Number.isNaN(value)).length;
  const head = { kind: RecordKind.batch, lane: Lane.live, clientId, epoch: 7, seq, oldestSeq: 1, receivedUnixMs: 0 };
  return { ...head, points, bodyCrc: 0, body };
}

/** Many records of many series, all values different, one sweep each. */
export function manyRecords(count: number, seriesCount: number, time = now()): JournalRecord[] {
  const series = Array.from({ length: seriesCount }, (_, at) =>
    seriesOf(`load.metric_${at % 10}`, { labels: [['at', String(at)]] }),
  );
  return Array.from({ length: count }, (_, at) =>
    recordOf({
      clientId: `host-${at}`,
      seq: at + 1,
      series,
      values: series.map((_one, of) => at * seriesCount + of),
      times: [time],
    }),
  );
}

export function deliveryOf(...records: JournalRecord[]): Delivery {
  let bytes = 0;
  for (const record of records) bytes += record.body.length;
  return { records, bytes };
}

export const never = new AbortController().signal;

/** A sink that is closed with the test. */
export async function openSink(settings: InfluxdbSettings, options: Partial<InfluxdbSinkOptions> = {}) {
  const { sink, figures } = await createInfluxdbSink({ settings, clientsMax: 100, ...options });
  onTestFinished(() => sink.close());
  return {
    sink,
    write: (...records: JournalRecord[]) => sink.write(deliveryOf(...records), never),
    figure: (name: string, label?: string): number =>
      figures()
        .filter((one) => one.name === name && (label === undefined || Object.values(one.labels ?? {}).includes(label)))
        .reduce((sum, { value }) => sum + value, 0),
  };
}

/** The losses of an outcome that stored the rest. */
export function lossesOf(outcome: Outcome): readonly Loss[] {
  if (outcome.kind !== 'stored') throw new Error(`stored expected: ${JSON.stringify(outcome)}`);
  return outcome.losses ?? [];
}

/** Points in `losses` for one reason, or for those that are dead letters. */
export function lost(losses: readonly Loss[], dropped?: string): number {
  return losses.filter((loss) => loss.dropped === dropped).reduce((sum, { points }) => sum + points, 0);
}

export function lineBatch(
  batch: Partial<LineBatch> & { series?: readonly Series[]; resource?: [string, string][] },
): LineBatch {
  const { series = [seriesOf('cpu.usage_user')], resource = [], ...given } = batch;
  return {
    clientId: 'web-1',
    seriesSet: { series, resource },
    timesUnixNano: BigUint64Array.from([1_759_579_200_000_000_001n]),
    values: Float64Array.from([1]),
    ...given,
  };
}
