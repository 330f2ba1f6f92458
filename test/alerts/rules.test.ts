import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { anchorsIn } from '../house/docs.ts';
import { collectorMetrics, forwardMetrics } from '../house/metrics-doc.ts';
import { available, vmalertProgram } from '../services/index.ts';
import { run } from '../services/run.ts';
import { metricsIn, ruleFiles, rules } from './rules.ts';

const runbook = readFileSync(new URL('../../docs/ALERTS.md', import.meta.url), 'utf8');

/** What both programs announce at /metrics. */
async function exposed(): Promise<Set<string>> {
  const texts = await Promise.all([collectorMetrics().text(), forwardMetrics().text()]);
  return new Set(texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)));
}

/** Metrics of others than our two programs, by rule file. */
const foreign: Record<string, string[]> = {
  // Written by the scraper for every target.
  'metricstream.rules.yaml': ['up'],
  // What VictoriaMetrics makes of our points: <measurement>_<field>.
  'hosts.rules.yaml': ['server_metrics_value', 'mem_used_percent', 'disk_used_percent'],
  'influxdb.rules.yaml': ['http_api_request_duration_seconds_count', 'http_api_request_duration_seconds_bucket'],
};

describe('the rule files', () => {
  it('name only metrics that the programs expose', async () => {
    const known = await exposed();
    const unknown = rules().flatMap(({ file, alert, expr }) =>
      [...metricsIn(expr)]
        .filter((name) => !known.has(name) && !foreign[file]?.includes(name))
        .map((name) => [alert, name]),
    );
    expect(unknown).toEqual([]);
    expect(metricsIn(rules()[0]?.expr ?? '').size).toBe(2);
  });

  it('have a rule for everything that is to be watched, each name once', () => {
    const names = rules().map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    expect(names.sort()).toEqual(
      [
        'CertificateExpiring',
        'ClientCloned',
        'DeadLetters',
        'ForwarderCpuHigh',
        'HostDiskFull',
        'HostMemoryHigh',
        'InfluxdbMeansFailing',
        'InfluxdbQuerySlow',
        'InfluxdbWriteErrors',
        'InfluxdbWriteSlow',
        'LagMessages',
        'LagSeconds',
        'PointsDropped',
        'ProgramDown',
        'RebalancesFrequent',
        'TokensExpiring',
        'TokensFileBroken',
        'WorkersRespawned',
      ].sort(),
    );
  });

  it('say of each alert what it is and what to do, and lead to a paragraph of the runbook that names it', () => {
    const anchors = anchorsIn(runbook);
    for (const { alert, annotations, labels } of rules()) {
      expect(Object.keys(annotations).sort(), alert).toEqual(['description', 'runbook', 'summary']);
      expect(['critical', 'warning'], alert).toContain(labels.severity);
      expect(annotations.runbook).toBe(`docs/ALERTS.md#${alert.toLowerCase()}`);
      expect(anchors, alert).toContain(alert.toLowerCase());
    }
  });

  it('leave no paragraph of the runbook without its rule', () => {
    const headings = [...runbook.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name);
    expect(headings.sort()).toEqual(
      rules()
        .map(({ alert }) => alert)
        .sort(),
    );
  });
});

describe('metricsIn', () => {
  it('tells metrics from labels, functions, ranges and words', () => {
    const expr = `sum by (job, le) (rate(a_total{x="b_total"}[5m]) or c:d) / on (job) group_left max_over_time(e[1h] offset 5m) > 0.5 and up unless f`;
    expect([...metricsIn(expr)]).toEqual(['a_total', 'c:d', 'e', 'up', 'f']);
  });
});

describe.runIf(await available('vmalert'))('vmalert', () => {
  const dryRun = async (file: string): Promise<Buffer> => {
    const { command, env } = await vmalertProgram();
    return run(command, ['-dryRun', `-rule=${file}`], { env });
  };

  it('reads every file, with its expressions and templates', async () => {
    expect(ruleFiles.length).toBe(3);
    for (const file of ruleFiles) await dryRun(file);
  });
});
