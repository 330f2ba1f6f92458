/**
 * What each alert must and must not fire for, as series over two hours in which something begins after one. Every
 * scenario is an instance (or host) of its own, so that all are judged in one replay.
 */
import { type Samples, startUnixMs } from './replay.ts';

export const scenarioSeconds = 7200;
export const beginS = 3600;

export interface Scenario {
  what: string;
  /** Each with the labels `{…}` of its series, without instance and job. */
  samples: Samples;
  /** The alerts that fire, and how long after the beginning at the earliest and the latest. */
  fires?: Record<string, [earliestS: number, latestS: number]>;
}

type Values = (second: number) => number | undefined;

/** A counter that grows by `before` a second, and from the beginning on by `after`. */
const counter =
  (before: number, after: number): Values =>
  (second) =>
    before * Math.min(second, beginS) + after * Math.max(0, second - beginS);

/** A counter that makes a step at each of these times after the beginning. */
const steps =
  (...at: number[]): Values =>
  (second) =>
    at.filter((one) => second >= beginS + one).length;

/** A gauge: `before`, then `after` for so long, then `before` again. */
const gauge =
  (before: number, after: number, lastingS = Number.POSITIVE_INFINITY): Values =>
  (second) =>
    second >= beginS && second < beginS + lastingS ? after : before;

const both = (part: 'forward' | 'collector', stored: Values, refused: Values): Samples => ({
  [`metricstream_${part}_influxdb_writes_total{outcome="stored"}`]: stored,
  [`metricstream_${part}_influxdb_writes_total{outcome="refused"}`]: refused,
});

