import { expect, test } from 'vitest';
import { createForwardMetrics } from '../../src/forward/telemetry.ts';
import { viewOf } from './views.ts';

test('without a running forwarder the names are there', async () => {
  const text = await createForwardMetrics({ branches: [], stopping: () => false }, '1.2.3').text();
  for (const name of [
    'points_stored_total',
    'lag_messages',
    'lag_seconds',
    'rebalances_total',
    'messages_poison_total',
    'writes_total',
    'influxdb_writes_total',
  ])
    expect(text).toContain(`# HELP metricstream_forward_${name} `);
  expect(text).toContain('metricstream_forward_build_info{version="1.2.3"');
});

test('every figure has its place, by sink', async () => {
  let view = viewOf({
    pump: { pointsStored: 10, pointsDead: 2, retries: 3 },
    writes: { stored: 4, rejected: 1, retry: 2, halt: 0 },
    dropped: { retention: 6 },
    source: { messages: 11, bytes: 1200, messagesUncommitted: 5 },
    consumer: { rebalances: 7, restarts: 1, missed: 9, heldBytes: 77 },
    deadLetters: { poison: 8, valuesLeftOut: 1 },
    lag: [{ partition: 2, messages: 30, seconds: 1.5 }],
    figures: [{ name: 'influxdb_conflicts', value: 4 }],
  });
  const metrics = createForwardMetrics({ branches: [{ view: () => view }], stopping: () => false }, '');
  const text = await metrics.text();
  for (const line of [
    'points_stored_total{sink="influxdb"} 10',
    'points_dead_total{sink="influxdb"} 2',
    'points_dropped_total{sink="influxdb",reason="retention"} 6',
    'retries_total{sink="influxdb"} 3',
    'writes_total{sink="influxdb",outcome="retry"} 2',
    'messages_total{sink="influxdb"} 11',
    'message_bytes_total{sink="influxdb"} 1200',
    'messages_uncommitted_total{sink="influxdb"} 5',
    'messages_missed_total{sink="influxdb"} 9',
    'messages_poison_total{sink="influxdb"} 8',
    'rebalances_total{sink="influxdb"} 7',
    'consumer_restarts_total{sink="influxdb"} 1',
    'held_bytes{sink="influxdb"} 77',
    'joined{sink="influxdb"} 1',
    'lag_messages{sink="influxdb",partition="2"} 30',
    'lag_seconds{sink="influxdb",partition="2"} 1.5',
    'influxdb_conflicts 4',
  ])
    expect(text).toContain(`\nmetricstream_forward_${line}\n`);
  expect(text).toContain('metricstream_forward_collect_errors_total 0');

  view = viewOf({ lag: [{ partition: 5, messages: 1, seconds: 0 }] });
  const later = await metrics.text();
  expect(later).not.toContain('partition="2"');
  expect(later).toContain('lag_messages{sink="influxdb",partition="5"} 1');
});
