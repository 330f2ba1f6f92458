/**
 * What a point of the files is called in InfluxDB, by the names the sink gives it (sinks/influxdb/identity.ts). Pure;
 * promises that two points have the same key exactly when InfluxDB keeps them in the same series and field.
 */
import {
  METRIC_NAME,
  resourceTags,
  SEED_MEASUREMENT,
  SEED_VALUE,
  seriesTags,
  type Tag,
  tagValue,
  telegrafField,
} from '../sinks/influxdb/identity.ts';
import type { FileSeries } from '../sinks/jsonl/read-line.ts';

/** How a schema names points; `both` is the two of them. */
export type Naming = 'seed' | 'telegraf';

export interface InfluxSeries {
  readonly measurement: string;
  readonly field: string;
  /** Sorted by key. */
  readonly tags: readonly Tag[];
}

export function influxSeriesOf({ clientId, name, resource, labels }: FileSeries, naming: Naming): InfluxSeries {
  const shared = resourceTags(clientId, resource);
  if (naming === 'seed')
    return { measurement: SEED_MEASUREMENT, field: SEED_VALUE, tags: seriesTags(shared, labels, name) };
  const { measurement, field } = telegrafField(name);
  return { measurement: storedMeasurement(measurement), field, tags: seriesTags(shared, labels, undefined) };
}

/** InfluxDB keeps the backslash that line protocol needs before a `#`. */
function storedMeasurement(text: string): string {
  const stored = tagValue(text);
  return stored.startsWith('#') ? `\\${stored}` : stored;
}

export function keyOf({ measurement, field, tags }: InfluxSeries): string {
  return JSON.stringify([measurement, field, tags]);
}

/** @returns the tags of a query's answer, where a tag that a series lacks is ''. */
export function tagsOf(answer: Readonly<Record<string, string>> | undefined): Tag[] {
  return Object.entries(answer ?? {})
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** For people: `cpu.usage_user{cpu=cpu0} host=web-1 datacenter=fra`. */
export function seriesText({ measurement, field, tags }: InfluxSeries): string {
  const named = new Map(tags);
  const name = measurement === SEED_MEASUREMENT ? named.get(METRIC_NAME) : undefined;
  const resource = ['host', 'datacenter'].filter((key) => named.has(key)).map((key) => `${key}=${named.get(key)}`);
  const labels = tags.filter(([key]) => !['host', 'datacenter', METRIC_NAME].includes(key));
  const braces = labels.length === 0 ? '' : `{${labels.map(([key, value]) => `${key}=${value}`).join(',')}}`;
  return `${name ?? `${measurement}.${field}`}${braces} ${resource.join(' ')}`.trim();
}
