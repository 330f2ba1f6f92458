/**
 * The bytes of JSONL: one line per point, the fields of ADR-003 first. Owns the line's form and the cache of its
 * constant parts; promises that every line is valid JSON, that no digit of a time or a value is lost, and that a batch,
 * however large, needs no more memory than the buffer it is written to.
 *
 * `{"timestamp":"2025-10-04T12:00:00.123Z","name":"mem.used_percent","value":75.5,"unit":"percent","client_id":"web-1",
 *   "host":"web-1","datacenter":"fra","labels":{"device":"sda"},"tags":{"team":"db"},"epoch":1,"seq":2}`
 *
 * `host` and `datacenter` stand only where the client sends them, `labels` and `tags` (all other keys of the
 * resource) only where there are some: on a fleet without them two empty objects a line would be 8 % of the disk.
 *
 * Copying prepared bytes costs 20 ns a piece, joining strings 40: so a line is three copies and a number.
 */
import type { ReadBatch, SeriesSet } from '@metricstream/proto/read.ts';
import { NUMBER_BYTES_MAX, writeNumber } from './number.ts';
import type { SetParts } from './parts.ts';
import { createPartsCache } from './parts.ts';
import { createTimeFormatter } from './time.ts';

/** What of a batch becomes text. */
export type LineBatch = Pick<ReadBatch, 'clientId' | 'epoch' | 'seq' | 'timesUnixNano' | 'values'> & {
  seriesSet: SeriesSet;
};

export interface LineFormatter {
  /** Starts a batch; the one before is forgotten. */
  begin(batch: LineBatch): void;
  /**
   * Writes the batch's next lines to `target` from `at` on, as many as fit, whole: sweep by sweep, within a sweep in the
   * order of the series. A NaN is no point; ±Infinity, which no walker lets in, has no JSON and is skipped and counted.
   * @returns where the next byte goes; `at` when not even one line fits.
   */
  fill(target: Uint8Array, at: number): number;
  /** True when all lines of the batch are written. */
  done(): boolean;
  /** Lines written since the formatter was made. */
  readonly points: number;
  /** Values skipped because they are ±Infinity. */
  readonly pointsNotFinite: number;
}

/** The bytes between two lines of a sweep, one run of memory: the end of the one, the start of the other. */
interface Joint {
  both: Uint8Array;
  end: Uint8Array;
  start: Uint8Array;
}

const NO_BATCH: LineBatch = {
  clientId: '',
  epoch: 0,
  seq: 0,
  seriesSet: { resource: [], series: [] },
  timesUnixNano: new BigUint64Array(0),
  values: new Float64Array(0),
};

/** @returns a formatter with its own cache of parts. */
export function createLineFormatter(): LineFormatter {
  const partsOf = createPartsCache();
  const formatTime = createTimeFormatter();
  let batch = NO_BATCH;
  let parts: SetParts = partsOf(batch.clientId, batch.seriesSet);
  let joint: Joint = jointOf(0);
  let sweep = 0;
  let series = 0;
  let points = 0;
  let pointsNotFinite = 0;

  function jointOf(at: number): Joint {
    const time = formatTime(batch.timesUnixNano[at] ?? 0n);
    const end = `${parts.tags},"epoch":${batch.epoch},"seq":${batch.seq}}\n`;
    const both = Buffer.from(`${end}{"timestamp":"${time}`);
    const startAt = both.length - '{"timestamp":"'.length - time.length;
    return { both, end: both.subarray(0, startAt), start: both.subarray(startAt) };
  }

  /** The lines of the current sweep, from the current series on; stops where the next does not fit. */
  function fillSweep(target: Uint8Array, from: number): number {
    const { values, timesUnixNano } = batch;
    const { start, both, end } = joint;
    const sweeps = timesUnixNano.length;
    const { before, after } = parts;
    const endAtMost = target.length - end.length;
    let at = from;
    let between = start;
    for (; series < before.length; series++) {
      const value = values[series * sweeps + sweep]!;
      if (value - value !== 0) {
        if (value === value) pointsNotFinite++;
        continue;
      }
      const name = before[series]!;
      const rest = after[series] ?? parts.makeAfter(series);
      if (at + between.length + name.length + NUMBER_BYTES_MAX + rest.length > endAtMost) break;
      target.set(between, at);
      at += between.length;
      target.set(name, at);
      at = writeNumber(target, at + name.length, value);
      target.set(rest, at);
      at += rest.length;
      between = both;
      points++;
    }
    if (at === from) return at;
    target.set(end, at);
    return at + end.length;
  }

  return {
    begin(next) {
      batch = next;
      parts = partsOf(next.clientId, next.seriesSet);
      sweep = 0;
      series = 0;
      if (next.timesUnixNano.length > 0) joint = jointOf(0);
    },
    fill(target, from) {
      let at = from;
      while (sweep < batch.timesUnixNano.length) {
        at = fillSweep(target, at);
        if (series < parts.before.length) return at;
        sweep++;
        series = 0;
        if (sweep < batch.timesUnixNano.length) joint = jointOf(sweep);
      }
      return at;
    },
    done: () => sweep >= batch.timesUnixNano.length,
    get points() {
      return points;
    },
    get pointsNotFinite() {
      return pointsNotFinite;
    },
  };
}
