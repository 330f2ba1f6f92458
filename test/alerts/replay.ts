/**
 * Alert rules over an invented past: series written to a VictoriaMetrics with their times, then vmalert's replay over
 * them, and what it found, read back. Owns the clock of that past; nothing here waits for time to pass.
 */
import {
  exportVictoriaMetrics,
  flushVictoriaMetrics,
  startVictoriaMetrics,
  vmalertProgram,
} from '../services/index.ts';
import { run } from '../services/run.ts';
import { ruleFiles } from './rules.ts';

export const startUnixMs = Date.UTC(2025, 9, 4, 12);
/** Of evaluations; between two of them there are samples that none of them meets. */
const stepS = 15;
const sampleS = 5;

/** Name and labels as an exposition has them, and the value so many seconds after the start; undefined: no sample. */
export type Samples = Record<string, (second: number) => number | undefined>;

export interface Firing {
  alert: string;
  labels: Record<string, string>;
  /** Seconds after the start. */
  fromS: number;
  toS: number;
}

/** Every alert that fires within `seconds` when all rule files are evaluated over the samples. */
export async function replay(samples: Samples, seconds: number): Promise<Firing[]> {
  const { url } = await startVictoriaMetrics();
  const lines = Object.entries(samples).flatMap(([series, valueAt]) => {
    const times = Array.from({ length: seconds / sampleS + 1 }, (_, at) => at * sampleS);
    return times.flatMap((second) => {
      const value = valueAt(second);
      return value === undefined ? [] : [`${series} ${value} ${startUnixMs + second * 1000}`];
    });
  });
  const answer = await fetch(`${url}/api/v1/import/prometheus`, { method: 'POST', body: lines.join('\n') });
  if (answer.status !== 204) throw new Error(`VictoriaMetrics answered ${answer.status}: ${await answer.text()}`);
  await flushVictoriaMetrics(url);

  const { command, env } = await vmalertProgram();
  const args = [
    ...ruleFiles.map((file) => `-rule=${file}`),
    `-datasource.url=${url}`,
    `-remoteWrite.url=${url}`,
    '-remoteWrite.flushInterval=100ms',
    `-evaluationInterval=${stepS}s`,
    `-datasource.queryStep=${stepS}s`,
    `-replay.timeFrom=${new Date(startUnixMs).toISOString()}`,
    `-replay.timeTo=${new Date(startUnixMs + seconds * 1000).toISOString()}`,
    '-replay.rulesDelay=1ms',
    '-replay.disableProgressBar',
  ];
  await run(command, args, { env });
  const found = await exportVictoriaMetrics(url, 'ALERTS{alertstate="firing"}');
  return found.map(({ metric: { alertname = '', ...labels }, timestamps }) => ({
    alert: alertname,
    labels,
    fromS: (Math.min(...timestamps) - startUnixMs) / 1000,
    toS: (Math.max(...timestamps) - startUnixMs) / 1000,
  }));
}
