/**
 * What the lines of a set of series have in common from sweep to sweep, as prepared bytes. Owns their cache and its
 * bound; promises that a set whose bytes would be out of proportion (a batch may name the same long label ten thousand
 * times) is put together line by line instead of kept, so that no client decides how much memory the sink takes.
 */
import type { SeriesSet } from '@metricstream/proto/read.ts';
import { NUMBER_BYTES_MAX } from '../jsonl/number.ts';
import { createSetCache } from '../set-cache.ts';
import {
  escapeTag,
  lineKey,
  quoteString,
  resourceTags,
  SEED_MEASUREMENT,
  SEED_UNIT,
  SEED_VALUE,
  seriesTags,
  telegrafField,
} from './identity.ts';
import type { Schema } from './settings.ts';

/** Of one set, and of all sets kept: 5,000 clients of 60 series with one schema each. */
const PLAN_BYTES_MAX = 8 * 1024 * 1024;
const CACHE_BYTES_MAX = 128 * 1024 * 1024;
/** What the objects of one line or field take beside its bytes. */
const OVERHEAD_BYTES = 128;
/** A longer point takes several lines, which InfluxDB puts together again. */
export const FIELDS_PER_LINE_MAX = 256;
/** Of a nanosecond time from 2001 to 2286. */
export const TIME_DIGITS = 19;
const TIME_DIGITS_MAX = 20;

/** The lines of one sweep: those of the schema `seed`, one a series, then those of `telegraf`. */
export interface LinePlan {
  readonly seriesCount: number;
  readonly seedLines: number;
  readonly lines: number;
  /** Measurement and tags; in seed lines also ` value=`. Shorter than `lines` where the rest is too large to keep. */
  readonly heads: readonly Uint8Array[];
  makeHead(line: number): Uint8Array;
  /** The fields of line `at` are those from `first[at]` to before `first[at + 1]`. */
  readonly first: Uint32Array;
  /** Per field: its series; `,name=`, nothing in seed lines; whether it is written as an integer. */
  readonly series: Uint32Array;
  readonly names: readonly Uint8Array[];
  readonly integers: Uint8Array;
  /** Per line: which tail, and the bytes that all but its head may take. */
  readonly tailOf: Uint32Array;
  readonly room: Uint32Array;
  /** What stands between the last value and the time. */
  readonly tailHeads: readonly string[];
  /** `tailHeads` with room for the time and the line's end; the writer fills in each sweep's. */
  readonly tails: Buffer[];
  /** Per field, 1 where it was found in conflict; `flagsOf` says as of when. */
  flags?: Uint8Array;
  flagsOf: number;
  nameOf(field: number): { measurement: string; field: string };
}

/** @returns what gives the plan for a client's set, from the cache where it can. */
export function createPlanCache(schema: Schema): (clientId: string, set: SeriesSet) => LinePlan {
  return createSetCache({
    bytesMax: CACHE_BYTES_MAX,
    setBytesMax: PLAN_BYTES_MAX,
    make: (clientId, set) => buildPlan(clientId, set, schema),
  });
}

/** One line while the plan is made. */
interface Sketch {
  /** Of which its tags and measurement are; all its fields have the same. */
  series: number;
  fields: number[];
  unit: string | undefined;
}

