/** The variables of the dashboards over InfluxDB: data source, which data, data center, host. Owns their queries. */
import type { Variable } from './panels.ts';
import type { Language } from './questions.ts';

export function variables(language: Language, of: 'fleet' | 'host'): Variable[] {
  const datasource = {
    type: 'datasource',
    name: 'datasource',
    label: 'Data source',
    query: 'influxdb',
    // InfluxQL's name has "flux" in it.
    regex: language === 'influxql' ? '/InfluxQL/' : '/\\bFlux\\b/',
    refresh: 1,
    hide: 0,
  };
  const list: Variable[] = [datasource, dataVariable(language)];
  const several = { multi: true, includeAll: true, allValue: '.*' };
  list.push(tagVariable(language, { tag: 'datacenter', label: 'Data center', ...several }));
  if (of === 'host') list.push(tagVariable(language, { tag: 'host', label: 'Host', multi: false, includeAll: false }));
  return list;
}

/** Every sample, or means per minute, which reach further back: where `setup influxdb` puts them by default. */
function dataVariable(language: Language): Variable {
  const { name, points, means } =
    language === 'influxql'
      ? { name: 'policy', points: '7_days', means: '90_days' }
      : { name: 'bucket', points: 'metrics', means: 'metrics_1m' };
  const option = (text: string, value: string, selected: boolean) => ({ text, value, selected });
  return {
    type: 'custom',
    name,
    label: 'Data',
    description: 'Change the values where the configuration of the sink has other names',
    query: `Every sample : ${points},Means per minute : ${means}`,
    current: option('Every sample', points, true),
    options: [option('Every sample', points, true), option('Means per minute', means, false)],
    multi: false,
    includeAll: false,
    hide: 0,
  };
}

interface TagVariable {
  tag: 'datacenter' | 'host';
  label: string;
  multi: boolean;
  includeAll: boolean;
  allValue?: string;
}

function tagVariable(language: Language, { tag, ...shown }: TagVariable): Variable {
  const scope = tag === 'host';
  const influxql =
    `SHOW TAG VALUES FROM "$policy"."server_metrics" WITH KEY = "${tag}"` +
    (scope ? ' WHERE "datacenter" =~ /^${datacenter:regex}$/' : '');
  const where = scope ? ' and r.datacenter =~ /^${datacenter:regex}$/' : '';
  const flux = [
    'import "influxdata/influxdb/schema"',
    '',
    `schema.tagValues(bucket: "\${bucket}", tag: "${tag}", start: v.timeRangeStart, stop: v.timeRangeStop,`,
    `    predicate: (r) => r._measurement == "server_metrics"${where})`,
  ].join('\n');
  const query = language === 'influxql' ? influxql : flux;
  const current = shown.includeAll ? { text: ['All'], value: ['$__all'], selected: true } : {};
  return {
    type: 'query',
    name: tag,
    ...shown,
    datasource: { type: 'influxdb', uid: '${datasource}' },
    query,
    definition: query,
    refresh: 2,
    sort: 7,
    current,
    hide: 0,
  };
}
