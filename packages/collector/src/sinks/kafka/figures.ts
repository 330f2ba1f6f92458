/** What the Kafka sink counts beside what every sink counts: names, kinds, help. Owns the table and how it is filled in. */
import type { Figure } from '../figures.ts';
import { type Homes, relativeDeviation } from './homes.ts';
import type { Lane } from './lane.ts';
import type { LaneCounts } from './lane-sink.ts';

export const KAFKA_FIGURES = {
  kafka_messages_total: {
    kind: 'counter',
    help: 'Messages that a broker has confirmed, by partition.',
    labels: ['partition'],
  },
  kafka_bytes_total: {
    kind: 'counter',
    help: 'Bytes of confirmed messages before compression, by partition.',
    labels: ['partition'],
  },
  kafka_lag_records: {
    kind: 'gauge',
    help: 'Batches in the journal that the partition does not have yet.',
    labels: ['partition'],
  },
  kafka_lag_seconds: {
    kind: 'gauge',
    help: 'Time since the oldest batch that the partition does not have yet was received.',
    labels: ['partition'],
  },
  kafka_clients: {
    kind: 'gauge',
    help: 'Clients of the last 10 to 20 minutes whose batches go to the partition by client_id. Hot ones go elsewhere.',
    labels: ['partition'],
  },
  kafka_clients_relative_deviation_ratio: {
    kind: 'gauge',
    help: 'Standard deviation of clients per partition over their mean.',
  },
  kafka_hot_clients: {
    kind: 'gauge',
    help: 'Clients whose share of all bytes is at or above the threshold, whatever is done about them.',
  },
  kafka_lanes_behind: {
    kind: 'gauge',
    help: 'Partitions that are served from older parts of the journal because they were slow.',
  },
  kafka_sends_total: {
    kind: 'counter',
    help: 'Produce requests by what became of them: stored, failed.',
    labels: ['outcome'],
  },
  kafka_send_seconds_total: {
    kind: 'counter',
    help: 'Time from handing a produce request to the client to its outcome, outages included.',
  },
} as const satisfies Record<string, { kind: 'counter' | 'gauge'; help: string; labels?: readonly string[] }>;

export interface KafkaFigureSources {
  lanes: readonly { lane: Lane; counts: LaneCounts }[];
  /** How far the journal has been read. */
  front: { position: number };
  homes: Homes;
  hotClients: number;
  nowUnixMs: number;
}

export function kafkaFigures({ lanes, front, homes, hotClients, nowUnixMs }: KafkaFigureSources): Figure[] {
  const figures: Figure[] = [];
  const sum = { stored: 0, failed: 0, produceMs: 0, behind: 0 };
  for (const { lane, counts } of lanes) {
    const labels = { partition: String(lane.partition) };
    const { records, sinceUnixMs } = lane.lag();
    const lagMs = records === 0 || sinceUnixMs === 0 ? 0 : Math.max(0, nowUnixMs - sinceUnixMs);
    figures.push(
      { name: 'kafka_messages_total', value: counts.messages, labels },
      { name: 'kafka_bytes_total', value: counts.bytes, labels },
      { name: 'kafka_lag_records', value: records, labels },
      { name: 'kafka_lag_seconds', value: lagMs / 1000, labels },
    );
    sum.stored += counts.stored;
    sum.failed += counts.failed;
    sum.produceMs += counts.produceMs;
    if (lane.readAt < front.position) sum.behind++;
  }
  for (const [partition, clients] of homes.clients().entries())
    figures.push({ name: 'kafka_clients', value: clients, labels: { partition: String(partition) } });
  figures.push(
    { name: 'kafka_clients_relative_deviation_ratio', value: relativeDeviation(homes.clients()) },
    { name: 'kafka_hot_clients', value: hotClients },
    { name: 'kafka_lanes_behind', value: sum.behind },
    { name: 'kafka_sends_total', value: sum.stored, labels: { outcome: 'stored' } },
    { name: 'kafka_sends_total', value: sum.failed, labels: { outcome: 'failed' } },
    { name: 'kafka_send_seconds_total', value: sum.produceMs / 1000 },
  );
  return figures;
}
