/**
 * The two ends of a migration as the command line names them: `--from jsonl:DIR`, `--to influxdb`, and the window between
 * `--since` and `--until`. Owns their reading and defaults, and promises that a wrong one is told before anything is
 * touched, with what would be right.
 */
import { resolve } from 'node:path';
import { loadConfig } from '@metricstream/shared/config/load.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { type CollectorConfig, collectorSpec } from '../config.ts';
import { createInfluxdbClient, type InfluxdbClient } from '../sinks/influxdb/client.ts';
import type { InfluxdbSettings } from '../sinks/influxdb/settings.ts';
import { createInfluxStore, type InfluxStore } from './influx-store.ts';
import type { Window } from './jsonl-reader.ts';
import { parseMinute } from './times.ts';

export interface EndFlags {
  config: string;
  from: string;
  to: string;
  since?: string;
  until?: string;
  json?: true;
}

export interface Ends {
  config: CollectorConfig;
  /** Of the files, absolute. */
  path: string;
  settings: InfluxdbSettings;
  client: InfluxdbClient;
  store: InfluxStore;
  window: Window;
}

/** What the sinks have not written yet is no difference. */
const LAG_MINUTES = 1;

/** @param sinceDefault as a person would give it; undefined for the beginning of the files. */
export function openEnds(flags: EndFlags, sinceDefault: string | undefined, nowUnixMs: number): Ends {
  const { config } = loadConfig(flags.config, collectorSpec);
  const path = pathOf(flags.from, config);
  if (flags.to !== 'influxdb')
    throw new MetricStreamError('usage', `--to ${JSON.stringify(flags.to)} is unknown: expected influxdb`);
  const settings = config.sinks.influxdb;
  if (settings === undefined)
    throw new MetricStreamError(
      'config_invalid',
      `${flags.config}: sinks.influxdb is missing or not enabled; it says where the InfluxDB to migrate to is`,
    );
  const until =
    flags.until === undefined
      ? Math.floor(nowUnixMs / 60_000) - LAG_MINUTES
      : parseMinute('--until', flags.until, nowUnixMs);
  const since = sinceOf(flags.since ?? sinceDefault, { until, nowUnixMs, given: flags.since !== undefined });
  if (since >= until)
    throw new MetricStreamError('usage', `there is no minute between --since and --until: the window must have one`);
  const client = createInfluxdbClient(settings);
  return { config, path, settings, client, store: createInfluxStore(client, settings), window: { since, until } };
}

function pathOf(from: string, config: CollectorConfig): string {
  if (from === 'jsonl') return config.sinks.jsonl.dir;
  const path = /^jsonl:(.+)$/.exec(from)?.[1];
  if (path !== undefined) return resolve(path);
  throw new MetricStreamError(
    'usage',
    `--from ${JSON.stringify(from)} is unknown: expected jsonl:DIR, or jsonl for the directory of sinks.jsonl`,
  );
}

/** A default reaches back from the end of the window, what is given from now. */
function sinceOf(
  text: string | undefined,
  { until, nowUnixMs, given }: { until: number; nowUnixMs: number; given: boolean },
): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY;
  return parseMinute('--since', text, given ? nowUnixMs : until * 60_000);
}
