import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { faultLine } from '@metricstream/shared/config/fault.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { optionPaths, readSample, treePaths } from '@metricstream/shared/testing/sample.ts';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { type AgentConfig, agentSpec } from '../src/config.ts';
import { BROKEN, ENV } from './config.cases.ts';

const SAMPLE = readFileSync(join(import.meta.dirname, '../../../install/config/agent.yaml'), 'utf8');
const URL_ENV = { MS_COLLECTOR_URL: 'http://ingest:7440' };
const TWO_LINES = 'collector:\n  url: http://ingest:7440\n';
const load = (text: string, env: Record<string, string> = URL_ENV): AgentConfig => {
  const result = parseConfig(text, agentSpec, env);
  if (!result.ok) throw new Error(result.faults.map((fault) => faultLine('agent.yaml', fault)).join('\n'));
  return result.config;
};

describe('a broken file', () => {
  test.each(BROKEN)('with $name is refused word for word', ({ text, says }) => {
    const result = parseConfig(text, agentSpec, ENV);
    expect(result.ok ? [] : result.faults.map((fault) => faultLine('agent.yaml', fault))).toEqual(says);
  });
});

describe('the sample file', () => {
  const sample = readSample(SAMPLE);

  test('as shipped comes to the very same as a file of two lines', () => {
    expect(load(SAMPLE)).toEqual(load(TWO_LINES));
  });

  test('with every option put in shows the defaults, and nothing else', () => {
    expect(load(sample.text)).toEqual(load(TWO_LINES));
  });

  test('has every option the schema has, and no other', () => {
    const known = optionPaths(agentSpec.schema);
    expect(treePaths(parse(sample.text), new Set(known)).sort()).toEqual(known);
  });

  test('explains every option', () => {
    expect(sample.unexplained).toEqual([]);
  });

  test('asks for the URL where it is missing', () => {
    expect(() => load(SAMPLE, {})).toThrow('collector.url: MS_COLLECTOR_URL: set it, or write the URL here');
  });
});

test('a file of two lines gives the documented defaults', () => {
  expect(load(TWO_LINES)).toEqual({
    clientId: '',
    host: hostname(),
    datacenter: 'default',
    tags: {},
    collector: {
      url: 'http://ingest:7440',
      tokenFile: '',
      tls: { caFile: '', certFile: '', keyFile: '' },
      compression: 'gzip',
      compressAboveBytes: 16_384,
      timeoutMs: 10_000,
    },
    stateDir: '/var/lib/metricstream/agent',
    collection: {
      intervalMs: 10_000,
      jitterMs: 2000,
      timeoutMs: 5000,
      source: 'auto',
      groups: {
        cpu: { enabled: true, perCore: false },
        mem: { enabled: true },
        swap: { enabled: true },
        disk: {
          enabled: true,
          ignoreFstypes: ['tmpfs', 'devtmpfs', 'devfs', 'iso9660', 'overlay', 'aufs', 'squashfs'],
        },
        diskio: { enabled: true, devices: ['*'] },
        net: { enabled: true, interfaces: ['*', '!lo'] },
        system: { enabled: true },
        processes: { enabled: true, intervalMs: 30_000 },
      },
    },
    batch: { sweeps: 1 },
    retry: { initialMs: 1000, maxMs: 60_000 },
    spool: { bytesMax: 2 ** 28, ageMaxMs: 86_400_000 },
    admin: { listen: { host: '127.0.0.1', port: 7442 } },
    log: { level: 'info', format: 'auto' },
  });
});

test('a group is true, false, or its options, and true means the same as its options at their defaults', () => {
  const groups = (text: string) => load(`${TWO_LINES}collection:\n  groups: ${text}\n`).collection.groups;
  expect(groups('{cpu: true, disk: true, diskio: true, net: true, processes: true}')).toEqual(groups('{}'));
  expect(groups('{cpu: false, mem: false, processes: false}')).toMatchObject({
    cpu: { enabled: false },
    mem: { enabled: false },
    processes: { enabled: false },
    net: { enabled: true },
  });
  expect(groups('{cpu: {per_core: true}, net: {interfaces: [eth*]}}')).toMatchObject({
    cpu: { enabled: true, perCore: true },
    net: { enabled: true, interfaces: ['eth*'] },
  });
});

test('what is derived from the interval follows it', () => {
  const at = (interval: string) => load(`${TWO_LINES}collection: {interval: ${interval}}`).collection;
  expect(at('1s')).toMatchObject({ intervalMs: 1000, jitterMs: 200, timeoutMs: 500 });
  expect(at('5m')).toMatchObject({ jitterMs: 2000, timeoutMs: 5000, groups: { processes: { intervalMs: 300_000 } } });
});

test('a slash at the end of the URL does not matter', () => {
  expect(load('collector: {url: https://ingest/base/}').collector.url).toBe('https://ingest/base');
});

test('an admin address that others can reach is warned about but allowed', () => {
  const result = parseConfig(`${TWO_LINES}admin: {listen: "0.0.0.0:7442"}`, agentSpec, {});
  expect(result.ok && result.warnings.map((fault) => fault.path)).toEqual(['admin.listen']);
});
