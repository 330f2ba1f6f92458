/**
 * The collector's configuration: every option with its default and bounds (as in collector.yaml), what options say
 * about each other, and the frozen object the program works with. An empty file is valid: journal and JSONL, loopback.
 */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import {
  bytes,
  choice,
  directory,
  duration,
  flag,
  integerOr,
  listen,
  text,
} from '@metricstream/shared/config/leaves.ts';
import { listenText } from '@metricstream/shared/config/listen.ts';
import type { ConfigSpec } from '@metricstream/shared/config/load.ts';
import { LOG_FORMATS, LOG_LEVELS } from '@metricstream/shared/log.ts';
import { z } from 'zod';
import { check } from './config/checks.ts';
import {
  authSchema,
  doorText,
  limitsSchema,
  shapeLimits,
  shapeTls,
  tlsSchema,
  tokensFileSchema,
} from './config/front-door.ts';
import { influxdbSchema, shapeInfluxdb } from './config/influxdb.ts';
import { kafkaSchema, shapeKafka } from './config/kafka.ts';
import type { CollectorConfig, JsonlFiles } from './config/types.ts';

export type { CollectorConfig } from './config/types.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

const WORKERS_MAX = 64;

const jsonlFiles = {
  dir: directory({ empty: true }).prefault(''),
  rotate: bytes({ min: MiB, max: 16 * GiB }).prefault('256MiB'),
  keep: duration({ min: 60 * SECOND, max: 3650 * DAY }).prefault('7d'),
};

const schema = z.strictObject({
  listen: listen().prefault('127.0.0.1:7440'),
  tls: tlsSchema.optional(),
  auth: authSchema.optional(),
  tokens_file: tokensFileSchema,
  admin: z.strictObject({ listen: listen().prefault('127.0.0.1:7441') }).prefault({}),
  state_dir: directory().prefault('/var/lib/metricstream/collector'),
  workers: integerOr('auto', { min: 1, max: WORKERS_MAX }).prefault('auto'),
  ack: choice(['journal', 'memory'], { forwarded: 'is reserved for a later version' }).prefault('journal'),
  journal: z
    .strictObject({
      max_bytes: bytes({ min: 16 * MiB, max: 64 * TiB }).prefault('10GiB'),
      segment: bytes({ min: MiB, max: GiB }).prefault('64MiB'),
      ring: bytes({ min: 64 * KiB, max: GiB }).prefault('32MiB'),
    })
    .prefault({}),
  limits: limitsSchema.prefault({}),
  sinks: z
    .strictObject({
      jsonl: z
        .strictObject({
          enabled: flag().prefault(true),
          ...jsonlFiles,
          required: flag().prefault(true),
        })
        .prefault({}),
      kafka: kafkaSchema.optional(),
      influxdb: influxdbSchema.optional(),
    })
    .prefault({}),
  forward: z
    .strictObject({
      group: text({ expected: 'a consumer group', pattern: /^[a-zA-Z0-9._-]+$/, charsMax: 200 }).prefault(
        'metricstream-forward',
      ),
      admin: z.strictObject({ listen: listen().prefault('127.0.0.1:7443') }).prefault({}),
      jsonl: z.strictObject({ enabled: flag().prefault(false), ...jsonlFiles }).prefault({}),
    })
    .prefault({}),
  log: z
    .strictObject({ level: choice(LOG_LEVELS).prefault('info'), format: choice(LOG_FORMATS).prefault('auto') })
    .prefault({}),
});

export type CollectorFile = z.output<typeof schema>;

function shape(file: CollectorFile): CollectorConfig {
  const { journal, limits, sinks, forward } = file;
  const stateDir = resolve(file.state_dir);
  return {
    listen: file.listen,
    tls: shapeTls(file.tls),
    auth: file.auth ?? 'none',
    tokensFile: resolve(file.tokens_file),
    admin: { listen: file.admin.listen },
    stateDir,
    workers: file.workers === 'auto' ? Math.min(WORKERS_MAX, Math.max(1, availableParallelism() - 1)) : file.workers,
    ack: file.ack,
    journal: {
      dir: join(stateDir, 'journal'),
      bytesMax: journal.max_bytes,
      segmentBytes: journal.segment,
      ringBytes: journal.ring,
    },
    limits: shapeLimits(limits),
    sinks: shapeSinks(sinks, stateDir),
    forward: {
      group: forward.group,
      admin: { listen: forward.admin.listen },
      jsonl: shapeJsonl(forward.jsonl, join(stateDir, 'forward-jsonl')),
    },
    log: file.log,
  };
}

function shapeJsonl(file: CollectorFile['forward']['jsonl'], defaultDir: string): JsonlFiles {
  const { enabled, dir, rotate, keep } = file;
  return { enabled, dir: dir === '' ? defaultDir : resolve(dir), rotateBytes: rotate, keepMs: keep };
}

function shapeSinks({ jsonl, kafka, influxdb }: CollectorFile['sinks'], stateDir: string): CollectorConfig['sinks'] {
  return {
    jsonl: { ...shapeJsonl(jsonl, join(stateDir, 'jsonl')), required: jsonl.required },
    kafka: kafka?.enabled === true ? { ...shapeKafka(kafka), required: kafka.required } : undefined,
    influxdb:
      influxdb?.enabled === true
        ? { ...shapeInfluxdb(influxdb), required: influxdb.required, from: influxdb.from }
        : undefined,
  };
}

function sinksText({ jsonl, kafka, influxdb }: CollectorConfig['sinks']): string {
  const on = [
    jsonl.enabled ? `JSONL in ${jsonl.dir}` : '',
    kafka === undefined ? '' : `Kafka topic ${kafka.topic}`,
    influxdb === undefined ? '' : `InfluxDB at ${influxdb.url}${influxdb.from === 'kafka' ? ' through Kafka' : ''}`,
  ].filter((part) => part !== '');
  return on.length === 0 ? 'no sink' : on.join(', ');
}

export const collectorSpec: ConfigSpec<CollectorFile, CollectorConfig> = {
  schema,
  defaultPath: '/etc/metricstream/collector.yaml',
  check,
  complete: (file) => ({ ...file, auth: file.auth ?? 'none' }),
  shape,
  summary: ({ listen: ingest, tls, auth, admin, stateDir, sinks }) =>
    [
      `listens on ${listenText(ingest)}${doorText({ tls, auth })}`,
      `admin on ${listenText(admin.listen)}`,
      `state in ${stateDir}`,
      sinksText(sinks),
    ].join(', '),
};
