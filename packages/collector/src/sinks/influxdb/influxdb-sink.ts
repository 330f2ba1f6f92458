/**
 * The InfluxDB sink. Owns the order of things in a delivery; promises that `stored` is answered only when each line was
 * answered with 204 or is among the losses, and the means of late minutes have been computed again; and that an abort ends
 * it promptly. A delivery that comes again is written again, which InfluxDB takes as the same points.
 */
import { createSeriesSetCache, readBatch, type ReadBatch, type SeriesSetCache } from '@metricstream/proto/read.ts';
import { type Clock, systemClock } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import { type Log, silentLog } from '@metricstream/shared/log.ts';
import type { Delivery, Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import { createInfluxdbClient, type InfluxdbClient } from './client.ts';
import { createConflicts } from './conflicts.ts';
import { createSinkStats, type InfluxdbFigure } from './figures.ts';
import { resourceTags } from './identity.ts';
import { createLateMinutes, type Rollup } from './late.ts';
import { createLineWriter } from './line-protocol.ts';
import { createLossBook, type LossBook } from './losses.ts';
import { createMeans } from './means.ts';
import { createRetention } from './retention.ts';
import { createSettler, type Settler, type Stop } from './settle.ts';
import type { InfluxdbSettings } from './settings.ts';
import { createLineStream } from './stream.ts';

/** Equal suspicious answers to one delivery before its bodies are taken apart. */
const SUSPECT_MAX = 2;
const NANOS_PER_MS = 1_000_000n;

export interface InfluxdbSinkOptions {
  settings: InfluxdbSettings;
  /** How many clients' series are kept ready as bytes. */
  clientsMax: number;
  /** Computes means again; without it late points are only stored. */
  rollup?: (client: InfluxdbClient) => Rollup;
  log?: Log;
  clock?: Clock;
}

export interface InfluxdbSink {
  sink: Sink;
  figures(): InfluxdbFigure[];
}

interface NoteOptions {
  index: number;
  floorUnixNano: bigint;
  nowMs: number;
}

export async function createInfluxdbSink(options: InfluxdbSinkOptions): Promise<InfluxdbSink> {
  const { settings, clock = systemClock, log = silentLog } = options;
  const { target } = settings;
  const client = createInfluxdbClient(settings);
  const stats = createSinkStats(clock.monotonicMs);
  const conflicts = createConflicts();
  const retention = createRetention(client, target);
  const late = createLateMinutes();
  const rollup = options.rollup?.(client);
  const means =
    rollup === undefined ? undefined : createMeans({ rollup, late, stats, where: client.where, log, clock });
  const suspicion = createSuspicion();
  const seriesSets = createSeriesSetCache({ clientsMax: options.clientsMax });
  let book: LossBook = createLossBook();
  const writer = createLineWriter(settings.schema, (record, series, sweep, why) =>
    book.losePoint(record, { series, sweep, why }),
  );
  const stream = createLineStream(writer);

  async function writeAll(delivery: Delivery, settler: Settler, signal: AbortSignal) {
    const rejected: number[] = [];
    let rejectedWhy = '';
    let stop: Stop | undefined;
    const nowMs = clock.unixMs();
    const floorUnixNano = retention.floorUnixNano(nowMs);
    stream.begin(settler);
    late.begin(keyOf(delivery));
    for (const [index, record] of delivery.records.entries()) {
      const batch = tryRead(record.body, seriesSets);
      if (typeof batch === 'string') {
        rejected.push(index);
        rejectedWhy = batch;
        continue;
      }
      book.agePoints(index, countBefore(batch, floorUnixNano));
      if (means !== undefined) noteLate(batch, { index, floorUnixNano, nowMs });
      await stream.add(batch, { index, floorUnixNano, apart: conflicts });
      if (late.full && settler.stop === undefined) {
        await stream.drain();
        stop = settler.stop ?? (await means?.compute(signal));
      }
      stop ??= settler.stop;
      if (stop !== undefined) break;
    }
    await stream.drain();
    await settler.finish();
    stop ??= settler.stop ?? (await means?.compute(signal));
    return { stop, rejected, rejectedWhy };
  }

  function noteLate(batch: ReadBatch, { index, floorUnixNano, nowMs }: NoteOptions): void {
    const before = BigInt(nowMs - settings.lateMs) * NANOS_PER_MS;
    const from = BigInt(nowMs - settings.rollupKeepMs) * NANOS_PER_MS;
    let host: string | undefined;
    for (const time of batch.timesUnixNano) {
      if (time >= before || time < from || time < floorUnixNano) continue;
      host ??= resourceTags(batch.clientId, batch.seriesSet.resource).get('host')!;
      late.note(host, { unixMs: Number(time / NANOS_PER_MS), index });
    }
  }

  async function write(delivery: Delivery, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return { kind: 'retry', why: 'stopped before the delivery was stored' };
    await retention.refresh(clock.monotonicMs(), { signal });
    book = createLossBook();
    const settler = createSettler({
      client,
      target,
      conflicts,
      retention,
      stats,
      book,
      signal,
      takeApart: suspicion.of(delivery) >= SUSPECT_MAX,
      monotonicMs: clock.monotonicMs,
      learnBodyBytesMax: stream.limitBodies,
    });
    const { stop, rejected, rejectedWhy } = await writeAll(delivery, settler, signal);
    suspicion.note(delivery, stop);
    if (stop !== undefined) {
      const { kind, why, afterMs } = stop;
      return kind === 'halt' ? { kind, why } : { kind, why, afterMs };
    }
    means?.end();
    stats.pointsAged += book.aged;
    stats.pointsRefused += book.refused;
    const losses = book.losses();
    if (rejected.length === 0) return { kind: 'stored', losses };
    return { kind: 'rejected', which: rejected, why: `this version cannot read the batch: ${rejectedWhy}`, losses };
  }

  return {
    sink: {
      name: 'influxdb',
      write,
      async close() {
        client.close();
      },
    },
    figures: () => stats.figures(conflicts.size),
  };
}

function tryRead(body: Uint8Array, cache: SeriesSetCache): ReadBatch | string {
  try {
    return readBatch(body, cache);
  } catch (error) {
    return messageOf(error);
  }
}

/** @returns how many points of the batch are older. */
function countBefore({ timesUnixNano, values }: ReadBatch, floorUnixNano: bigint): number {
  let points = 0;
  for (const [sweep, time] of timesUnixNano.entries()) {
    if (time >= floorUnixNano) continue;
    for (let at = sweep; at < values.length; at += timesUnixNano.length) if (!Number.isNaN(values[at]!)) points++;
  }
  return points;
}

/** The same for a delivery that comes again. */
function keyOf({ records, bytes }: Delivery): string {
  const first = records[0];
  return `${first?.clientId} ${first?.epoch} ${first?.seq} ${records.length} ${bytes}`;
}

/** Counts equal suspicious answers to a delivery that comes again and again. */
function createSuspicion() {
  let of = '';
  let count = 0;
  return {
    of: (delivery: Delivery): number => (keyOf(delivery) === of ? count : 0),
    note(delivery: Delivery, stop: Stop | undefined): void {
      const key = keyOf(delivery);
      count = stop?.suspect === true ? (key === of ? count + 1 : 1) : 0;
      of = key;
    },
  };
}
