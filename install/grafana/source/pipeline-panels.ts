/**
 * The panels of MetricStream itself: what collectors, forwarders and agents say at /metrics, asked of Prometheus or what
 * speaks its language. Owns what they show; the names are those of docs/METRICS.md.
 */
import type { PanelSpec, RowSpec, Target } from './panels.ts';

const ON = '{instance=~"$instance"}';
const RATE = '[$__rate_interval]';

function target(expr: string, legend: string): Target {
  return { fields: { expr, legendFormat: legend, range: true, instant: false, editorMode: 'code' } };
}

const collector = (name: string): string => `metricstream_collector_${name}${ON}`;
const forward = (name: string): string => `metricstream_forward_${name}${ON}`;
const agent = (name: string): string => `metricstream_agent_${name}${ON}`;
const rate = (metric: string): string => `rate(${metric}${RATE})`;
const sumBy = (labels: string, expr: string): string => `sum by (${labels}) (${expr})`;
/** Of two counters: how much of the one for each of the other. */
const per = (one: string, other: string): string =>
  `sum by (instance) (${rate(one)}) / sum by (instance) (${rate(other)})`;

const third = { type: 'timeseries', width: 8, min: 0 } as const;

function nowPanels(): PanelSpec[] {
  const stat = { type: 'stat', width: 4 } as const;
  return [
    {
      ...stat,
      title: 'Points taken',
      unit: 'short',
      decimals: 0,
      description: 'Each second.',
      targets: [target(`sum(${rate(collector('points_accepted_total'))})`, 'points')],
    },
    {
      ...stat,
      title: 'Clients',
      unit: 'short',
      decimals: 0,
      targets: [target(`sum(${collector('ledger_clients')})`, 'clients')],
    },
    {
      ...stat,
      title: 'Refused',
      unit: 'reqps',
      decimals: 1,
      description: 'Answered 429 or 503: the client sends the same again.',
      targets: [target(`sum(${rate(collector('requests_refused_total'))})`, 'refused')],
    },
    {
      ...stat,
      title: 'Lag of sinks',
      unit: 'short',
      decimals: 0,
      description: 'Points on disk that the slowest sink does not have yet.',
      targets: [target(`max(${collector('sink_lag_points')})`, 'points')],
    },
    {
      ...stat,
      title: 'Dead letters',
      unit: 'short',
      decimals: 0,
      description: 'Points in the time shown.',
      warnAt: [1, 1000],
      targets: [target(`sum(increase(${collector('sink_points_dead_total')}[$__range]))`, 'points')],
    },
    {
      ...stat,
      title: 'Dropped',
      unit: 'short',
      decimals: 0,
      description: 'Points in the time shown, on purpose, with a reason.',
      warnAt: [1, 1000],
      targets: [target(`sum(increase(${collector('sink_points_dropped_total')}[$__range]))`, 'points')],
    },
  ];
}

function ingestPanels(): PanelSpec[] {
  return [
    {
      ...third,
      title: 'Batches',
      unit: 'reqps',
      targets: [
        target(`sum(${rate(collector('batches_accepted_total'))})`, 'taken'),
        target(`sum(${rate(collector('batches_duplicate_total'))})`, 'known already'),
      ],
    },
    {
      ...third,
      title: 'Turned away, by reason',
      unit: 'reqps',
      description: 'The ten most frequent reasons.',
      targets: [
        target(`topk(5, ${sumBy('reason', rate(collector('requests_refused_total')))})`, 'refused: {{reason}}'),
        target(`topk(5, ${sumBy('reason', rate(collector('requests_rejected_total')))})`, 'rejected: {{reason}}'),
      ],
    },
    {
      ...third,
      title: 'From body to answer, mean',
      unit: 's',
      targets: [
        target(per(collector('request_duration_seconds_total'), collector('batches_accepted_total')), '{{instance}}'),
      ],
    },
  ];
}

function journalPanels(): PanelSpec[] {
  return [
    { ...third, title: 'Journal, kept', unit: 'bytes', targets: [target(collector('journal_bytes'), '{{instance}}')] },
    {
      ...third,
      title: 'Write and sync, mean',
      unit: 's',
      targets: [
        target(per(collector('journal_sync_seconds_total'), collector('journal_groups_total')), '{{instance}}'),
      ],
    },
    {
      ...third,
      title: 'CPU of processes',
      unit: 'percentunit',
      description: '1 is one core.',
      targets: [target(`rate(process_cpu_seconds_total${ON}${RATE})`, '{{instance}}')],
    },
  ];
}

