import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { faultLine } from '@metricstream/shared/config/fault.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { optionPaths, readSample, treePaths } from '@metricstream/shared/testing/sample.ts';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { type CollectorConfig, collectorSpec } from '../src/config.ts';
import { BROKEN_TEXT } from './config-text.cases.ts';
import { BROKEN, ENV } from './config.cases.ts';

const SAMPLE = readFileSync(join(import.meta.dirname, '../../../install/config/collector.yaml'), 'utf8');
const load = (text: string, env: Record<string, string> = ENV): CollectorConfig => {
  const result = parseConfig(text, collectorSpec, env);
  if (!result.ok) throw new Error(result.faults.map((fault) => faultLine('collector.yaml', fault)).join('\n'));
  return result.config;
};

describe('a broken file', () => {
  test.each([...BROKEN, ...BROKEN_TEXT])('with $name is refused word for word', ({ text, says }) => {
    const result = parseConfig(text, collectorSpec, ENV);
    expect(result.ok ? [] : result.faults.map((fault) => faultLine('collector.yaml', fault))).toEqual(says);
  });
});

describe('the sample file', () => {
  const sample = readSample(SAMPLE);

  test('as shipped comes to the very same as an empty file', () => {
    expect(load(SAMPLE)).toEqual(load(''));
  });

  test('with every option put in shows the defaults, and nothing else', () => {
    const sasl = '{mechanism: scram-sha-512, username: metricstream, password: p}';
    const { tls, sinks } = load(
      `tls: {cert_file: /etc/metricstream/tls/collector.pem, key_file: /etc/metricstream/tls/collector.key}
sinks:
  kafka: {brokers: ["kafka-1:9092"], tls: {}, sasl: ${sasl}}
  influxdb: {url: "http://influxdb:8086", database: metrics}`,
    );
    const { kafka, influxdb } = sinks;
    expect(load(sample.text, { KAFKA_PASSWORD: 'p' })).toEqual({
      ...load(''),
      tls,
      sinks: { ...load('').sinks, kafka, influxdb },
    });
  });

  test('has every option the schema has, and no other', () => {
    const known = optionPaths(collectorSpec.schema);
    expect(treePaths(parse(sample.text), new Set(known)).sort()).toEqual(known);
  });

  test('explains every option', () => {
    expect(sample.unexplained).toEqual([]);
  });
});

test('an empty file gives the documented defaults', () => {
  expect(load('')).toEqual({
    listen: { host: '127.0.0.1', port: 7440 },
    tls: undefined,
    auth: 'none',
    tokensFile: '/etc/metricstream/tokens',
    admin: { listen: { host: '127.0.0.1', port: 7441 } },
    stateDir: '/var/lib/metricstream/collector',
    workers: Math.max(1, availableParallelism() - 1),
    ack: 'journal',
    journal: {
      dir: '/var/lib/metricstream/collector/journal',
      bytesMax: 10 * 2 ** 30,
      segmentBytes: 2 ** 26,
      ringBytes: 2 ** 25,
    },
    limits: {
      connectionsMax: 10_000,
      clientsMax: 16_384,
      headBytesMax: 16_384,
      bodyBytesMax: 2 ** 20,
      decompressedBytesMax: 2 ** 22,
      decompressionRatioMax: 200,
      seriesPerBatchMax: 10_000,
      requestsPerConnectionMax: 100_000,
      pipelinedMax: 64,
      headTimeoutMs: 10_000,
      bodyTimeoutMs: 30_000,
      bodyBytesPerSecondMin: 1024,
      idleTimeoutMs: 75_000,
      perAddress: { connectionsMax: 8000, unauthenticatedPerSecond: 10 },
      perClient: { requestsPerSecond: 100, bytesPerSecond: 2 ** 24, pointsPerSecond: 200_000, burstMs: 10_000 },
    },
    sinks: {
      jsonl: {
        enabled: true,
        dir: '/var/lib/metricstream/collector/jsonl',
        rotateBytes: 2 ** 28,
        keepMs: 604_800_000,
        required: true,
      },
      kafka: undefined,
      influxdb: undefined,
    },
    forward: {
      group: 'metricstream-forward',
      admin: { listen: { host: '127.0.0.1', port: 7443 } },
      jsonl: {
        enabled: false,
        dir: '/var/lib/metricstream/collector/forward-jsonl',
        rotateBytes: 2 ** 28,
        keepMs: 604_800_000,
      },
    },
    log: { level: 'info', format: 'auto' },
  });
});

test('directories follow state_dir unless they are given, and are absolute', () => {
  const config = load('state_dir: data/collector');
  expect(config.journal.dir).toBe(join(process.cwd(), 'data/collector/journal'));
  expect(config.sinks.jsonl.dir).toBe(join(process.cwd(), 'data/collector/jsonl'));
  expect(load('sinks: {jsonl: {dir: /srv/jsonl}}').sinks.jsonl.dir).toBe('/srv/jsonl');
});

test('unlimited is Infinity, and rates are per second', () => {
  const { perClient } = load('limits: {per_client: {requests: unlimited, bytes: 6MB/m, points: 3600/h}}').limits;
  expect(perClient).toMatchObject({ requestsPerSecond: Infinity, bytesPerSecond: 100_000, pointsPerSecond: 1 });
});

test('what others can reach, and connections that close too early, are warned about but allowed', () => {
  const result = parseConfig(
    'listen: 0.0.0.0:7440\nauth: none\nadmin: {listen: "[::]:7441"}\nlimits: {idle_timeout: 1s}',
    collectorSpec,
    {},
  );
  expect(result.ok && result.warnings.map((fault) => fault.path)).toEqual([
    'auth',
    'admin.listen',
    'limits.idle_timeout',
  ]);
});

