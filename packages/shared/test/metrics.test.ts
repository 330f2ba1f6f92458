import { describe, expect, test } from 'vitest';
import { assertMetricName, createMetrics } from '../src/metrics.ts';

const create = (processMetrics = false) => createMetrics({ part: 'collector', version: '1.2.3', processMetrics });
const ours = async (metrics: ReturnType<typeof create>): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith('metricstream_'));

describe('names', () => {
  test.each([
    ['counter', 'batches_total'],
    ['counter', 'request_bytes_total'],
    ['gauge', 'journal_bytes'],
    ['gauge', 'connections'],
    ['histogram', 'fsync_duration_seconds'],
  ] as const)('a %s may be called %s', (kind, name) => {
    expect(() => assertMetricName(kind, name)).not.toThrow();
  });

  test.each([
    ['counter', 'batches'],
    ['gauge', 'batches_total'],
    ['counter', 'wait_ms_total'],
    ['histogram', 'fsync_milliseconds'],
    ['histogram', 'fsync_duration'],
    ['gauge', 'disk_used_percent'],
    ['gauge', 'camelCase'],
    ['gauge', 'metricstream_collector_x'],
  ] as const)('a %s may not be called %s', (kind, name) => {
    expect(() => assertMetricName(kind, name)).toThrow(`"${name}"`);
  });

  test('client_id is never a label', () => {
    expect(() => create().gauge({ name: 'x', help: 'x', labels: ['client_id'] })).toThrow('client_id');
  });

  test('a name is given once per process part', () => {
    const metrics = create();
    metrics.gauge({ name: 'connections', help: 'x' });
    expect(() => metrics.gauge({ name: 'connections', help: 'x' })).toThrow('already been registered');
  });
});

test('counters, gauges and histograms come out in the text format, with build_info', async () => {
  const metrics = create();
  const batches = metrics.counter({ name: 'batches_total', help: 'Batches.', labels: ['code'] });
  batches.inc(1, { code: 200 });
  batches.inc(2, { code: 200 });
  metrics.gauge({ name: 'connections', help: 'Open.' }).set(7);
  const seconds = metrics.histogram({ name: 'fsync_duration_seconds', help: 'Syncs.', buckets: [0.001, 0.01] });
  seconds.observe(0.005);
  const lines = await ours(metrics);
  expect(lines).toContain('metricstream_collector_batches_total{code="200"} 3');
  expect(lines).toContain('metricstream_collector_connections 7');
  expect(lines).toContain('metricstream_collector_fsync_duration_seconds_bucket{le="0.01"} 1');
  expect(lines).toContain(
    `metricstream_collector_build_info{version="1.2.3",node="${process.version}",arch="${process.arch}"} 1`,
  );
  expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});

test('a scrape reads tables when it comes: totals are set, gauges refilled, and what left the table is gone', async () => {
  const metrics = create();
  let total = 0;
  let table: Record<string, number> = { jsonl: 5, kafka: 9 };
  const points = metrics.counter({ name: 'points_total', help: 'Points.', labels: ['sink'] });
  const lag = metrics.gauge({ name: 'sink_lag_seconds', help: 'Lag.', labels: ['sink'] });
  metrics.onCollect(() => {
    points.setTotal(total, { sink: 'jsonl' });
    lag.clear();
    for (const [sink, seconds] of Object.entries(table)) lag.set(seconds, { sink });
  });
  expect(await ours(metrics)).toContain('metricstream_collector_points_total{sink="jsonl"} 0');
  total = 2 ** 52;
  table = { jsonl: 6 };
  const lines = await ours(metrics);
  expect(lines).toContain('metricstream_collector_points_total{sink="jsonl"} 4503599627370496');
  expect(lines.filter((line) => line.includes('sink_lag'))).toEqual([
    'metricstream_collector_sink_lag_seconds{sink="jsonl"} 6',
  ]);
  total = 3;
  expect(await ours(metrics)).toContain('metricstream_collector_points_total{sink="jsonl"} 4503599627370496');
});

test('a figure that cannot be read is counted and hides no other', async () => {
  const metrics = create();
  const gauge = metrics.gauge({ name: 'connections', help: 'x' });
  metrics.onCollect(() => Promise.reject(new Error('gone')));
  metrics.onCollect(() => gauge.set(4));
  const lines = await ours(metrics);
  expect(lines).toContain('metricstream_collector_connections 4');
  expect(lines).toContain('metricstream_collector_collect_errors_total 1');
});

test('process metrics have their conventional names', async () => {
  const text = await create(true).text();
  expect(text).toContain('process_cpu_user_seconds_total');
  expect(text).toContain('nodejs_eventloop_lag_seconds');
});
