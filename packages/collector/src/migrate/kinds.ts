/**
 * Whether a field is of whole numbers, which JSONL does not say and the schema `telegraf` needs: InfluxDB refuses a field
 * that comes with another type than it has. Owns the answers of one run; promises one answer a field, that what InfluxDB
 * knows goes before any guess, and that there is no guess where a wrong one would cost the agents' own points later.
 */
import type { SeriesKind } from '@metricstream/proto/batch.ts';
import type { Schema } from '../sinks/influxdb/settings.ts';
import type { Chunk, ChunkSeries } from './chunk.ts';
import { fieldName, type InfluxStore } from './influx-store.ts';
import { influxSeriesOf } from './series-key.ts';

export interface Kinds {
  /** @returns the kinds of a chunk's series; those that nobody can tell are not in it. */
  kindsIn(chunk: Chunk): Map<ChunkSeries, SeriesKind>;
}

/** Units that only ever have one kind. */
const KIND_BY_UNIT: Readonly<Record<string, SeriesKind>> = { percent: 'float', bytes: 'integer', ms: 'integer' };

export async function learnKinds(store: InfluxStore, schema: Schema, signal?: AbortSignal): Promise<Kinds> {
  // The schema `seed` has floats only.
  if (schema === 'seed') return { kindsIn: ({ series }) => new Map(series.map((one) => [one, 'float'])) };
  const known = new Map<string, SeriesKind>();
  for (const [name, type] of await store.fieldTypes(signal)) known.set(name, type === 'integer' ? 'integer' : 'float');
  return {
    kindsIn({ series }) {
      const fields = Map.groupBy(series, fieldOf);
      const kinds = new Map<ChunkSeries, SeriesKind>();
      for (const [field, all] of fields) {
        const kind = known.get(field) ?? guess(all);
        if (kind === undefined) continue;
        known.set(field, kind);
        for (const one of all) kinds.set(one, kind);
      }
      return kinds;
    },
  };
}

function fieldOf({ sources }: ChunkSeries): string {
  const { measurement, field } = influxSeriesOf(sources[0]!, 'telegraf');
  return fieldName(measurement, field);
}

function guess(all: readonly ChunkSeries[]): SeriesKind | undefined {
  if (!all.every(({ values }) => values.every((value) => Number.isInteger(value)))) return 'float';
  const units = new Set(all.flatMap(({ sources }) => sources.map(({ unit }) => unit)));
  const [unit = ''] = units;
  return units.size === 1 ? KIND_BY_UNIT[unit] : undefined;
}