describe('the sections that switch a sink on', () => {
  test('kafka needs only brokers', () => {
    expect(load('sinks: {kafka: {brokers: ["k:9092"]}}').sinks.kafka).toEqual({
      connection: { brokers: ['k:9092'], sasl: undefined, tls: undefined },
      topic: 'metrics-raw',
      deadLetterTopic: 'metrics-dead',
      partitions: 12,
      replication: 3,
      encoding: 'batch',
      compression: 'zstd',
      hot: { answer: 'off', share: 0.2, windowMs: 60_000 },
      inFlightBytesMax: 2 ** 25,
      required: false,
    });
  });

  test('influxdb needs a url and a database, or a url, an org and a bucket', () => {
    const one = load('sinks: {influxdb: {url: "http://i:8086", database: m}}').sinks.influxdb;
    expect(one?.target).toEqual({
      version: 1,
      database: 'm',
      retentionPolicy: '7_days',
      rollupRetentionPolicy: '90_days',
      username: '',
      password: '',
    });
    const two = load('sinks: {influxdb: {url: "http://i:8086", org: o, bucket: b, token: t}}').sinks.influxdb;
    expect(two?.target).toEqual({ version: 2, org: 'o', bucket: 'b', rollupBucket: 'b_1m', token: 't' });
  });

  test('enabled: false switches it off and keeps the rest of the section checked', () => {
    expect(load('sinks: {kafka: {brokers: ["k:9092"], enabled: false}}').sinks.kafka).toBeUndefined();
    expect(() => load('sinks: {kafka: {brokers: [], enabled: false}}')).toThrow('sinks.kafka.brokers: has 0 entries');
  });

  test('no secret of theirs is shown', () => {
    const text = `sinks: {kafka: {brokers: ["k:9092"], sasl: {mechanism: plain, username: u, password: hunter2}},
      influxdb: {url: "http://i:8086", org: o, bucket: b, token: hunter2, password: hunter2}}`;
    const result = parseConfig(text, collectorSpec, ENV);
    expect(JSON.stringify(result.ok && result.shown)).not.toContain('hunter2');
    expect(result.ok && result.config.sinks.kafka?.connection.sasl?.password).toBe('hunter2');
  });

  test('what cannot be meant is refused with its place', () => {
    const said = (text: string): string[] => {
      const result = parseConfig(text, collectorSpec, ENV);
      return result.ok ? [] : result.faults.map((fault) => faultLine('collector.yaml', fault));
    };
    expect(said('sinks: {influxdb: {url: "http://i:8086"}}')).toEqual([
      expect.stringContaining('sinks.influxdb.database: is missing — expected database for InfluxDB 1.x'),
    ]);
    expect(said('sinks: {influxdb: {url: "http://i:8086", database: m, org: o, bucket: b}}')).toEqual([
      expect.stringContaining('sinks.influxdb.database: stands beside bucket'),
    ]);
    expect(said('sinks: {kafka: {brokers: ["kafka"]}}')).toEqual([
      expect.stringContaining('sinks.kafka.brokers: "kafka" has no port'),
    ]);
    expect(said('sinks: {kafka: {brokers: ["k:1"], topic: a, dead_letter_topic: a}}')).toEqual([
      expect.stringContaining('sinks.kafka.dead_letter_topic: is the topic itself, a'),
    ]);
    expect(said('sinks: {kafka: {brokers: ["k:1"], hot: {share: 2}}}')).toEqual([
      expect.stringContaining('sinks.kafka.hot.share: is 2 — expected a number above 0, at most 1'),
    ]);
  });
});

describe('who may come in', () => {
  const said = (text: string): string[] => {
    const result = parseConfig(text, collectorSpec, ENV);
    return (result.ok ? result.warnings : result.faults).map((fault) => faultLine('c.yaml', fault));
  };
  const TLS = 'tls: {cert_file: c.pem, key_file: c.key, client_ca_file: ca.pem}\n';

  test.each(['1.3', '"1.3"'])('min_version may be written as %s', (written) => {
    expect(load(`tls: {cert_file: c.pem, key_file: c.key, min_version: ${written}}`).tls?.minVersion).toBe('1.3');
  });

  test('must be written down where other machines reach the port', () => {
    expect(said('listen: "0.0.0.0:7440"')).toEqual([
      'c.yaml:1:9 listen: 0.0.0.0 can be reached from other machines, and nothing says who may send metrics — expected auth: tokens, certificate or either; or auth: none where everybody who reaches it may',
    ]);
    expect(said('listen: "127.0.0.1:7440"')).toEqual([]);
    expect(load(`${TLS}listen: "0.0.0.0:7440"\nauth: certificate`).auth).toBe('certificate');
  });

  test('is shown when nothing was written', () => {
    const result = parseConfig('', collectorSpec, ENV);
    expect(result.ok && result.shown).toMatchObject({ auth: 'none' });
  });

  test('is warned about when tokens cross a network in the clear', () => {
    expect(said('listen: "0.0.0.0:7440"\nauth: tokens')).toEqual([
      expect.stringContaining('auth: without tls, tokens cross the network in the clear'),
    ]);
    expect(said('auth: tokens')).toEqual([]);
  });

  test('cannot be known by certificates that nobody signs, and no certificates are asked for in vain', () => {
    expect(said('auth: certificate')).toEqual([expect.stringContaining('expected tls.client_ca_file too')]);
    expect(said(TLS)).toEqual([expect.stringContaining('tls.client_ca_file: is of no use')]);
  });

  test('is limited at a rate the limiter can keep', () => {
    expect(said('limits: {per_client: {requests: 30/h}}')).toEqual([expect.stringContaining('expected at least 1/m')]);
  });
});
