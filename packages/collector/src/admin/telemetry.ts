/**
 * Every metric the collector exposes, in one table. Owns their names and help; the figures are read from the threads'
 * counters when a scrape comes.
 */
import type { Counters } from '@metricstream/shared/counters.ts';
import type { CounterMetric, GaugeMetric, Metrics } from '@metricstream/shared/metrics.ts';
import { createMetrics } from '@metricstream/shared/metrics.ts';
import { REASONS } from '../http/reasons.ts';
import { REFUSED_REASONS, REJECTED_REASONS } from '../ingest/counters.ts';
import { registerFigures, SINK_FIGURES } from '../sinks/figures.ts';
import type { CollectorStatus, StatusParts } from './status.ts';
import { collectorStatus, ingestTotal } from './status.ts';

type Total = (name: string) => number;

export function createCollectorMetrics(parts: StatusParts, version: string): Metrics {
  const metrics = createMetrics({ part: 'collector', version });
  const total: Total = (name) => ingestTotal(parts, name);
  const fills = [
    ingestFill(metrics),
    doorFill(metrics),
    journalFill(metrics, parts.journal.counters),
    sinkFill(metrics),
  ];
  const fillFigures = registerFigures(metrics, SINK_FIGURES);
  metrics.onCollect(() => {
    const status = collectorStatus(parts);
    for (const fill of fills) fill(status, total);
    fillFigures(parts.sinks.flatMap((sink) => sink.figures()));
  });
  return metrics;
}

type Fill = (status: CollectorStatus, total: Total) => void;

function ingestFill(metrics: Metrics): Fill {
  const accepted = metrics.counter({ name: 'batches_accepted_total', help: 'Batches answered 2xx, first time seen.' });
  const duplicates = metrics.counter({
    name: 'batches_duplicate_total',
    help: 'Batches answered 2xx that were known.',
  });
  const points = metrics.counter({ name: 'points_accepted_total', help: 'Points of accepted batches.' });
  const lines = metrics.counter({
    name: 'lines_total',
    help: 'Lines of requests to /v1/jsonl that were answered 200 or 422, by what became of them.',
    labels: ['verdict'],
  });
  const bytes = metrics.counter({ name: 'body_bytes_total', help: 'Bytes of bodies that were taken, as sent.' });
  const refused = metrics.counter({
    name: 'requests_refused_total',
    help: 'Requests answered 429 or 503: the client sends the same again.',
    labels: ['reason'],
  });
  const rejected = metrics.counter({
    name: 'requests_rejected_total',
    help: 'Requests answered with another 4xx or 5xx, or closed: never the same again.',
    labels: ['reason'],
  });
  const connections = metrics.gauge({ name: 'connections', help: 'Open connections.' });
  const ringUsed = metrics.gauge({ name: 'ring_used_bytes', help: 'Bytes in the ingest rings, all workers.' });
  const latency = metrics.counter({
    name: 'request_duration_seconds_total',
    help: 'Time from body to answer, summed.',
  });
  const respawned = metrics.counter({
    name: 'workers_respawned_total',
    help: 'Ingest workers replaced after a fault.',
  });
  const lost = metrics.counter({ name: 'points_lost_total', help: 'Points acknowledged from memory and then lost.' });
  return (status, total) => {
    lost.setTotal(total('lostPoints'));
    accepted.setTotal(status.batches.accepted);
    duplicates.setTotal(status.points.duplicate_batches);
    points.setTotal(status.points.received);
    lines.setTotal(total('linesAccepted'), { verdict: 'accepted' });
    lines.setTotal(total('linesRejected'), { verdict: 'rejected' });
    bytes.setTotal(total('bytes'));
    setByReason(refused, 'refused_', REFUSED_REASONS, total);
    setByReason(rejected, 'rejected_', REJECTED_REASONS, total);
    setByReason(rejected, 'http_', REASONS, total);
    connections.set(status.connections);
    ringUsed.set(total('ringUsedBytes'));
    latency.setTotal(total('latencySumS'));
    respawned.setTotal(status.workers.respawned);
  };
}

