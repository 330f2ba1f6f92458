import { expect, test } from 'vitest';
import type { FigureSpec } from '../../../src/sinks/figures.ts';
import { KAFKA_FIGURES, kafkaFigures } from '../../../src/sinks/kafka/figures.ts';
import { createHomes } from '../../../src/sinks/kafka/homes.ts';
import { createLane } from '../../../src/sinks/kafka/lane.ts';
import { newLaneCounts } from '../../../src/sinks/kafka/lane-sink.ts';

function filled() {
  const homes = createHomes({ partitions: 2, clientsMax: 10 });
  for (const client of ['a', 'b', 'c', 'd', 'e']) homes.of(client);
  const lanes = [0, 1].map((partition) => {
    const place = { position: 100 * partition, records: 3 * (1 - partition), points: 9 };
    const lane = createLane({ partition, place, bytesMax: 1000 });
    if (partition === 0) lane.unreadSinceUnixMs = 4000;
    return { lane, counts: { ...newLaneCounts(), messages: 7, stored: 2, failed: 1, produceMs: 500 } };
  });
  return kafkaFigures({ lanes, front: { position: 100 }, homes, hotClients: 1, nowUnixMs: 6000 });
}

test('every figure of the table has values, with the labels that the table names, and no other', () => {
  const figures = filled();
  expect(new Set(figures.map(({ name }) => name))).toEqual(new Set(Object.keys(KAFKA_FIGURES)));
  for (const { name, labels = {} } of figures) {
    const spec: FigureSpec = KAFKA_FIGURES[name as keyof typeof KAFKA_FIGURES];
    expect(Object.keys(labels)).toEqual(spec.labels ?? []);
  }
});

test('lag is in batches and in time, per partition; sends are summed', () => {
  const values = new Map(
    filled().map(({ name, labels, value }) => [[name, ...Object.values(labels ?? {})].join(' '), value]),
  );
  expect(values.get('kafka_lag_records 0')).toBe(3);
  expect(values.get('kafka_lag_seconds 0')).toBe(2);
  expect(values.get('kafka_lag_records 1')).toBe(0);
  expect(values.get('kafka_lag_seconds 1')).toBe(0);
  expect(values.get('kafka_lanes_behind')).toBe(1);
  expect(values.get('kafka_sends_total stored')).toBe(4);
  expect(values.get('kafka_sends_total failed')).toBe(2);
  expect(values.get('kafka_send_seconds_total')).toBe(1);
  expect((values.get('kafka_clients 0') ?? 0) + (values.get('kafka_clients 1') ?? 0)).toBe(5);
});
