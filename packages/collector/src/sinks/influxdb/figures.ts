/** What the InfluxDB sink counts beside what every sink counts: names, kinds, help. Owns the table and the totals' form. */

export const INFLUXDB_FIGURES = {
  influxdb_writes_total: {
    kind: 'counter',
    help: 'Write requests to InfluxDB by what became of them: stored, refused (lines in it), too_large, retry, halt.',
    labels: ['outcome'],
  },
  influxdb_lines_written_total: { kind: 'counter', help: 'Lines in write requests that were answered with 204.' },
  influxdb_bytes_written_total: {
    kind: 'counter',
    help: 'Bytes of line protocol, before compression, in write requests that were answered with 204.',
  },
  influxdb_write_seconds_total: { kind: 'counter', help: 'Time that write requests took, whatever became of them.' },
  influxdb_write_max_seconds: { kind: 'gauge', help: 'The longest write request of the last one to two minutes.' },
  influxdb_points_beyond_retention_total: {
    kind: 'counter',
    help: 'Points that were older than InfluxDB keeps, in deliveries that were stored.',
  },
  influxdb_points_refused_total: {
    kind: 'counter',
    help: 'Points that InfluxDB will never take, in deliveries that were stored; they are dead letters.',
  },
  influxdb_conflicts: {
    kind: 'gauge',
    help: 'Fields remembered because InfluxDB holds them with another type; their points are dead letters.',
  },
  influxdb_means_recomputed_total: {
    kind: 'counter',
    help: 'Minutes of hosts whose means were computed again after late points.',
  },
  influxdb_rollup_seconds_total: { kind: 'counter', help: 'Time that computing means again took.' },
  influxdb_rollup_failures_total: {
    kind: 'counter',
    help: 'Failed computations of means, by why: retry (come again), setup (nowhere to write to), timeout (left out).',
    labels: ['why'],
  },
} as const satisfies Record<string, { kind: 'counter' | 'gauge'; help: string; labels?: readonly string[] }>;

export type InfluxdbFigureName = keyof typeof INFLUXDB_FIGURES;

export interface InfluxdbFigure {
  name: InfluxdbFigureName;
  value: number;
  labels?: Readonly<Record<string, string>>;
}

export const WRITE_OUTCOMES = ['stored', 'refused', 'too_large', 'retry', 'halt'] as const;
const ROLLUP_FAILURES = ['retry', 'setup', 'timeout'] as const;
type RollupFailure = (typeof ROLLUP_FAILURES)[number];
export type WriteOutcome = (typeof WRITE_OUTCOMES)[number];

/** Half of how long a maximum is shown. */
const WINDOW_MS = 60_000;

export interface SinkStats {
  lines: number;
  bytes: number;
  pointsAged: number;
  pointsRefused: number;
  lateMinutes: number;
  rollupMs: number;
  rollupFailures: Record<RollupFailure, number>;
  /** A write request has ended. */
  wrote(outcome: WriteOutcome, tookMs: number): void;
  figures(conflicts: number): InfluxdbFigure[];
}

export function createSinkStats(monotonicMs: () => number): SinkStats {
  const writes = Object.fromEntries(WRITE_OUTCOMES.map((outcome) => [outcome, 0])) as Record<WriteOutcome, number>;
  let writeMs = 0;
  let windowEndMs = 0;
  let [maxMs, maxBeforeMs] = [0, 0];

  function turnWindow(): void {
    const nowMs = monotonicMs();
    if (nowMs < windowEndMs) return;
    maxBeforeMs = nowMs < windowEndMs + WINDOW_MS ? maxMs : 0;
    maxMs = 0;
    windowEndMs = nowMs + WINDOW_MS;
  }

  const stats: SinkStats = {
    lines: 0,
    bytes: 0,
    pointsAged: 0,
    pointsRefused: 0,
    lateMinutes: 0,
    rollupMs: 0,
    rollupFailures: { retry: 0, setup: 0, timeout: 0 },
    wrote(outcome, tookMs) {
      turnWindow();
      writes[outcome]++;
      writeMs += tookMs;
      maxMs = Math.max(maxMs, tookMs);
    },
    figures(conflicts) {
      turnWindow();
      return [
        ...WRITE_OUTCOMES.map((outcome) => ({
          name: 'influxdb_writes_total' as const,
          value: writes[outcome],
          labels: { outcome },
        })),
        { name: 'influxdb_lines_written_total', value: stats.lines },
        { name: 'influxdb_bytes_written_total', value: stats.bytes },
        { name: 'influxdb_write_seconds_total', value: writeMs / 1000 },
        { name: 'influxdb_write_max_seconds', value: Math.max(maxMs, maxBeforeMs) / 1000 },
        { name: 'influxdb_points_beyond_retention_total', value: stats.pointsAged },
        { name: 'influxdb_points_refused_total', value: stats.pointsRefused },
        { name: 'influxdb_conflicts', value: conflicts },
        { name: 'influxdb_means_recomputed_total', value: stats.lateMinutes },
        { name: 'influxdb_rollup_seconds_total', value: stats.rollupMs / 1000 },
        ...ROLLUP_FAILURES.map((why) => ({
          name: 'influxdb_rollup_failures_total' as const,
          value: stats.rollupFailures[why],
          labels: { why },
        })),
      ];
    },
  };
  return stats;
}
