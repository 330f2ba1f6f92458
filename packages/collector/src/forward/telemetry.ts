/**
 * Every metric a forwarder exposes, in one place. Owns their names and help; the figures are read when a scrape comes. The
 * process's own CPU time is among the process metrics.
 */
import type { CounterMetric, GaugeMetric, Metrics } from '@metricstream/shared/metrics.ts';
import { createMetrics } from '@metricstream/shared/metrics.ts';
import { registerFigures } from '../sinks/figures.ts';
import { INFLUXDB_FIGURES } from '../sinks/influxdb/figures.ts';
import type { BranchView, ForwardParts } from './status.ts';

type Fill = (view: BranchView) => void;

export function createForwardMetrics(parts: ForwardParts, version: string): Metrics {
  const metrics = createMetrics({ part: 'forward', version });
  const lag = lagGauges(metrics);
  const fills = [deliveryFill(metrics), writeFill(metrics), groupFill(metrics), lag.fill];
  const fillFigures = registerFigures(metrics, INFLUXDB_FIGURES);
  metrics.onCollect(() => {
    const views = parts.branches.map((branch) => branch.view());
    lag.clear();
    for (const view of views) for (const fill of fills) fill(view);
    fillFigures(views.flatMap(({ figures }) => figures));
  });
  return metrics;
}

function bySink(metrics: Metrics, rows: readonly [name: string, help: string, value: (view: BranchView) => number][]) {
  const counters = rows.map(([name, help, value]): [CounterMetric, (view: BranchView) => number] => [
    metrics.counter({ name, help, labels: ['sink'] }),
    value,
  ]);
  return ((view) => {
    for (const [counter, value] of counters) counter.setTotal(value(view), { sink: view.name });
  }) satisfies Fill;
}

function deliveryFill(metrics: Metrics): Fill {
  const totals = bySink(metrics, [
    ['messages_total', 'Messages read from the topic; what came again counts again.', ({ source }) => source.messages],
    ['message_bytes_total', 'Bytes of their keys and values, and 64 for each message.', ({ source }) => source.bytes],
    [
      'records_stored_total',
      'Batches stored by the sink; what came again counts again.',
      ({ pump }) => pump.recordsStored,
    ],
    ['points_stored_total', 'Points of stored batches.', ({ pump }) => pump.pointsStored],
    [
      'records_dead_total',
      'Batches that the sink rejected, now in the dead-letter topic.',
      ({ pump }) => pump.recordsDead,
    ],
    [
      'points_dead_total',
      'Points that the sink rejected, with their batches or alone; they are in the dead-letter topic.',
      ({ pump }) => pump.pointsDead,
    ],
    [
      'messages_poison_total',
      'Messages that are neither a batch nor JSON, or too large to be read, now in the dead-letter topic.',
      ({ deadLetters }) => deadLetters.poison,
    ],
    [
      'dead_letter_values_left_out_total',
      'Dead letters without their value, because the dead-letter topic takes no message so large.',
      ({ deadLetters }) => deadLetters.valuesLeftOut,
    ],
    [
      'messages_uncommitted_total',
      'Messages stored whose offset was not committed, because their partition was lost: they come again.',
      ({ source }) => source.messagesUncommitted,
    ],
    [
      'messages_missed_total',
      'Messages that were gone before they were read: the topic keeps less than the lag.',
      ({ consumer }) => consumer.missed,
    ],
  ]);
  const dropped = metrics.counter({
    name: 'points_dropped_total',
    help: 'Points that the sink dropped on purpose.',
    labels: ['sink', 'reason'],
  });
  return (view) => {
    totals(view);
    for (const [reason, points] of Object.entries(view.dropped)) dropped.setTotal(points, { sink: view.name, reason });
  };
}

function writeFill(metrics: Metrics): Fill {
  const writes = metrics.counter({
    name: 'writes_total',
    help: 'Writes to the sink by what they came to: stored, rejected (in part or whole), retry, halt.',
    labels: ['sink', 'outcome'],
  });
  const totals = bySink(metrics, [
    ['retries_total', 'Whatever was tried again: writes, dead letters, commits.', ({ pump }) => pump.retries],
  ]);
  return (view) => {
    totals(view);
    for (const [outcome, count] of Object.entries(view.writes)) writes.setTotal(count, { sink: view.name, outcome });
  };
}

function groupFill(metrics: Metrics): Fill {
  const totals = bySink(metrics, [
    ['rebalances_total', 'Times the consumer group was joined anew.', ({ consumer }) => consumer.rebalances],
    [
      'consumer_restarts_total',
      'Times the connection to the brokers was given up and made anew.',
      ({ consumer }) => consumer.restarts,
    ],
  ]);
  const gauges = [
    ['partitions', 'Partitions that are this member’s now.', ({ consumer }: BranchView) => consumer.partitions.length],
    ['held_bytes', 'Bytes of messages fetched and not committed.', ({ consumer }: BranchView) => consumer.heldBytes],
    [
      'joined',
      '1 while it is a member of the consumer group.',
      ({ membership }: BranchView) => Number(membership.joined),
    ],
  ] as const;
  const labels = ['sink'];
  const filled = gauges.map(([name, help, value]): [GaugeMetric, (view: BranchView) => number] => [
    metrics.gauge({ name, help, labels }),
    value,
  ]);
  return (view) => {
    totals(view);
    for (const [gauge, value] of filled) gauge.set(value(view), { sink: view.name });
  };
}

/** Partitions go to other members: their gauges with them. */
function lagGauges(metrics: Metrics): { clear(): void; fill: Fill } {
  const labels = ['sink', 'partition'];
  const messages = metrics.gauge({
    name: 'lag_messages',
    help: 'Messages of the partition not committed yet.',
    labels,
  });
  const seconds = metrics.gauge({
    name: 'lag_seconds',
    help: 'How long ago the next message to store was written; 0 when there is none.',
    labels,
  });
  return {
    clear() {
      messages.clear();
      seconds.clear();
    },
    fill({ name: sink, lag }) {
      for (const { partition, ...behind } of lag) {
        messages.set(behind.messages, { sink, partition });
        seconds.set(behind.seconds, { sink, partition });
      }
    },
  };
}
