/**
 * A hot client's batch taken apart by metric (ADR-004, option A). Owns the re-encoding; promises that each part is a whole
 * Batch with the triple of the first, that every series is in exactly one part, and that the parts are a function of the
 * record and the routing entry alone, so that a part sent again is the same part.
 */
import { crc32 } from 'node:zlib';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { createSeriesSetCache, type ReadBatch, readBatch, type SeriesSet } from '@metricstream/proto/read.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { groupMetrics, type MetricGroup } from './routing.ts';

/** Hot clients of all entries that partitions still read by. */
const CLIENTS_MAX = 64;

export interface Part {
  partition: number;
  /** `client_id:metric`. */
  key: string;
  /** `i/n`, from 1. */
  part: string;
  points: number;
  /** A record with the part as its body, points and body CRC its own. */
  encode(): JournalRecord;
}

interface Group extends MetricGroup {
  /** Indices of its series. */
  series: number[];
}

export interface Splitter {
  /** @returns one part for each partition that a metric goes to; undefined when there is no metric, or no way to read it. */
  split(record: JournalRecord, partitions: number): Part[] | undefined;
}

export function createSplitter(): Splitter {
  const seriesSets = createSeriesSetCache({ clientsMax: CLIENTS_MAX });
  const known = new WeakMap<SeriesSet, { clientId: string; partitions: number; groups: Group[] }>();

  function groupsOf(clientId: string, set: SeriesSet, partitions: number): Group[] {
    const before = known.get(set);
    if (before?.clientId === clientId && before.partitions === partitions) return before.groups;
    const names = set.series.map(({ name }) => name);
    const groups = groupMetrics(clientId, names, partitions).map((group) => ({
      ...group,
      series: names.flatMap((name, index) => (group.metrics.has(name) ? [index] : [])),
    }));
    known.set(set, { clientId, partitions, groups });
    return groups;
  }

  return {
    split(record, partitions) {
      let batch: ReadBatch;
      try {
        batch = readBatch(record.body, seriesSets);
      } catch {
        // It travels whole; whoever can read it, reads it.
        return undefined;
      }
      const groups = groupsOf(record.clientId, batch.seriesSet, partitions);
      if (groups.length === 0) return undefined;
      return groups.map(({ partition, key, series }, index) => {
        const values = valuesOf(batch, series);
        const points = values.reduce((sum, value) => (Number.isNaN(value) ? sum : sum + 1), 0);
        const encode = (): JournalRecord => {
          const body = groups.length === 1 ? record.body.slice() : encodePart(batch, series, values);
          return { ...record, points, body, bodyCrc: crc32(body) };
        };
        return { partition, key, part: `${index + 1}/${groups.length}`, points, encode };
      });
    },
  };
}

function valuesOf({ timesUnixNano, values }: ReadBatch, series: readonly number[]): Float64Array {
  const sweeps = timesUnixNano.length;
  const taken = new Float64Array(series.length * sweeps);
  for (const [at, index] of series.entries())
    taken.set(values.subarray(index * sweeps, (index + 1) * sweeps), at * sweeps);
  return taken;
}

/** The running totals go with every part: a reader takes them from any batch of the highest seq. */
function encodePart(batch: ReadBatch, series: readonly number[], values: Float64Array): Uint8Array {
  const { seriesSet, timesUnixNano, ...rest } = batch;
  return encodeBatch({
    ...rest,
    resource: seriesSet.resource,
    series: series.map((index) => seriesSet.series[index]!),
    timesUnixNano: [...timesUnixNano],
    values,
  });
}
