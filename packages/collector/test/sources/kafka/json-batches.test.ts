import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createSeriesSetCache, forEachPoint, type ReadBatch, readBatch } from '@metricstream/proto/read.ts';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batches } from '../../../../proto/test/arbitraries.ts';
import { createLineFormatter } from '../../../src/sinks/jsonl/format.ts';
import type { KafkaRecord } from '../../../src/sources/kafka/messages.ts';
import { jsonOf, messageOf, newReader } from './kafka-source-kit.ts';

const read = newReader();
const cache = createSeriesSetCache({ clientsMax: 10 });

function readJson(values: (string | { value: string; key?: string; headers?: Record<string, string> })[]) {
  return read(
    0,
    values.map((one, offset) => messageOf({ ...(typeof one === 'string' ? { value: one } : one), offset })),
  );
}

const batchOf = ({ body }: KafkaRecord): ReadBatch => readBatch(body, cache);

/** Every point of a batch as text, sorted; what is empty does not travel. */
function pointsOf(batch: ReadBatch): string[] {
  const found: string[] = [];
  const resource = batch.seriesSet.resource.filter(([, value]) => value !== '').toSorted(byKey);
  forEachPoint(batch, ({ name, unit, labels }, _index, time, value) =>
    found.push(
      JSON.stringify([batch.clientId, batch.epoch, batch.seq, resource, name, unit, labels, String(time), value + 0]),
    ),
  );
  return found.sort();
}

const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);

/** The lines that the collector writes of a batch. */
function linesOf(bytes: Uint8Array): string[] {
  const formatter = createLineFormatter();
  formatter.begin(readBatch(bytes, createSeriesSetCache({ clientsMax: 1 })));
  const text = Buffer.alloc(4 * 1024 * 1024);
  return text.toString('utf8', 0, formatter.fill(text, 0)).split('\n').slice(0, -1);
}

/** Two values of a series at one time are one point, the later one, as in InfluxDB; JSON says nothing of sweeps. */
const sent = batches.filter(({ timesUnixNano }) => new Set(timesUnixNano).size === timesUnixNano.length);

test('any batch that went out as JSON comes together again, point for point', () => {
  fc.assert(
    fc.property(sent, (batch) => {
      const bytes = encodeBatch(batch);
      const headers = { epoch: String(batch.epoch), seq: String(batch.seq) };
      const { records, poison } = readJson(linesOf(bytes).map((value) => ({ value, key: batch.clientId, headers })));
      expect(poison).toEqual([]);
      expect(records.length).toBeLessThanOrEqual(1);
      const before = pointsOf(readBatch(bytes, createSeriesSetCache({ clientsMax: 1 })));
      expect(records.flatMap((record) => pointsOf(batchOf(record)))).toEqual(before);
      expect(records[0]?.points ?? 0).toBe(before.length);
    }),
    { numRuns: 300 },
  );
});

test('another triple, another client or another host begins another batch', () => {
  const { records } = readJson([
    jsonOf({ name: 'a.a' }),
    jsonOf({ name: 'a.b' }),
    jsonOf({ name: 'a.a', seq: 2 }),
    jsonOf({ name: 'a.a', seq: 2, epoch: 8 }),
    jsonOf({ name: 'a.a', seq: 2, epoch: 8, client_id: 'web-2' }),
    jsonOf({ name: 'a.b', seq: 2, epoch: 8, client_id: 'web-2', host: 'other' }),
  ]);
  expect(records.map(({ clientId, epoch, seq, points }) => [clientId, epoch, seq, points])).toEqual([
    ['web-1', 7, 1, 2],
    ['web-1', 7, 2, 1],
    ['web-1', 8, 2, 1],
    ['web-2', 8, 2, 1],
    ['web-2', 8, 2, 1],
  ]);
});

test('messages that came twice are points once', () => {
  const lines = [jsonOf({ name: 'a.a' }), jsonOf({ name: 'a.b' })];
  const { records } = readJson([...lines, ...lines]);
  expect(records).toHaveLength(1);
  expect(records[0]?.points).toBe(2);
  expect(records[0]?.origin.messages).toHaveLength(4);
});

