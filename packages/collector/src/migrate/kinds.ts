/**
 * Whether a series is of whole numbers, which JSONL does not say and the schema `telegraf` needs: InfluxDB refuses a
 * field that comes with another type than it has. Owns the answer; promises that what InfluxDB knows goes before any guess,
 * and that there is no guess where a wrong one would cost the agents' own points later.
 */
import type { SeriesKind } from '@metricstream/proto/batch.ts';
import type { Schema } from '../sinks/influxdb/settings.ts';
import type { ChunkSeries } from './chunk.ts';
import { fieldName, type InfluxStore } from './influx-store.ts';
import { influxSeriesOf } from './series-key.ts';

export interface Kinds {
  /** @returns undefined where nobody can tell. */
  kindOf(series: ChunkSeries): SeriesKind | undefined;
}

/** Units that only ever have one kind. */
const KIND_BY_UNIT: Readonly<Record<string, SeriesKind>> = { percent: 'float', bytes: 'integer', ms: 'integer' };

export async function learnKinds(store: InfluxStore, schema: Schema, signal?: AbortSignal): Promise<Kinds> {
  // The schema `seed` has floats only.
  const types = schema === 'seed' ? undefined : await store.fieldTypes(signal);
  return {
    kindOf(series) {
      if (types === undefined) return 'float';
      const [source] = series.sources.values();
      const { measurement, field } = influxSeriesOf(source!, 'telegraf');
      const type = types.get(fieldName(measurement, field));
      if (type !== undefined) return type === 'integer' ? 'integer' : 'float';
      if (!series.values.every((value) => Number.isInteger(value))) return 'float';
      return KIND_BY_UNIT[source!.unit];
    },
  };
}