export const scenarios: readonly Scenario[] = [
  {
    what: 'a forwarder of whose writes 2 % fail',
    samples: both('forward', counter(10, 9.8), counter(0, 0.2)),
    fires: { InfluxdbWriteErrors: [120, 420] },
  },
  {
    what: 'a collector all of whose writes fail',
    samples: both('collector', counter(10, 0), counter(0, 10)),
    fires: { InfluxdbWriteErrors: [120, 240] },
  },
  { what: 'writes of which 0.5 % fail', samples: both('forward', counter(9.95, 9.95), counter(0.05, 0.05)) },
  { what: 'no writes at all', samples: both('forward', counter(0, 0), counter(0, 0)) },
  {
    what: 'a write of 6 s, shown for two minutes',
    samples: { 'metricstream_forward_influxdb_write_max_seconds{}': gauge(0.01, 6, 120) },
    fires: { InfluxdbWriteSlow: [60, 90] },
  },
  {
    what: 'writes of 5 s',
    samples: { 'metricstream_collector_influxdb_write_max_seconds{}': gauge(0.01, 5) },
  },
  {
    what: 'one computation of means that failed',
    samples: {
      'metricstream_collector_influxdb_rollup_failures_total{why="retry"}': steps(0),
      'metricstream_collector_influxdb_rollup_failures_total{why="setup"}': counter(0, 0),
    },
    fires: { InfluxdbMeansFailing: [0, 30] },
  },
  {
    what: 'one partition of a forwarder 1001 messages behind',
    samples: {
      'metricstream_forward_lag_messages{sink="influxdb",partition="3"}': gauge(0, 1001),
      'metricstream_forward_lag_messages{sink="influxdb",partition="4"}': gauge(0, 5),
    },
    fires: { LagMessages: [60, 90] },
  },
  {
    what: 'a collector 2000 batches behind in a partition, for 20 s at most',
    samples: {
      'metricstream_collector_kafka_lag_records{partition="0"}': gauge(0, 2000),
      'metricstream_collector_kafka_lag_seconds{partition="0"}': gauge(0, 20, 300),
    },
    fires: { LagMessages: [60, 90], LagSeconds: [60, 90] },
  },
  {
    what: 'lags of 1000 messages and 10 s',
    samples: {
      'metricstream_forward_lag_messages{sink="influxdb",partition="3"}': gauge(0, 1000),
      'metricstream_forward_lag_seconds{sink="influxdb",partition="3"}': gauge(0, 10),
    },
  },
  {
    what: 'lags that are gone within half a minute',
    samples: {
      'metricstream_forward_lag_messages{sink="influxdb",partition="3"}': gauge(0, 50_000, 30),
      'metricstream_forward_lag_seconds{sink="influxdb",partition="3"}': gauge(0, 100, 30),
    },
  },
  {
    what: 'a forwarder that moves nothing',
    samples: { 'metricstream_forward_lag_seconds{sink="jsonl",partition="0"}': gauge(0, 11) },
    fires: { LagSeconds: [60, 90] },
  },
  {
    what: 'two rebalances within an hour',
    samples: { 'metricstream_forward_rebalances_total{sink="influxdb"}': steps(0, 3000) },
    fires: { RebalancesFrequent: [3000, 3030] },
  },
  {
    what: 'one rebalance',
    samples: { 'metricstream_forward_rebalances_total{sink="influxdb"}': steps(0) },
  },
  {
    what: 'a forwarder that uses 85 % of a core',
    samples: {
      'process_cpu_seconds_total{}': counter(0.1, 0.85),
      'metricstream_forward_build_info{version="1"}': () => 1,
    },
    fires: { ForwarderCpuHigh: [300 + 240, 300 + 330] },
  },
  {
    what: 'a forwarder that uses 75 % of a core',
    samples: {
      'process_cpu_seconds_total{}': counter(0.1, 0.75),
      'metricstream_forward_build_info{version="1"}': () => 1,
    },
  },
  {
    what: 'a collector that uses 3 cores',
    samples: {
      'process_cpu_seconds_total{}': counter(0.1, 3),
      'metricstream_collector_build_info{version="1"}': () => 1,
    },
  },
  {
    what: 'the first point that a forwarder drops',
    samples: {
      'metricstream_forward_points_dropped_total{sink="influxdb",reason="retention"}': (second) =>
        second < beginS ? undefined : 1,
    },
    fires: { PointsDropped: [0, 30] },
  },
  {
    what: 'a collector whose sink was passed over, long ago and again',
    samples: { 'metricstream_collector_sink_points_dropped_total{sink="kafka"}': (second) => 5000 + steps(0)(second)! },
    fires: { PointsDropped: [0, 30] },
  },
  {
    what: 'a topic that kept less than the lag',
    samples: { 'metricstream_forward_messages_missed_total{sink="influxdb"}': steps(0) },
    fires: { PointsDropped: [0, 30] },
  },
  {
    what: 'points that were dropped long ago',
    samples: {
      'metricstream_collector_sink_points_dropped_total{sink="jsonl"}': () => 77,
      'metricstream_forward_points_dropped_total{sink="jsonl",reason="retention"}': () => 0,
    },
  },
  {
    what: 'a poison message, and no dead points',
    samples: {
      'metricstream_forward_messages_poison_total{sink="influxdb"}': steps(0),
      'metricstream_forward_points_dead_total{sink="influxdb"}': () => 0,
    },
    fires: { DeadLetters: [0, 30] },
  },
  {
    what: 'a dead letter of a collector',
    samples: { 'metricstream_collector_sink_points_dead_total{sink="influxdb"}': steps(0) },
    fires: { DeadLetters: [0, 30] },
  },
  {
    what: 'two hosts with one client_id, for a quarter of an hour',
    samples: { 'metricstream_collector_clients_cloned{}': gauge(0, 1, 900) },
    fires: { ClientCloned: [0, 30] },
  },
  {
    what: 'a tokens file that was broken by hand for ten minutes',
    samples: { 'metricstream_collector_tokens_file_broken{}': gauge(0, 1, 600) },
    fires: { TokensFileBroken: [60, 120] },
  },
  {
    what: 'a tokens file that was away for half a minute',
    samples: { 'metricstream_collector_tokens_file_broken{}': gauge(0, 1, 30) },
  },
  {
    what: 'a token that has a week left, until another takes its place',
    samples: { 'metricstream_collector_tokens_expiring{}': gauge(0, 1, 1800) },
    fires: { TokensExpiring: [0, 30] },
  },
  {
    what: 'a certificate that has 14 days left, until it is renewed',
    samples: {
      'metricstream_collector_tls_certificate_expiry_unix_seconds{}': gauge(
        startUnixMs / 1000 + beginS + 90 * 86_400,
        startUnixMs / 1000 + beginS + 14 * 86_400,
        1800,
      ),
    },
    fires: { CertificateExpiring: [5, 30] },
  },
  {
    what: 'a collector without TLS',
    samples: { 'metricstream_collector_tls_certificate_expiry_unix_seconds{}': () => 0 },
  },
  {
    what: 'an ingest worker that died',
    samples: {
      'metricstream_collector_workers_respawned_total{}': steps(0),
      'metricstream_collector_clients_cloned{}': () => 0,
    },
    fires: { WorkersRespawned: [0, 30] },
  },
  {
    what: 'a forwarder that is gone',
    samples: {
      'up{}': gauge(1, 0),
      'metricstream_forward_build_info{version="1"}': (second) => (second < beginS ? 1 : undefined),
    },
    fires: { ProgramDown: [60, 90] },
  },
  { what: 'another program that is gone', samples: { 'up{}': gauge(1, 0) } },
  {
    what: 'memory above 90 % for six minutes, schema seed',
    samples: { 'server_metrics_value{metric_name="mem.used_percent",datacenter="fra"}': gauge(50, 91, 360 + 120) },
    fires: { HostMemoryHigh: [300, 435] },
  },
  {
    what: 'memory above 90 %, schema telegraf',
    samples: { 'mem_used_percent{datacenter="fra"}': gauge(50, 95) },
    fires: { HostMemoryHigh: [300, 435] },
  },
  {
    what: 'memory above 90 % with a reading below every four minutes',
    samples: {
      'server_metrics_value{metric_name="mem.used_percent"}': (second) =>
        second >= beginS && second % 240 !== 5 ? 99 : 80,
    },
  },
  {
    what: 'memory at 90 %',
    samples: { 'server_metrics_value{metric_name="mem.used_percent"}': gauge(50, 90) },
  },
  {
    what: 'a host that falls silent while its memory is above 90 %',
    samples: {
      'server_metrics_value{metric_name="mem.used_percent"}': (second) =>
        second < beginS ? 50 : second < beginS + 120 ? 99 : undefined,
    },
  },
  {
    what: 'a disk that fills up, and another metric at 99',
    samples: {
      'server_metrics_value{metric_name="disk.used_percent",path="/"}': gauge(80, 90.5),
      'server_metrics_value{metric_name="disk.used_percent",path="/home"}': gauge(80, 80),
      'server_metrics_value{metric_name="cpu.usage_user",cpu="cpu-total"}': () => 99,
    },
    fires: { HostDiskFull: [300, 435] },
  },
  {
    what: 'one query that took longer than 5 s',
    samples: {
      'http_api_request_duration_seconds_count{path="/api/v2/query"}': (second) => second + steps(0)(second)!,
      'http_api_request_duration_seconds_bucket{path="/api/v2/query",le="5"}': (second) => second,
      'http_api_request_duration_seconds_bucket{path="/api/v2/query",le="10"}': (second) => second + steps(0)(second)!,
    },
    fires: { InfluxdbQuerySlow: [0, 30] },
  },
  {
    what: 'the same, with bounds as Prometheus 3 writes them',
    samples: {
      'http_api_request_duration_seconds_count{path="/query"}': (second) => second + steps(0)(second)!,
      'http_api_request_duration_seconds_bucket{path="/query",le="5.0"}': (second) => second,
    },
    fires: { InfluxdbQuerySlow: [0, 30] },
  },
  {
    what: 'queries within 5 s, and a slow write',
    samples: {
      'http_api_request_duration_seconds_count{path="/api/v2/query"}': (second) => second,
      'http_api_request_duration_seconds_bucket{path="/api/v2/query",le="5.0"}': (second) => second,
      'http_api_request_duration_seconds_count{path="/api/v2/write"}': (second) => second,
      'http_api_request_duration_seconds_bucket{path="/api/v2/write",le="5.0"}': () => 0,
    },
  },
];
