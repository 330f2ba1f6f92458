import { encodeBatch } from '@metricstream/proto/encode.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import { expect, test } from 'vitest';
import { hostBatch } from '../../../../proto/bench/host-batch.ts';
import { createLineFormatter } from '../../../src/sinks/jsonl/format.ts';
import { createEncoder, messageBytes, schemaVersionOf } from '../../../src/sinks/kafka/messages.ts';
import { bodyOf, EPOCH, laneRecordOf } from './kit.ts';

const text = (value: Uint8Array) => Buffer.from(value).toString();

function hostRecord(sweeps: number) {
  const batch = hostBatch(1, 3, sweeps);
  batch.values[5] = Number.NaN;
  const body = encodeBatch(batch);
  const { clientId, epoch, seq } = batch;
  return { ...laneRecordOf({ clientId, seq }), epoch, key: clientId, body };
}

/** What the JSONL sink writes for the same bytes. */
function jsonlLines(body: Uint8Array): string[] {
  const formatter = createLineFormatter();
  formatter.begin(readBatch(body, createSeriesSetCache({ clientsMax: 1 })));
  const lines = new Uint8Array(1 << 20);
  // oxlint-disable-next-line no-array-fill-with-reference-type -- it is no array
  const length = formatter.fill(lines, 0);
  return text(lines.subarray(0, length)).trimEnd().split('\n');
}

test('a batch travels as it came, with its triple and more in the headers', () => {
  const encoder = createEncoder({ encoding: 'batch', clientsMax: 1 });
  const record = laneRecordOf({ clientId: 'web-1', seq: 7 }, { lane: 1, oldestSeq: 3 });
  const [message, ...more] = [...encoder.messages(record, 0)];
  expect(more).toEqual([]);
  expect(message).toEqual({
    key: 'web-1',
    value: record.body,
    headers: {
      epoch: String(EPOCH),
      seq: '7',
      'oldest-seq': '3',
      schema: '1',
      points: '2',
      lane: 'backlog',
      received: '1790000000000',
    },
  });
  expect([...encoder.messages(record, 1)]).toEqual([]);
  expect(Math.abs(encoder.bytes(record) - messageBytes(message!))).toBeLessThan(100);
});

test('a part of a batch says which, and has the composite key', () => {
  const record = laneRecordOf({ clientId: 'web-1', seq: 7 }, { key: 'web-1:mem.used', part: '2/3' });
  const [message] = [...createEncoder({ encoding: 'batch', clientsMax: 1 }).messages(record, 0)];
  expect([message?.key, message?.headers.part]).toEqual(['web-1:mem.used', '2/3']);
});

test('as JSON every point is the line that JSONL has', () => {
  const record = hostRecord(6);
  const messages = [...createEncoder({ encoding: 'json', clientsMax: 1 }).messages(record, 0)];
  expect(messages.map(({ value }) => text(value))).toEqual(jsonlLines(record.body));
  expect(messages).toHaveLength(359);
  expect(new Set(messages.map(({ key }) => key))).toEqual(new Set([record.clientId]));
  expect(messages[0]?.headers).toEqual({ epoch: String(record.epoch), seq: '3' });
});

test('as JSON a split batch has a key for each metric, and messages begin where they are asked to', () => {
  const encoder = createEncoder({ encoding: 'json', clientsMax: 1 });
  const record = { ...hostRecord(2), part: '1/1' };
  const all = [...encoder.messages(record, 0)];
  for (const { key, value } of all) {
    const { name, client_id: client } = JSON.parse(text(value)) as { name: string; client_id: string };
    expect(key).toBe(`${client}:${name}`);
  }
  for (const skip of [1, 59, 60, 118, 119]) expect([...encoder.messages(record, skip)]).toEqual(all.slice(skip));
});

test('the schema version is found in what any encoder writes, and is 0 where there is none', () => {
  expect(schemaVersionOf(bodyOf({ clientId: 'a', seq: 1 }))).toBe(1);
  expect(schemaVersionOf(encodeBatch({ ...hostBatch(1, 300, 1), schemaVersion: 200 }))).toBe(200);
  for (const bytes of [[], [0x20], [0x0a, 200], [0x11, 1, 2], [0xff, 0xff, 0xff], [0x52, 0]])
    expect(schemaVersionOf(Uint8Array.from(bytes))).toBe(0);
});

test('a body that cannot be read as points says so before the first message', () => {
  const record = { ...hostRecord(1), body: Uint8Array.of(10, 99) };
  expect(() => [...createEncoder({ encoding: 'json', clientsMax: 1 }).messages(record, 0)]).toThrow(/unreadable/);
});
