/** The dashboards over the schema `seed`, each once for each query language. */
import { uidOf } from './ask.ts';
import { fleetRows } from './fleet.ts';
import { hostRows } from './host.ts';
import type { DashboardSpec } from './panels.ts';
import type { Language } from './questions.ts';
import { variables } from './variables.ts';

const NAMES = { influxql: 'InfluxQL', flux: 'Flux' } as const;

export function influxdbDashboards(language: Language): DashboardSpec[] {
  const common = { datasourceType: 'influxdb', from: 'now-3h', refresh: '30s' } as const;
  return [
    {
      ...common,
      uid: uidOf('fleet', language),
      title: `MetricStream: fleet (${NAMES[language]})`,
      description: 'All hosts: how full, how busy, and which ones to look at.',
      variables: variables(language, 'fleet'),
      rows: fleetRows(language),
    },
    {
      ...common,
      uid: uidOf('host', language),
      title: `MetricStream: host (${NAMES[language]})`,
      description: 'One host: CPU, memory, disks, network and processes.',
      variables: variables(language, 'host'),
      rows: hostRows(language),
    },
  ];
}
