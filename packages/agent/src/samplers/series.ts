/**
 * Series objects, made once per label set and reused sweep after sweep. Owns the cache and its bound: however often
 * interfaces and devices come and go, it holds at most `LABEL_SETS_MAX` label sets per sampler.
 */
import type { Series } from '@metricstream/proto/batch.ts';
import { METRICS, type FieldName, type Measurement, type MetricDefinition } from './metrics.ts';

/** Label sets one sampler may fill in one sweep, and keep. Hosts with more interfaces than this exist only by mistake. */
export const LABEL_SETS_MAX = 1024;
/** Longer label values (mount paths) are cut, so that no path can make a batch too large. */
export const LABEL_VALUE_CHARS_MAX = 256;

/** The series of one label set, by field. */
export type SeriesSet<M extends Measurement> = Readonly<Record<FieldName<M>, Series>>;

/** Gives the series of a measurement for one label set; values in the order of the table's (sorted) label keys. */
export type SeriesOf<M extends Measurement> = (...labelValues: string[]) => SeriesSet<M>;

/** @returns a cache over one measurement's series; the oldest label set makes room for a new one. */
export function createSeriesOf<M extends Measurement>(measurement: M): SeriesOf<M> {
  const known = new Map<string, SeriesSet<M>>();
  return (...labelValues) => {
    const key = labelValues.length === 1 ? (labelValues[0] as string) : labelValues.join('\0');
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= LABEL_SETS_MAX) known.delete(known.keys().next().value as string);
    const made = makeSeries(measurement, labelValues);
    known.set(key, made);
    return made;
  };
}

function makeSeries<M extends Measurement>(measurement: M, labelValues: readonly string[]): SeriesSet<M> {
  const keys: readonly string[] = METRICS[measurement].labels;
  const labels = keys.map((key, index) => [key, cleanLabelValue(labelValues[index] ?? '')] as const);
  const fields: Readonly<Record<string, MetricDefinition>> = METRICS[measurement].fields;
  const set: Record<string, Series> = {};
  for (const [field, { unit, kind }] of Object.entries(fields)) {
    set[field] = { name: `${measurement}.${field}`, unit, kind, labels };
  }
  return set as SeriesSet<M>;
}

/** @returns the value without control characters and no longer than a label value may be. */
export function cleanLabelValue(value: string): string {
  return value.slice(0, LABEL_VALUE_CHARS_MAX).replaceAll(/\p{Cc}/gu, '?');
}
