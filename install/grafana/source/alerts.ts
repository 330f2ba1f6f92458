/**
 * Alert rules that Grafana evaluates over the schema `seed`: memory and disks of hosts. Owns their queries and what they
 * say; what MetricStream says of itself is alerted on by Prometheus rules. A rule asks (A), reduces each series to its
 * lowest or highest value (B) and how many minutes there are (C), and fires where the condition (D) is not 0.
 *
 * Some versions of Grafana replace `$NAME` in annotations by the environment's: so these have `.Labels`, not `$labels`.
 */
import type { Language } from './questions.ts';

type Json = Record<string, unknown>;

const UIDS = { influxql: 'metricstream-influxql', flux: 'metricstream-flux' } as const;
const RANGE_S = 300;

interface RuleSpec {
  uid: string;
  title: string;
  metric: string;
  /** Tags that make an alert of its own. */
  by: readonly string[];
  /** How the values of a minute are put together, and the minutes. */
  lowest: 'min' | 'max';
  condition: string;
  forText: string;
  summary: string;
  description: string;
}

const RULES: readonly RuleSpec[] = [
  {
    uid: 'metricstream-memory',
    title: 'Memory over 90 % for 5 minutes',
    metric: 'mem.used_percent',
    by: ['host'],
    lowest: 'min',
    // As in the shipped query: not one sample of 90 or less, and five minutes that have samples.
    condition: '$B > 90 && $C >= 5',
    forText: '0s',
    summary: 'Memory of {{ .Labels.host }} is over 90 %',
    description: 'It was never at or below 90 % in the last 5 minutes, at least {{ printf "%.1f" .Values.B.Value }} %.',
  },
  {
    uid: 'metricstream-disk',
    title: 'Disk over 90 %',
    metric: 'disk.used_percent',
    by: ['host', 'path'],
    lowest: 'max',
    condition: '$B > 90',
    forText: '5m',
    summary: '{{ .Labels.path }} of {{ .Labels.host }} is over 90 % full',
    description:
      '{{ printf "%.1f" .Values.B.Value }} %. On the host of InfluxDB or Kafka it is urgent: neither stores anything on a full disk.',
  },
];

function question({ metric, by, lowest }: RuleSpec, language: Language): string {
  if (language === 'influxql')
    return (
      `SELECT ${lowest}("value") FROM "7_days"."server_metrics" WHERE "metric_name" = '${metric}' AND $timeFilter` +
      ` GROUP BY ${['time(1m)', ...by.map((tag) => `"${tag}"`)].join(', ')} fill(none)`
    );
  return [
    // The bucket of the data source.
    'from(bucket: v.defaultBucket)',
    '    |> range(start: v.timeRangeStart, stop: v.timeRangeStop)',
    `    |> filter(fn: (r) => r._measurement == "server_metrics" and r._field == "value" and r.metric_name == "${metric}")`,
    `    |> group(columns: [${by.map((tag) => `"${tag}"`).join(', ')}])`,
    `    |> aggregateWindow(every: 1m, fn: ${lowest}, createEmpty: false, timeSrc: "_start")`,
  ].join('\n');
}

function ruleJson(spec: RuleSpec, language: Language): Json {
  const range = { from: RANGE_S, to: 0 };
  const fields =
    language === 'influxql'
      ? { rawQuery: true, resultFormat: 'time_series', query: question(spec, language) }
      : { query: question(spec, language) };
  const expression = (refId: string, model: Json): Json => ({
    refId,
    relativeTimeRange: { from: 0, to: 0 },
    datasourceUid: '__expr__',
    model: { refId, datasource: { type: '__expr__', uid: '__expr__' }, ...model },
  });
  return {
    uid: `${spec.uid}-${language}`,
    title: spec.title,
    condition: 'D',
    data: [
      {
        refId: 'A',
        relativeTimeRange: range,
        datasourceUid: UIDS[language],
        model: { refId: 'A', intervalMs: 60_000, maxDataPoints: 1000, ...fields },
      },
      expression('B', { type: 'reduce', expression: 'A', reducer: spec.lowest }),
      expression('C', { type: 'reduce', expression: 'A', reducer: 'count' }),
      expression('D', { type: 'math', expression: spec.condition }),
    ],
    // Hosts that are silent are no memory alert; the server that does not answer is one.
    noDataState: 'OK',
    execErrState: 'Error',
    for: spec.forText,
    annotations: { summary: spec.summary, description: spec.description },
    labels: { severity: 'warning' },
    isPaused: false,
  };
}

/** @returns what stands in a file of Grafana's directory provisioning/alerting. */
export function alertRules(language: Language): Json {
  return {
    apiVersion: 1,
    groups: [
      {
        orgId: 1,
        name: 'metricstream',
        folder: 'MetricStream',
        interval: '1m',
        rules: RULES.map((rule) => ruleJson(rule, language)),
      },
    ],
  };
}
