/** VictoriaMetrics from the distribution's package, single node: takes Influx line protocol, exports every raw sample. */
import { join } from 'node:path';
import { debianProgram } from './debian.ts';
import { freePorts } from './ports.ts';
import { launch, type Server, serverDir } from './server.ts';

export interface VictoriaMetricsOptions {
  /** Further flags: `['-search.latencyOffset=0s']`. A flag given twice counts as last given. */
  args?: string[];
}

export interface VictoriaMetrics extends Server {
  url: string;
}

/** Starts a VictoriaMetrics of its own, which keeps everything for 100 years; `kill9` loses the last seconds. */
export async function startVictoriaMetrics({ args = [] }: VictoriaMetricsOptions = {}): Promise<VictoriaMetrics> {
  const program = await debianProgram({ name: 'victoria-metrics', pkg: 'victoria-metrics' });
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('victoria-metrics')]);
  const url = `http://127.0.0.1:${port}`;
  const server = await launch({
    name: 'VictoriaMetrics',
    dir,
    ...program,
    args: [
      `-httpListenAddr=127.0.0.1:${port}`,
      `-storageDataPath=${join(dir, 'data')}`,
      '-retentionPeriod=100y',
      '-memory.allowedBytes=128MiB',
      '-search.latencyOffset=0s',
      '-search.disableCache',
      '-loggerLevel=WARN',
      ...args,
    ],
    isReady: async (signal) => (await fetch(`${url}/health`, { signal })).ok,
  });
  return Object.assign(server, { url });
}

/**
 * Makes what was written be found by queries. Without it that takes a second; ten, when a query came before that found
 * nothing, since that is remembered.
 */
export async function flushVictoriaMetrics(url: string): Promise<void> {
  const response = await fetch(`${url}/internal/force_flush`);
  if (!response.ok) throw new Error(`VictoriaMetrics at ${url} did not flush: ${response.status}`);
}

/** A series as it is stored: every raw sample, also those with the same time. */
export interface ExportedSeries {
  /** The name as `__name__`, and the labels. */
  metric: Record<string, string>;
  values: number[];
  timestamps: number[];
}

/** All samples of the series that the selector (`cpu_usage{host="a"}`) matches, after a flush. */
export async function exportVictoriaMetrics(url: string, selector: string): Promise<ExportedSeries[]> {
  await flushVictoriaMetrics(url);
  // By default the range ends now, and now is up to a second ago.
  const rangeEnd = Math.ceil(Date.now() / 1000) + 3600;
  const response = await fetch(`${url}/api/v1/export?match[]=${encodeURIComponent(selector)}&start=0&end=${rangeEnd}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`VictoriaMetrics at ${url} answered ${response.status}: ${text}`);
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ExportedSeries]));
}