function buildPlan(clientId: string, set: SeriesSet, schema: Schema): { made: LinePlan; bytes: number } {
  const shared = resourceTags(clientId, set.resource);
  const seed = schema === 'telegraf' ? [] : set.series.map(({ unit }, at) => ({ series: at, fields: [at], unit }));
  const sketches: Sketch[] = schema === 'seed' ? seed : [...seed, ...groupSeries(set)];
  const makeHead = (line: number): Uint8Array => {
    const { name, labels } = set.series[sketches[line]!.series]!;
    if (line >= seed.length)
      return Buffer.from(lineKey(telegrafField(name).measurement, seriesTags(shared, labels, undefined)));
    return Buffer.from(`${lineKey(SEED_MEASUREMENT, seriesTags(shared, labels, name))} ${SEED_VALUE}=`);
  };
  const heads: Uint8Array[] = [];
  let bytes = 0;
  while (heads.length < sketches.length && bytes <= PLAN_BYTES_MAX) {
    const head = makeHead(heads.length);
    bytes += head.length + OVERHEAD_BYTES;
    heads.push(head);
  }
  const fields = layFields(set, sketches, seed.length);
  const tails = layTails(sketches, seed.length);
  bytes += fields.bytes + tails.bytes;
  const room = Uint32Array.from(sketches, (_, line) => fields.room[line]! + tails.bytesOf[tails.tailOf[line]!]!);
  const plan: LinePlan = {
    seriesCount: set.series.length,
    seedLines: seed.length,
    lines: sketches.length,
    heads,
    makeHead,
    first: fields.first,
    series: fields.series,
    names: fields.names,
    integers: fields.integers,
    tailOf: tails.tailOf,
    room,
    tailHeads: tails.heads,
    tails: tails.heads.map((head) => Buffer.from(`${head}${'0'.repeat(TIME_DIGITS)}\n`)),
    flagsOf: 0,
    nameOf(field) {
      if (field < seed.length) return { measurement: SEED_MEASUREMENT, field: SEED_VALUE };
      return telegrafField(set.series[fields.series[field]!]!.name);
    },
  };
  return { made: plan, bytes };
}

/** Series of one measurement with the same labels share a line. */
function groupSeries({ series }: SeriesSet): Sketch[] {
  const sketches: Sketch[] = [];
  const open = new Map<string, Sketch>();
  for (const [at, { name, labels }] of series.entries()) {
    const key = [telegrafField(name).measurement, ...labels.flat()].join('\0');
    let sketch = open.get(key);
    if (sketch === undefined || sketch.fields.length >= FIELDS_PER_LINE_MAX) {
      sketch = { series: at, fields: [], unit: undefined };
      open.set(key, sketch);
      sketches.push(sketch);
    }
    sketch.fields.push(at);
  }
  return sketches;
}

const NO_NAME = new Uint8Array(0);

function layFields({ series }: SeriesSet, sketches: readonly Sketch[], seedLines: number) {
  const first = new Uint32Array(sketches.length + 1);
  const room = new Uint32Array(sketches.length);
  const order: number[] = [];
  const names: Uint8Array[] = [];
  const integers: number[] = [];
  let bytes = 0;
  for (const [line, sketch] of sketches.entries()) {
    first[line] = order.length;
    let roomBytes = TIME_DIGITS_MAX + 1;
    for (const at of sketch.fields) {
      const { name, kind } = series[at]!;
      const text = line < seedLines ? NO_NAME : Buffer.from(`,${escapeTag(telegrafField(name).field)}=`);
      order.push(at);
      names.push(text);
      integers.push(line >= seedLines && kind === 'integer' ? 1 : 0);
      roomBytes += text.length + NUMBER_BYTES_MAX;
      bytes += text.length + OVERHEAD_BYTES;
    }
    room[line] = roomBytes;
  }
  first[sketches.length] = order.length;
  return { first, room, series: Uint32Array.from(order), names, integers: Uint8Array.from(integers), bytes };
}

function layTails(sketches: readonly Sketch[], seedLines: number) {
  const known = new Map<string, number>();
  const heads: string[] = [];
  const bytesOf: number[] = [];
  const tailOf = new Uint32Array(sketches.length);
  let bytes = 0;
  for (const [line, { unit }] of sketches.entries()) {
    const head = line < seedLines && unit ? `,${SEED_UNIT}=${quoteString(unit)} ` : ' ';
    let at = known.get(head);
    if (at === undefined) {
      at = heads.push(head) - 1;
      known.set(head, at);
      bytes += bytesOf[bytesOf.push(Buffer.byteLength(head)) - 1]! * 2 + OVERHEAD_BYTES;
    }
    tailOf[line] = at;
  }
  return { heads, bytesOf, tailOf, bytes };
}
