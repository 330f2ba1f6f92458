/**
 * The pipeline dashboard: every expression, asked of what a real agent, collector and forwarder say at /metrics while data
 * goes through Kafka and into InfluxDB, has values. VictoriaMetrics answers them, in Prometheus' language.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setupInfluxdb } from '../../packages/collector/src/setup/influxdb.ts';
import { influx1Place } from '../../packages/collector/test/setup/influxdb-targets.ts';
import { describe, expect, it } from 'vitest';
import { type App, startAgent, startCollector, startForwarder } from '../app.ts';
import { testDir, until } from '../e2e/sinks.ts';
import { available, flushVictoriaMetrics, kafkaAdmin, sharedKafka, sharedVictoriaMetrics } from '../services/index.ts';
import { dashboards, fillIn } from './grafana.ts';

const STEP_S = 15;
const SCRAPES = 4;

const { panels, templating } = dashboards().get('pipeline/pipeline.json')!;

async function metricsOf({ admin }: App): Promise<string> {
  return (await fetch(`${admin}/metrics`)).text();
}

/** Of a metric's series, summed; 0 without any. */
function total(text: string, name: string): number {
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

interface Run {
  apps: Record<'agent' | 'collector' | 'forward', App>;
}

/** An agent, a collector that writes to all sinks, a forwarder. */
async function startAll(): Promise<Run> {
  const dir = testDir('pipeline');
  const [{ brokers }, influx] = [await sharedKafka(), await influx1Place()];
  const topic = `pipeline-${randomUUID().slice(0, 8)}`;
  const topics = { topic, dead_letter_topic: `${topic}-dead` };
  const admin = kafkaAdmin(brokers);
  await admin.createTopic({ topic, partitions: 12 });
  await admin.createTopic({ topic: topics.dead_letter_topic, partitions: 1 });
  await setupInfluxdb(influx);
  const { url, target } = influx.settings;
  if (target.version !== 1) throw new Error('1.x expected');
  const kafka = { brokers, ...topics, replication: 1 };
  const config = {
    sinks: { jsonl: { dir: join(dir, 'points') }, kafka, influxdb: { url, database: target.database } },
    forward: { group: topic, jsonl: { enabled: true, dir: join(dir, 'forwarded') } },
  };
  const collector = await startCollector({ dir: join(dir, 'collector'), config });
  const forward = await startForwarder({ dir: join(dir, 'forward'), config });
  const agent = await startAgent({ dir: join(dir, 'agent'), config: { collector: { url: collector.url } } });
  return { apps: { agent, collector, forward } };
}

/** Puts what each program says now into VictoriaMetrics, as scraped at that time. */
async function scrape(
  { apps }: Run,
  { url, run, unixMs }: { url: string; run: string; unixMs: number },
): Promise<void> {
  for (const [name, app] of Object.entries(apps)) {
    const query = new URLSearchParams({ extra_label: `instance=${run}-${name}`, timestamp: String(unixMs) });
    const response = await fetch(`${url}/api/v1/import/prometheus?${String(query)}`, {
      method: 'POST',
      body: await metricsOf(app),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

describe.runIf(await available('sharedKafka', 'sharedInflux1', 'sharedVictoriaMetrics'))(
  'the pipeline dashboard',
  () => {
    it('has values in every panel', { timeout: 90_000 }, async () => {
      const all = await startAll();
      const { collector, forward } = all.apps;
      const { url } = await sharedVictoriaMetrics();
      const run = `run-${randomUUID().slice(0, 8)}`;
      const endMs = Math.floor(Date.now() / 1000) * 1000;
      const startMs = endMs - (SCRAPES - 1) * STEP_S * 1000;
      const stored = async () => [
        total(await metricsOf(collector), 'metricstream_collector_influxdb_lines_written_total'),
        total(await metricsOf(collector), 'metricstream_collector_kafka_messages_total'),
        total(await metricsOf(forward), 'metricstream_forward_points_stored_total'),
      ];
      for (let at = 0; at < SCRAPES; at++) {
        // Something has gone all the way since the last one.
        const before = at === 0 ? [0, 0, 0] : await stored();
        await until(async () => (await stored()).every((now, of) => now > before[of]!));
        await scrape(all, { url, run, unixMs: startMs + at * STEP_S * 1000 });
      }
      await flushVictoriaMetrics(url);

      const ask = async (expr: string): Promise<unknown[]> => {
        const shown = {
          fromUnixMs: startMs,
          toUnixMs: endMs,
          intervalMs: STEP_S * 1000,
          variables: { instance: `${run}-.*` },
        };
        const range = { start: String(startMs / 1000), end: String(endMs / 1000), step: `${STEP_S}s` };
        const query = new URLSearchParams({ query: fillIn(expr, shown), ...range, nocache: '1' });
        const answer = (await (await fetch(`${url}/api/v1/query_range?${String(query)}`)).json()) as {
          error?: string;
          data?: { result: { values: [number, string][] }[] };
        };
        if (answer.error !== undefined) throw new Error(`${expr}: ${answer.error}`);
        return answer.data?.result.filter(({ values }) => values.some(([, value]) => value !== 'NaN')) ?? [];
      };
      const empty: string[] = [];
      for (const { title, targets = [] } of panels)
        for (const { refId, expr = '' } of targets)
          if ((await ask(expr)).length === 0) empty.push(`${title} ${refId}: ${expr}`);
      expect(empty).toEqual([]);
      expect(JSON.stringify(templating.list)).toContain('_build_info');
    });
  },
);
