/** The dashboard of MetricStream itself, over Prometheus or what speaks its language. */
import type { DashboardSpec, Variable } from './panels.ts';
import { pipelineRows } from './pipeline-panels.ts';

const variables: Variable[] = [
  { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus', regex: '', refresh: 1, hide: 0 },
  {
    type: 'query',
    name: 'instance',
    label: 'Instance',
    datasource: { type: 'prometheus', uid: '${datasource}' },
    query: {
      query: 'label_values({__name__=~"metricstream_(collector|forward|agent)_build_info"}, instance)',
      refId: 'instance',
    },
    definition: 'label_values({__name__=~"metricstream_(collector|forward|agent)_build_info"}, instance)',
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'], selected: true },
    hide: 0,
  },
];

export function pipelineDashboard(): DashboardSpec {
  return {
    uid: 'metricstream-pipeline',
    title: 'MetricStream: pipeline',
    description: 'MetricStream itself, from its own /metrics: what is taken, kept, stored, and what is not.',
    datasourceType: 'prometheus',
    variables,
    rows: pipelineRows(),
    from: 'now-1h',
    refresh: '30s',
  };
}