test('epoch and seq may be in the headers alone', () => {
  const value = jsonOf({ epoch: undefined, seq: undefined });
  const { records } = readJson([{ value, headers: { epoch: '5', seq: '6' } }]);
  expect(records[0]).toMatchObject({ epoch: 5, seq: 6 });
  expect(readJson([value]).poison[0]?.why).toBe('no point of a batch: epoch is missing');
});

test('a point that no batch can hold takes no other with it', () => {
  const bad = [
    jsonOf({ name: 'no spaces' }),
    jsonOf({ name: 'x.y', unit: 'u'.repeat(65) }),
    jsonOf({ name: 'x.y', labels: { '9': 'x' } }),
  ];
  const good = Array.from({ length: 40 }, (_, at) => jsonOf({ name: `good.n${at}` }));
  const mixed = [...good.slice(0, 7), bad[0]!, ...good.slice(7, 20), bad[1]!, bad[2]!, ...good.slice(20)];
  const { records, poison } = readJson(mixed);
  expect(records.reduce((sum, { points }) => sum + points, 0)).toBe(good.length);
  expect(new Set(poison.map(({ message }) => message.value?.toString()))).toEqual(new Set(bad));
  expect(poison).toHaveLength(bad.length);
  for (const { why } of poison) expect(why).toMatch(/^no point of a batch: /);
});

test('the same series under two units is two batches, and no poison', () => {
  const { records, poison } = readJson([jsonOf({ unit: 'percent' }), jsonOf({ unit: 'ratio', value: 0.7 })]);
  expect(poison).toEqual([]);
  expect(records.map((record) => batchOf(record).seriesSet.series[0]?.unit)).toEqual(['percent', 'ratio']);
});

test('JSON that is no point says why', () => {
  for (const [value, why] of [
    ['{', 'the JSON is no JSON'],
    ['{}', 'the JSON has no "timestamp"'],
    ...['1969-12-31T23:59:59Z', '2262-04-12T00:00:00Z', '2600-01-01T00:00:00Z', '9999-01-01T00:00:00Z'].map(
      (timestamp) => [jsonOf({ timestamp }), 'the JSON has no "timestamp" as in'] as const,
    ),
    [jsonOf({ value: 'high' }), 'the JSON has no finite number'],
    [jsonOf({ client_id: undefined }), 'the JSON has a "client_id" that is none'],
    [jsonOf({ client_id: 'no spaces' }), 'the JSON has a "client_id" that is none'],
    [jsonOf({ labels: { a: 1 } }), 'the JSON has "labels"'],
    [jsonOf({ host: 'x'.repeat(300_000) }), 'expected one point in at most'],
  ] as const)
    expect(readJson([value]).poison[0]?.why, value.slice(0, 80)).toContain(why);
});

test('key and headers must be of the same client and triple', () => {
  expect(readJson([{ value: jsonOf(), key: 'web-1:mem' }]).records).toHaveLength(1);
  expect(readJson([{ value: jsonOf(), key: 'web-2' }]).poison[0]?.why).toContain('the key is not');
  expect(readJson([{ value: jsonOf(), headers: { seq: '3' } }]).poison[0]?.why).toContain('the header seq is not');
});

test('points spread thin do not become a matrix of empty cells', () => {
  const lines = Array.from({ length: 1000 }, (_, at) =>
    jsonOf({ name: `thin.n${at}`, timestamp: new Date(1_759_579_200_000 + at * 1000).toISOString() }),
  );
  const { records } = readJson(lines);
  expect(records.reduce((sum, { points }) => sum + points, 0)).toBe(1000);
  for (const { body } of records) expect(body.length).toBeLessThan(600_000);
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('series without end do not stay in memory', { timeout: 60_000 }, () => {
  const fresh = newReader();
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const padding = 'p'.repeat(60_000);
  const feed = (from: number): void => {
    for (let at = from; at < from + 1500; at++)
      fresh(0, [messageOf({ value: jsonOf({ unit: `${at}`, host: padding + at }) })]);
  };
  feed(0);
  const before = used();
  feed(1500);
  feed(3000);
  feed(4500);
  expect(used() - before).toBeLessThan(150 * 1024 * 1024);
});