function sinkPanels(): PanelSpec[] {
  return [
    {
      ...third,
      title: 'Points stored',
      unit: 'short',
      description: 'Each second.',
      targets: [target(sumBy('sink', rate(collector('sink_points_stored_total'))), '{{sink}}')],
    },
    {
      ...third,
      title: 'Lag',
      unit: 'short',
      description: 'Points on disk and not stored yet.',
      targets: [target(collector('sink_lag_points'), '{{instance}} {{sink}}')],
    },
    {
      ...third,
      title: 'Writes tried again',
      unit: 'ops',
      targets: [target(sumBy('sink', rate(collector('sink_retries_total'))), '{{sink}}')],
    },
  ];
}

function influxdbPanels(): PanelSpec[] {
  return [
    {
      ...third,
      title: 'Write requests, by outcome',
      unit: 'reqps',
      targets: [target(sumBy('outcome', rate(collector('influxdb_writes_total'))), '{{outcome}}')],
    },
    {
      ...third,
      title: 'Time of a write request',
      unit: 's',
      targets: [
        target(per(collector('influxdb_write_seconds_total'), collector('influxdb_writes_total')), 'mean {{instance}}'),
        target(collector('influxdb_write_max_seconds'), 'longest {{instance}}'),
      ],
    },
    {
      ...third,
      title: 'Not stored, and late',
      unit: 'short',
      description:
        'Each second: points that InfluxDB refuses or keeps no more, minutes whose means were computed again.',
      targets: [
        target(`sum(${rate(collector('influxdb_points_refused_total'))})`, 'points refused'),
        target(`sum(${rate(collector('influxdb_points_beyond_retention_total'))})`, 'points beyond retention'),
        target(`sum(${rate(collector('influxdb_means_recomputed_total'))})`, 'minutes of hosts computed again'),
      ],
    },
  ];
}

function kafkaPanels(): PanelSpec[] {
  return [
    {
      ...third,
      title: 'Messages, by partition',
      unit: 'short',
      description: 'Each second.',
      targets: [target(sumBy('partition', rate(collector('kafka_messages_total'))), '{{partition}}')],
    },
    {
      ...third,
      title: 'Lag, by partition',
      unit: 's',
      targets: [target(`max by (partition) (${collector('kafka_lag_seconds')})`, '{{partition}}')],
    },
    {
      ...third,
      title: 'Clients, by partition',
      unit: 'short',
      targets: [target(`sum by (partition) (${collector('kafka_clients')})`, '{{partition}}')],
    },
  ];
}

function forwardPanels(): PanelSpec[] {
  return [
    {
      ...third,
      title: 'Points forwarded',
      unit: 'short',
      description: 'Each second.',
      targets: [target(sumBy('sink', rate(forward('points_stored_total'))), '{{sink}}')],
    },
    {
      ...third,
      title: 'Messages not committed yet',
      unit: 'short',
      warnAt: [500, 1000],
      targets: [target(`sum by (sink, partition) (${forward('lag_messages')})`, '{{sink}} {{partition}}')],
    },
    {
      ...third,
      title: 'Rebalances',
      unit: 'short',
      description: 'In an hour.',
      targets: [target(`sum by (sink) (increase(${forward('rebalances_total')}[1h]))`, '{{sink}}')],
    },
  ];
}

function agentPanels(): PanelSpec[] {
  return [
    {
      ...third,
      title: 'Points of agents',
      unit: 'short',
      description: 'Each second, of the agents that are scraped.',
      targets: [
        target(`sum(${rate(agent('points_sampled_total'))})`, 'sampled'),
        target(`sum(${rate(agent('points_acked_total'))})`, 'durable at a collector'),
      ],
    },
    {
      ...third,
      title: 'Oldest batch not acknowledged',
      unit: 's',
      targets: [target(`topk(10, ${agent('spool_oldest_seconds')})`, '{{instance}}')],
    },
    {
      ...third,
      title: 'Clock skew',
      unit: 's',
      description: 'The collector’s clock less the host’s.',
      min: undefined,
      targets: [target(`topk(10, abs(${agent('clock_skew_seconds')}))`, '{{instance}}')],
    },
  ];
}

export function pipelineRows(): RowSpec[] {
  return [
    { height: 4, panels: nowPanels() },
    { title: 'Taken', height: 8, panels: ingestPanels() },
    { title: 'Journal and processes', height: 8, panels: journalPanels() },
    { title: 'Sinks', height: 8, panels: sinkPanels() },
    { title: 'InfluxDB', height: 8, panels: influxdbPanels() },
    { title: 'Kafka', height: 8, panels: kafkaPanels() },
    { title: 'Forwarders', height: 8, panels: forwardPanels() },
    { title: 'Agents', height: 8, panels: agentPanels() },
  ];
}
