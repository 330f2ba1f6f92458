import { expect, test } from 'vitest';
import { partitionFor } from '../../../src/sinks/kafka/murmur2.ts';
import type { RoutingEntry } from '../../../src/sinks/kafka/routing.ts';
import {
  entryAt,
  groupMetrics,
  parseTable,
  partitionsNeeded,
  prunedTable,
  withEntry,
} from '../../../src/sinks/kafka/routing.ts';

const entry = (from: number, more: Partial<RoutingEntry> = {}): RoutingEntry => ({
  from,
  partitions: 12,
  answer: 'off',
  hot: [],
  ...more,
});
const TABLE = [entry(0), entry(100, { partitions: 24 }), entry(200, { partitions: 6, answer: 'dedicated_partition' })];

test('an entry is valid from its position to the next one’s', () => {
  expect([0, 99, 100, 199, 200, 9999].map((position) => entryAt(TABLE, position).partitions)).toEqual([
    12, 12, 24, 24, 6, 6,
  ]);
  expect(partitionsNeeded(TABLE)).toBe(24);
  expect(partitionsNeeded([entry(0, { answer: 'dedicated_partition' })])).toBe(13);
});

test('an entry goes when all partitions have passed the beginning of the next, and not before', () => {
  expect(prunedTable(TABLE, 99)).toEqual(TABLE);
  expect(prunedTable(TABLE, 100)).toEqual(TABLE.slice(1));
  expect(prunedTable(TABLE, 5000)).toEqual(TABLE.slice(2));
});

test('a new entry replaces one that was valid for no record', () => {
  const hot = entry(200, { hot: ['a'], answer: 'split_by_metric' });
  expect(withEntry(TABLE, hot)).toEqual([...TABLE.slice(0, 2), hot]);
  expect(withEntry(TABLE, entry(300))).toHaveLength(4);
});

test('a saved table is taken as it was, and anything else is none', () => {
  expect(parseTable(JSON.parse(JSON.stringify(TABLE)))).toEqual(TABLE);
  for (const wrong of [
    undefined,
    [],
    {},
    [TABLE[1], TABLE[0]],
    [entry(-1)],
    [entry(0, { partitions: 0 })],
    [{ ...entry(0), answer: 'x' }],
    [{ ...entry(0), hot: [1] }],
  ])
    expect(parseTable(wrong)).toBeUndefined();
});

test('metrics are grouped by the partition of client_id:metric; each is in one group, whose key hashes there', () => {
  const metrics = Array.from({ length: 60 }, (_, index) => `metric.${index}`);
  const groups = groupMetrics('web-1', metrics, 12);
  expect(groups.length).toBeLessThanOrEqual(12);
  expect(groups.flatMap((group) => [...group.metrics]).sort()).toEqual(metrics.toSorted());
  for (const { partition, key, metrics: own } of groups) {
    expect(partitionFor(key, 12)).toBe(partition);
    for (const metric of own) expect(partitionFor(`web-1:${metric}`, 12)).toBe(partition);
  }
});
