/**
 * Writes the dashboards and alert rules beside it: `node install/grafana/build.ts`. The one source of each; a test holds
 * what is committed against it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { alertRules } from './source/alerts.ts';
import { influxdbDashboards } from './source/influxdb-dashboards.ts';
import { dashboardJson } from './source/panels.ts';
import { pipelineDashboard } from './source/pipeline-dashboard.ts';
import { LANGUAGES } from './source/questions.ts';

/** @returns the text of each file, by its path below this directory. */
export function builtFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const add = (path: string, json: unknown): void => void files.set(path, `${JSON.stringify(json, undefined, 2)}\n`);
  for (const language of LANGUAGES) {
    for (const dashboard of influxdbDashboards(language)) {
      const name = dashboard.uid.split('-')[1]!;
      add(`dashboards/${language}/${name}.json`, dashboardJson(dashboard));
    }
    const rules = stringify(alertRules(language), { lineWidth: 0 });
    files.set(
      `provisioning/${language}/alerting/metricstream.yaml`,
      `# Made by install/grafana/build.ts from source/alerts.ts.\n${rules}`,
    );
  }
  add('dashboards/pipeline/pipeline.json', dashboardJson(pipelineDashboard()));
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of builtFiles()) {
    const file = fileURLToPath(new URL(path, import.meta.url));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
