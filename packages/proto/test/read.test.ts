/** The reader: identity of series sets, its bounds, points, and bytes that are no batch. */
import { expect, it } from 'vitest';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import type { Series } from '../src/batch.ts';
import { encodeBatch } from '../src/encode.ts';
import { createSeriesSetCache, forEachPoint, readBatch } from '../src/read.ts';
import { assemble, doubles, field, fixed64, smallBatch, symbols } from './helpers.ts';

const cacheOf = (clientsMax: number, bytesMax?: number) => createSeriesSetCache({ clientsMax, bytesMax });
const [first, second, third] = smallBatch().series as [Series, Series, Series];
const withSeries = (...series: Series[]) => ({ series, values: new Float64Array(series.length * 2) });

it('gives the same SeriesSet while the schema is the same, whatever else changes', () => {
  const cache = cacheOf(10);
  const one = readBatch(encodeBatch(smallBatch()), cache);
  const next = readBatch(
    encodeBatch(smallBatch({ seq: 43, epoch: 7, droppedTotal: [], values: new Float64Array(6) })),
    cache,
  );
  expect(next.seriesSet).toBe(one.seriesSet);
  expect(next.seq).toBe(43);
  const other = readBatch(encodeBatch(smallBatch({ resource: [['host', 'web-2']] })), cache);
  expect(other.seriesSet).not.toBe(one.seriesSet);
  expect(other.seriesSet.resource).toEqual([['host', 'web-2']]);
  const elsewhere = readBatch(encodeBatch(smallBatch({ clientId: 'web-2' })), cache);
  expect(elsewhere.seriesSet).not.toBe(one.seriesSet);
  expect(elsewhere.seriesSet).toEqual(one.seriesSet);
});

it('keeps up to four alternating schemas of a client', () => {
  const cache = cacheOf(10);
  const shapes = [[first], [second], [third], [first, second], [first, third]].map((series) =>
    encodeBatch(smallBatch(withSeries(...series))),
  );
  const setsOf = (count: number) => shapes.slice(0, count).map((bytes) => readBatch(bytes, cache).seriesSet);
  const four = setsOf(4);
  expect(setsOf(4).every((set, index) => set === four[index])).toBe(true);
  readBatch(shapes[4]!, cache);
  expect(readBatch(shapes[0]!, cache).seriesSet).not.toBe(four[0]);
});

it('forgets the client read longest ago', () => {
  const cache = cacheOf(2);
  const read = (clientId: string) => readBatch(encodeBatch(smallBatch({ clientId })), cache).seriesSet;
  const [a, b] = [read('a'), read('b')];
  expect(read('a')).toBe(a);
  const c = read('c');
  expect(read('a')).toBe(a);
  expect(read('c')).toBe(c);
  expect(read('b')).not.toBe(b);
});

it('keeps no more bytes of schemas than allowed', () => {
  const bytes = encodeBatch(smallBatch({ clientId: 'a' }));
  const cache = cacheOf(10, 350);
  const read = (clientId: string) => readBatch(encodeBatch(smallBatch({ clientId })), cache).seriesSet;
  const a = read('a');
  expect(read('a')).toBe(a);
  read('b');
  read('c');
  expect(read('a')).not.toBe(a);
  const none = cacheOf(10, 20);
  expect(readBatch(bytes, none).seriesSet).not.toBe(readBatch(bytes, none).seriesSet);
  const alone = cacheOf(10, 200);
  for (const series of [[first], [second], [first, second, third]])
    expect(readBatch(encodeBatch(smallBatch(withSeries(...series))), alone).seriesSet.series).toEqual(series);
});

it('reads from shared memory, and what it read does not change with the bytes', () => {
  const bytes = encodeBatch(smallBatch());
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 8), 3, bytes.length);
  shared.set(bytes);
  const cache = cacheOf(1);
  const batch = readBatch(shared, cache);
  const expected = structuredClone(batch);
  shared.fill(0xaa);
  expect(batch).toEqual(expected);
  expect(readBatch(bytes, cache).seriesSet).toBe(batch.seriesSet);
});

it('does not take a batch without series for the beginning of one with', () => {
  const cache = cacheOf(2);
  expect(readBatch(assemble({ series: [], values: [] }).bytes, cache).seriesSet.series).toEqual([]);
  expect(readBatch(assemble().bytes, cache).seriesSet.series).toHaveLength(2);
  expect(readBatch(assemble({ series: [], values: [] }).bytes, cache).seriesSet.series).toEqual([]);
});

it('visits every number once, in order, with its series and time', () => {
  const batch = readBatch(encodeBatch(smallBatch()), cacheOf(1));
  const visited: unknown[] = [];
  forEachPoint(batch, (series, index, time, value) => visited.push([series.name, index, time, value]));
  const [t0, t1] = smallBatch().timesUnixNano;
  expect(visited).toEqual([
    ['mem.used_percent', 0, t0, 75.5],
    ['mem.used_percent', 0, t1, 75.25],
    ['mem.used', 1, t0, 2 ** 33],
    ['disk.free', 2, t0, 1e12],
    ['disk.free', 2, t1, 1e12 - 4096],
  ]);
});

it('skips fields it does not know', () => {
  const { bytes } = assemble({ extra: [0x7d, 1, 2, 3, 4, 0x81, 1, ...fixed64(9), 0xa2, 1, 2, 9, 9, 0x78, 200, 1] });
  expect(readBatch(bytes, cacheOf(1)).values).toEqual(Float64Array.of(1, 2));
});

it('says what is wrong, and where, when the bytes are no batch', () => {
  const unreadable = (overrides: Parameters<typeof assemble>[0], message: RegExp): void =>
    expect(() => readBatch(assemble(overrides).bytes, cacheOf(1))).toThrow(message);
  unreadable({ values: field(0x72, doubles(1)) }, /unreadable batch at byte \d+: 1 values for 2 cells/);
  unreadable({ values: field(0x72, [1, 2, 3]) }, /64-bit words in 3 bytes/);
  unreadable({ series: field(0x62, [77, 0, 0, 0]) }, /a reference beyond the symbols/);
  unreadable(
    { symbols: symbols('').concat(0x52, 0xff, 0xff, 0xff, 0x7f) },
    /a field of 268435455 bytes beyond the end/,
  );
  unreadable({ extra: [0x7b] }, /a field of an unknown wire type/);
  unreadable({ extra: [0x78, 0x80] }, /a varint without end/);
  unreadable({ extra: [0x79, 1] }, /8 bytes expected/);
});

it('never hangs or crashes on damaged bytes', () => {
  const seed = 99;
  const random = mulberry32(seed);
  const whole = encodeBatch(smallBatch());
  const cache = cacheOf(4);
  let thrown = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(whole.subarray(0, Math.ceil(random() * whole.length)));
    for (let change = 0; change < 3; change++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    try {
      readBatch(bytes, cache);
    } catch (error) {
      if (!(error instanceof RangeError && error.message.startsWith('unreadable batch at byte')))
        throw new Error(`seed ${seed}, round ${round}: ${String(error)}: ${bytes.toString('hex')}`, { cause: error });
      thrown++;
    }
  }
  expect(thrown).toBeGreaterThan(10_000);
});
