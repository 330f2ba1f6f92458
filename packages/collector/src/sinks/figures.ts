/**
 * What single kinds of sinks count beside what every sink counts. Owns the form of such figures and the one table of all of
 * them, from which /metrics and docs/METRICS.md are made.
 */
import type { Metrics } from '@metricstream/shared/metrics.ts';
import { INFLUXDB_FIGURES } from './influxdb/figures.ts';
import { KAFKA_FIGURES } from './kafka/figures.ts';

export interface FigureSpec {
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Figure {
  name: string;
  value: number;
  labels?: Readonly<Record<string, string>>;
}

/**
 * Registers every figure of a table and returns what fills them in before a scrape. Label sets that a gauge no longer has
 * are forgotten with each filling.
 */
export function registerFigures(
  metrics: Metrics,
  table: Readonly<Record<string, FigureSpec>>,
): (figures: readonly Figure[]) => void {
  const counters = new Map<string, ReturnType<Metrics['counter']>>();
  const gauges = new Map<string, ReturnType<Metrics['gauge']>>();
  for (const [name, { kind, help, labels }] of Object.entries(table)) {
    if (kind === 'counter') counters.set(name, metrics.counter({ name, help, labels }));
    else gauges.set(name, metrics.gauge({ name, help, labels }));
  }
  return (figures) => {
    for (const gauge of gauges.values()) gauge.clear();
    for (const { name, value, labels } of figures) {
      counters.get(name)?.setTotal(value, labels);
      gauges.get(name)?.set(value, labels);
    }
  };
}

export const SINK_FIGURES: Readonly<Record<string, FigureSpec>> = { ...KAFKA_FIGURES, ...INFLUXDB_FIGURES };
