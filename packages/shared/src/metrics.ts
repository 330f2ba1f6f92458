/**
 * Our own telemetry, in Prometheus' text format. Owns one registry per call (never the library's global one) and
 * promises that every name is `metricstream_<part>_<noun>_<unit>[_total]` in base units, that no label is unbounded
 * (client_id is a log field), and that a scrape reads shared-memory tables when it comes, not before.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { MetricStreamError } from './errors.ts';

export type Labels = Readonly<Record<string, string | number>>;

export interface CounterMetric {
  inc(by?: number, labels?: Labels): void;
  /** Sets the running total, for totals that are kept elsewhere (shared memory). A smaller one than before is ignored. */
  setTotal(total: number, labels?: Labels): void;
}

export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
  /** Forgets all label sets, before filling them anew from a table. */
  clear(): void;
}

export interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

/** What a metric is called (the part after `metricstream_<part>_`), said in one sentence, and split by. */
export interface MetricSpec {
  name: string;
  help: string;
  labels?: readonly string[];
}

export interface Metrics {
  counter(spec: MetricSpec): CounterMetric;
  gauge(spec: MetricSpec): GaugeMetric;
  /** @param spec.buckets upper bounds, ascending, in the name's unit. */
  histogram(spec: MetricSpec & { buckets: readonly number[] }): HistogramMetric;
  /** Runs before every exposition. One that throws is counted (`collect_errors_total`) and stops no other. */
  onCollect(fill: () => void | Promise<void>): void;
  /** The exposition; send it with `contentType`. */
  text(): Promise<string>;
  readonly contentType: string;
}

export interface MetricsOptions {
  part: 'agent' | 'collector' | 'forward';
  version: string;
  /** Event loop, heap, GC, CPU and file descriptors of the process, under the library's conventional names. */
  processMetrics?: boolean;
}

/** The event-loop histogram's timer; the library's 10 ms would wake an idle process 100 times a second. */
const EVENT_LOOP_PRECISION_MS = 200;
const NAME = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;
const FOREIGN_UNITS = /_(?:ms|millis|milliseconds|us|ns|minutes|hours|kb|kib|mb|mib|percent)(?:_total)?$/;
const HISTOGRAM_UNITS = /_(?:seconds|bytes|points|records|batches|ratio)$/;

/** @throws MetricStreamError `bug` when a name breaks the convention. */
export function assertMetricName(kind: 'counter' | 'gauge' | 'histogram', name: string): void {
  let why: string | undefined;
  if (!NAME.test(name)) why = 'is not lower_snake_case';
  else if (name.startsWith('metricstream_')) why = 'already has the prefix';
  else if (FOREIGN_UNITS.test(name)) why = 'is not in a base unit (seconds, bytes, ratio)';
  else if ((kind === 'counter') !== name.endsWith('_total')) why = '_total belongs on counters, and only there';
  else if (kind === 'histogram' && !HISTOGRAM_UNITS.test(name)) why = 'does not end in the unit that it spreads over';
  if (why !== undefined) throw new MetricStreamError('bug', `metric name "${name}": ${why}`);
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const fills: (() => void | Promise<void>)[] = [];
  const configure = (kind: 'counter' | 'gauge' | 'histogram', spec: MetricSpec) => {
    assertMetricName(kind, spec.name);
    if (spec.labels?.includes('client_id'))
      throw new MetricStreamError('bug', `metric "${spec.name}": client_id is no label, it has no bound`);
    return {
      name: `metricstream_${options.part}_${spec.name}`,
      help: spec.help,
      labelNames: [...(spec.labels ?? [])],
      registers: [registry],
    };
  };
  const counter = (spec: MetricSpec): CounterMetric => wrapCounter(new Counter<string>(configure('counter', spec)));
  const gauge = (spec: MetricSpec): GaugeMetric => {
    const inner = new Gauge<string>(configure('gauge', spec));
    return { set: (value, labels = {}) => inner.set(labels, value), clear: () => inner.reset() };
  };

  if (options.processMetrics !== false)
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  gauge({ name: 'build_info', help: 'Always 1; what runs, as labels.', labels: ['version', 'node', 'arch'] }).set(1, {
    version: options.version,
    node: process.version,
    arch: process.arch,
  });
  const errors = counter({ name: 'collect_errors_total', help: 'Figures that could not be read for a scrape.' });

  return {
    counter,
    gauge,
    histogram(spec) {
      const inner = new Histogram<string>({ ...configure('histogram', spec), buckets: [...spec.buckets] });
      return { observe: (value, labels = {}) => inner.observe(labels, value) };
    },
    onCollect(fill) {
      fills.push(fill);
    },
    async text() {
      for (const fill of fills) {
        try {
          await fill();
        } catch {
          errors.inc();
        }
      }
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

function wrapCounter(inner: Counter<string>): CounterMetric {
  const totals = new Map<string, number>();
  return {
    inc: (by = 1, labels = {}) => inner.inc(labels, by),
    setTotal(total, labels = {}) {
      const key = JSON.stringify(labels);
      const before = totals.get(key) ?? 0;
      // The first one is written even when it is 0: a counter that is there and 0 says more than one that is missing.
      if (total < before || (total === before && totals.has(key))) return;
      totals.set(key, total);
      inner.inc(labels, total - before);
    },
  };
}
