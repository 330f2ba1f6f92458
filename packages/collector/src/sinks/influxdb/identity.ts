/**
 * What a point is called in InfluxDB: measurement, field and tags. Pure; owns every decision about names that InfluxDB
 * cannot take as they are, and promises that two different series of a client never become the same one.
 *
 * - Tags: `host` (the client id where the client sends none), `datacenter`, the resource's other tags, the series'
 *   labels, and in the schema `seed` the metric's name as `metric_name`. A label stands above a resource tag of its key.
 * - A label or resource key that means something else there (`host`, `time`, `_field`, …) becomes `label_<key>`, and so
 *   that this takes nobody's place, `label_host` becomes `label_label_host`. A resource's host and datacenter are the tags.
 * - An empty value is no tag. CR and LF, which no tag can hold, become U+FFFD.
 * - A backslash at the end of a value would escape what follows, and no doubling helps: it gets a dot (`C:\` → `C:\.`), and
 *   so that this takes nobody's place, `C:\.` becomes `C:\..`. Backslashes elsewhere stay as they are.
 * - Schema `telegraf`: the name up to its first dot is the measurement, the rest the field. A name without dot is the
 *   measurement of the field `value`; so is, whole, one that has nothing after its first dot, or exactly `value`, or
 *   what InfluxDB keeps for itself (a field `time` is answered with 204 and not stored).
 */
import type { Batch, Series } from '@metricstream/proto/batch.ts';

export type Tag = readonly [key: string, value: string];

/** The measurement of the schema `seed`, with its two fields. */
export const SEED_MEASUREMENT = 'server_metrics';
export const SEED_VALUE = 'value';
export const SEED_UNIT = 'unit';
export const METRIC_NAME = 'metric_name';

/** The schema's own tags and fields, InfluxQL's column, Flux's columns; the same for all schemas. */
const RESERVED =
  /^(?:label_)*(?:host|datacenter|metric_name|time|value|unit|_(?:measurement|field|value|time|start|stop))$/;

/** @returns the tag key that stands for this key of a label, or of a resource where it is not host or datacenter. */
export function tagKey(key: string): string {
  return RESERVED.test(key) ? `label_${key}` : key;
}

/** @returns the value as InfluxDB keeps it. */
export function tagValue(value: string): string {
  const line = value.replaceAll(/[\r\n]/g, '\ufffd');
  return /\\\.*$/.test(line) ? `${line}.` : line;
}

/** The tags that all points of a client share, by key. */
export function resourceTags(clientId: string, resource: Batch['resource']): Map<string, string> {
  const tags = new Map<string, string>([['host', tagValue(clientId)]]);
  for (const [key, value] of resource) {
    if (value === '') continue;
    tags.set(key === 'host' || key === 'datacenter' ? key : tagKey(key), tagValue(value));
  }
  return tags;
}

/**
 * All tags of a series, sorted by key, unescaped: as InfluxDB gives them back.
 * @param metricName for the schema `seed`; undefined for `telegraf`.
 */
export function seriesTags(
  shared: ReadonlyMap<string, string>,
  labels: Series['labels'],
  metricName: string | undefined,
): Tag[] {
  const tags = new Map(shared);
  for (const [key, value] of labels) if (value !== '') tags.set(tagKey(key), tagValue(value));
  if (metricName !== undefined) tags.set(METRIC_NAME, tagValue(metricName));
  return [...tags].sort(byKey);
}

/** Byte order, in which InfluxDB sorts: for keys that are ASCII, as the wire has them, the strings' own. */
function byKey([a]: Tag, [b]: Tag): number {
  return a < b ? -1 : 1;
}

/** No field's name: `value` is that of names without dot. */
const FIELD_RESERVED = /^(?:value|time|_field|_measurement)?$/;

/** Where a metric is in the schema `telegraf`. */
export function telegrafField(name: string): { measurement: string; field: string } {
  const dot = name.indexOf('.');
  const field = name.slice(dot + 1);
  if (dot <= 0 || FIELD_RESERVED.test(field)) return { measurement: name, field: 'value' };
  return { measurement: name.slice(0, dot), field };
}

/** Line protocol's form of a measurement. A `#` in front would make a comment of the line. */
export function escapeMeasurement(text: string): string {
  const escaped = tagValue(text).replaceAll(/[, ]/g, String.raw`\$&`);
  return escaped.startsWith('#') ? `\\${escaped}` : escaped;
}

/** Line protocol's form of a tag's key or value, or of a field's name. */
export function escapeTag(text: string): string {
  return text.replaceAll(/[,= ]/g, String.raw`\$&`);
}

/** Line protocol's form of a string field, quotes included. */
export function quoteString(text: string): string {
  return `"${text.replaceAll(/[\r\n]/g, '\ufffd').replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** @returns `measurement,key=value,…`: what stands before a line's fields. */
export function lineKey(measurement: string, tags: readonly Tag[]): string {
  let key = escapeMeasurement(measurement);
  for (const [name, value] of tags) key += `,${escapeTag(name)}=${escapeTag(value)}`;
  return key;
}