function doorFill(metrics: Metrics): Fill {
  const tokens = metrics.gauge({ name: 'tokens', help: 'Tokens of the file in force, expired ones too.' });
  const expiring = metrics.gauge({
    name: 'tokens_expiring',
    help: 'Those of them that expire within 7 days, or have.',
  });
  const broken = metrics.gauge({
    name: 'tokens_file_broken',
    help: '1 while the tokens file cannot be used and the one before it is in force.',
  });
  const expires = metrics.gauge({
    name: 'tls_certificate_expiry_unix_seconds',
    help: 'When the certificate of the ingest port ends; 0 without TLS.',
  });
  return ({ front_door: door }) => {
    expires.set(door.certificate_expires === undefined ? 0 : Date.parse(door.certificate_expires) / 1000);
    tokens.set(door.tokens);
    expiring.set(door.tokens_expiring);
    broken.set(door.tokens_file_broken ? 1 : 0);
  };
}

function setByReason(metric: CounterMetric, prefix: string, reasons: readonly string[], total: Total): void {
  for (const reason of reasons) metric.setTotal(total(prefix + reason), { reason });
}

function journalFill(metrics: Metrics, counters: Counters<string>): Fill {
  const totals: [CounterMetric, string][] = [
    ['journal_records_total', 'Batches made durable by this process.', 'records'],
    ['journal_points_total', 'Their points.', 'points'],
    ['journal_written_bytes_total', 'Bytes written and synced.', 'bytes'],
    ['journal_groups_total', 'Group commits: one write and one sync each.', 'groups'],
    ['journal_failed_groups_total', 'Group commits whose write or sync failed.', 'failedGroups'],
    ['journal_conflicts_total', 'Known triples that came with other bytes.', 'conflicts'],
    ['journal_sync_seconds_total', 'Time spent in write and sync.', 'syncSeconds'],
    [
      'journal_forced_total',
      'Times a sink that is not required was passed over at journal.max_bytes.',
      'forcedSegments',
    ],
    ['clone_alarms_total', 'Times a client_id was found to be used by two agents at once.', 'cloneAlarms'],
  ].map(([name, help, key]) => [metrics.counter({ name: name as string, help: help as string }), key as string]);
  const bytes = metrics.gauge({
    name: 'journal_bytes',
    help: 'Bytes between the oldest and the newest position kept.',
  });
  const damaged = metrics.gauge({
    name: 'journal_damaged_bytes',
    help: 'Bytes set aside as damaged at the last start.',
  });
  const clients = metrics.gauge({ name: 'ledger_clients', help: 'Clients whose triples are remembered.' });
  const cloned = metrics.gauge({ name: 'clients_cloned', help: 'Client_ids that two agents use at once.' });
  return (status) => {
    for (const [metric, key] of totals) metric.setTotal(counters.get(key));
    bytes.set(status.journal.bytes);
    damaged.set(status.journal.damaged_bytes);
    clients.set(status.clients);
    cloned.set(status.alarms_total);
  };
}

function sinkFill(metrics: Metrics): Fill {
  const labels = ['sink'];
  const stored = metrics.counter({
    name: 'sink_points_stored_total',
    help: 'Points stored, earlier runs included.',
    labels,
  });
  const dead = metrics.counter({ name: 'sink_points_dead_total', help: 'Points kept as dead letters.', labels });
  const lost = metrics.counter({
    name: 'sink_points_dead_lost_total',
    help: 'Points of dead letters that are gone because their directory was full.',
    labels,
  });
  const dropped = metrics.counter({ name: 'sink_points_dropped_total', help: 'Points passed over, counted.', labels });
  const retries = metrics.counter({ name: 'sink_retries_total', help: 'Writes that were tried again.', labels });
  const lag: [GaugeMetric, 'lag_points' | 'lag_bytes'][] = [
    [metrics.gauge({ name: 'sink_lag_points', help: 'Durable points not stored yet.', labels }), 'lag_points'],
    [metrics.gauge({ name: 'sink_lag_bytes', help: 'Journal bytes not passed yet.', labels }), 'lag_bytes'],
  ];
  return (status) => {
    for (const [sink, figures] of Object.entries(status.sinks)) {
      stored.setTotal(figures.points_stored, { sink });
      dead.setTotal(figures.points_dead, { sink });
      lost.setTotal(figures.points_dead_lost, { sink });
      dropped.setTotal(figures.points_dropped, { sink });
      retries.setTotal(figures.retries, { sink });
      for (const [gauge, key] of lag) gauge.set(figures[key], { sink });
    }
  };
}
