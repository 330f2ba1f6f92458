/**
 * Which points of a chunk InfluxDB lacks, exactly. Owns the second look: where a minute of a series is there in part,
 * its points are asked for one by one. Promises that a point counts as there only when InfluxDB has it at its time with
 * its value, in every form that the schema writes.
 */
import type { Schema } from '../sinks/influxdb/settings.ts';
import type { Chunk, ChunkSeries } from './chunk.ts';
import { compareChunk, type Difference } from './compare.ts';
import type { InfluxStore } from './influx-store.ts';
import { keyOf, type Naming } from './series-key.ts';

export interface Missing {
  points: number;
  has(series: ChunkSeries, at: number): boolean;
}

export interface MissingOptions {
  store: InfluxStore;
  schema: Schema;
  signal?: AbortSignal;
}

const NANOS_PER_MINUTE = 60_000_000_000n;

/** @throws MetricStreamError when InfluxDB cannot be asked. */
export async function findMissing(chunk: Chunk, options: MissingOptions): Promise<Missing> {
  const flags = new Map<ChunkSeries, Uint8Array>();
  const partly: Difference[] = [];
  const missing = { points: 0 };

  const flag = (series: ChunkSeries, at: number): void => {
    let marks = flags.get(series);
    if (marks === undefined) {
      marks = new Uint8Array(series.times.length);
      flags.set(series, marks);
    }
    if (marks[at] === 0) missing.points++;
    marks[at] = 1;
  };

  await compareChunk(chunk, {
    ...options,
    onDifference(difference) {
      const { files, series, influxdb } = difference;
      if (files === undefined || series === undefined) return;
      if (influxdb !== undefined) partly.push(difference);
      else for (let { from } = files; from < files.to; from++) flag(series, from);
    },
  });
  for (const { minute, naming, differences } of byMinute(partly))
    await lookClosely(chunk, { minute, naming, differences, ...options }, flag);
  return {
    get points() {
      return missing.points;
    },
    has: (series, at) => flags.get(series)?.[at] === 1,
  };
}

interface Look extends MissingOptions {
  minute: number;
  naming: Naming;
  differences: readonly Difference[];
}

async function lookClosely(
  chunk: Chunk,
  { minute, naming, differences, store, signal }: Look,
  flag: (series: ChunkSeries, at: number) => void,
): Promise<void> {
  const base = BigInt(chunk.window.since) * NANOS_PER_MINUTE;
  const stored = new Map(differences.map(({ target }) => [keyOf(target), new Map<number, number>()]));
  const measurements = new Set(differences.map(({ target }) => target.measurement));
  const fromUnixNano = BigInt(minute) * NANOS_PER_MINUTE;
  await store.points(
    { fromUnixNano, toUnixNano: fromUnixNano + NANOS_PER_MINUTE },
    { naming, measurements, signal },
    (key, time, value) => void stored.get(key)?.set(Number(time - base), value),
  );
  for (const { target, files, series } of differences) {
    const held = stored.get(keyOf(target))!;
    for (let at = files!.from; at < files!.to; at++)
      if (held.get(series!.times[at]!) !== series!.values[at]) flag(series!, at);
  }
}

type Looked = Pick<Look, 'minute' | 'naming'> & { differences: Difference[] };

/** Differences of one minute are looked at by one query. */
function byMinute(differences: readonly Difference[]): Looked[] {
  const groups = new Map<string, Looked>();
  for (const difference of differences) {
    const { minute, naming } = difference;
    const key = `${naming} ${minute}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { minute, naming, differences: [difference] });
    else group.differences.push(difference);
  }
  return [...groups.values()];
}
