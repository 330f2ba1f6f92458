/** The options under sinks.influxdb: defaults, bounds, what they say about each other, and their form in the program. */
import { choice, duration, flag, secret, serverUrl, text } from '@metricstream/shared/config/leaves.ts';
import type { CrossFault } from '@metricstream/shared/config/load.ts';
import { z } from 'zod';
import { type InfluxdbSettings, type InfluxdbTarget, SCHEMAS } from '../sinks/influxdb/settings.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const name = (expected: string) => text({ expected, pattern: /^[^\p{Cc}"\\]*$/u, charsMax: 128 });

export const influxdbSchema = z.strictObject({
  enabled: flag().prefault(true),
  url: serverUrl({ example: 'http://influxdb.example:8086' }),
  /** Who writes: `run` from the journal, or only `forward` from Kafka. */
  from: choice(['journal', 'kafka']).prefault('journal'),
  database: name('the name of a 1.x database').prefault(''),
  retention_policy: name('the name of a retention policy').prefault('7_days'),
  rollup_retention_policy: name('the name of a retention policy').prefault('90_days'),
  username: name('a user name').prefault(''),
  password: secret({ expected: 'a password', charsMax: 1024 }).prefault(''),
  org: name('the name of a 2.x organisation').prefault(''),
  bucket: name('the name of a 2.x bucket').prefault(''),
  rollup_bucket: name('the name of a 2.x bucket').prefault(''),
  token: secret({ expected: 'an API token', charsMax: 1024 }).prefault(''),
  schema: choice(SCHEMAS).prefault('seed'),
  compression: choice(['none', 'gzip']).prefault('gzip'),
  timeout: duration({ min: 100, max: 5 * MINUTE }).prefault('10s'),
  keep: duration({ min: HOUR, max: 3650 * DAY }).prefault('7d'),
  rollup_keep: duration({ min: HOUR, max: 3650 * DAY }).prefault('90d'),
  late: duration({ min: MINUTE, max: DAY }).prefault('5m'),
  required: flag().prefault(false),
});

type InfluxdbFile = z.output<typeof influxdbSchema>;

/** @param at where the section stands in the file. */
export function checkInfluxdb(file: InfluxdbFile, at: string[]): CrossFault[] {
  const { database, bucket, org } = file;
  const others = [
    [...at, 'bucket'],
    [...at, 'org'],
  ];
  const needs = (what: string, expected: string): CrossFault => ({
    path: [...at, 'database'],
    others,
    what,
    expected,
  });
  const found: CrossFault[] = [];
  if (database !== '' && bucket !== '') found.push(needs('stands beside bucket', 'database (1.x) or bucket (2.x)'));
  if (database === '' && bucket === '')
    found.push(needs('is missing', 'database for InfluxDB 1.x, or org and bucket for 2.x'));
  if (bucket !== '' && org === '')
    found.push({ path: [...at, 'org'], others, what: 'is missing', expected: 'the organisation that owns the bucket' });
  if (bucket !== '' && file.rollup_bucket === bucket)
    found.push({
      path: [...at, 'rollup_bucket'],
      others,
      what: `is the bucket itself, ${bucket}`,
      expected: 'another bucket: means would replace the points they are made of',
    });
  if (database !== '' && file.rollup_retention_policy === file.retention_policy)
    found.push({
      path: [...at, 'rollup_retention_policy'],
      others,
      what: `is retention_policy itself, ${file.retention_policy}`,
      expected: 'another one: means would replace the points they are made of',
    });
  return found;
}

function shapeTarget(file: InfluxdbFile): InfluxdbTarget {
  const { database, username, password, org, bucket, token } = file;
  if (bucket === '')
    return {
      version: 1,
      database,
      retentionPolicy: file.retention_policy,
      rollupRetentionPolicy: file.rollup_retention_policy,
      username,
      password,
    };
  return { version: 2, org, bucket, rollupBucket: file.rollup_bucket || `${bucket}_1m`, token };
}

export function shapeInfluxdb(file: InfluxdbFile): InfluxdbSettings {
  return {
    url: file.url,
    target: shapeTarget(file),
    schema: file.schema,
    compression: file.compression,
    timeoutMs: file.timeout,
    keepMs: file.keep,
    rollupKeepMs: file.rollup_keep,
    lateMs: file.late,
  };
}
