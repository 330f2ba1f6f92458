import { createSeriesSetCache, forEachPoint, readBatch } from '@metricstream/proto/read.ts';
import { createWalker } from '@metricstream/proto/walk.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { crc32 } from 'node:zlib';
import { hostBatch } from '../../../../proto/bench/host-batch.ts';
import { expect, test } from 'vitest';
import { createSplitter } from '../../../src/sinks/kafka/split.ts';
import { recordOf } from './kit.ts';

function hostRecord(sweeps: number) {
  const batch = hostBatch(1, 3, sweeps);
  for (let at = 0; at < batch.values.length; at += 7) batch.values[at] = Number.NaN;
  const points = batch.values.filter((value) => !Number.isNaN(value)).length;
  return { ...recordOf({ clientId: batch.clientId, seq: batch.seq }), points, body: encodeBatch(batch) };
}

function pointsOf(body: Uint8Array): string[] {
  const batch = readBatch(body, createSeriesSetCache({ clientsMax: 1 }));
  const points: string[] = [];
  forEachPoint(batch, (series, _, time, value) => points.push(JSON.stringify([series, String(time), value])));
  return points;
}

test('the parts are whole batches with the same triple, and together have each point of the batch once', () => {
  const record = hostRecord(6);
  const parts = createSplitter().split(record, 12) ?? [];
  expect(parts.length).toBeGreaterThan(4);
  const walk = createWalker(DEFAULT_WIRE_LIMITS);
  const found: string[] = [];
  for (const [index, part] of parts.entries()) {
    expect(part.part).toBe(`${index + 1}/${parts.length}`);
    const encoded = part.encode();
    const walked = walk(encoded.body);
    expect([walked.reason, walked.epoch, walked.seq, walked.points]).toEqual([
      '',
      readBatch(record.body, createSeriesSetCache({ clientsMax: 1 })).epoch,
      record.seq,
      part.points,
    ]);
    expect([encoded.points, encoded.bodyCrc]).toEqual([part.points, crc32(encoded.body)]);
    found.push(...pointsOf(encoded.body));
  }
  expect(found.sort()).toEqual(pointsOf(record.body).sort());
  expect(parts.reduce((sum, { points }) => sum + points, 0)).toBe(record.points);
  expect(new Set(parts.map(({ partition }) => partition)).size).toBe(parts.length);
});

test('the same record gives the same parts, whoever splits it', () => {
  const record = hostRecord(1);
  const bytes = () =>
    createSplitter()
      .split(record, 12)
      ?.map((part) => Buffer.from(part.encode().body).toString('hex'));
  expect(bytes()).toEqual(bytes());
});

test('a batch of one metric keeps its bytes; one without series, or unreadable, is not split', () => {
  const one = recordOf({ clientId: 'a', seq: 1, metrics: ['m'], sweeps: 3 });
  const [part] = createSplitter().split(one, 12) ?? [];
  expect(part?.part).toBe('1/1');
  expect(part?.key).toBe('a:m');
  expect(part?.encode().body).toEqual(one.body);
  expect(createSplitter().split(recordOf({ clientId: 'a', seq: 1, metrics: [] }), 12)).toBeUndefined();
  expect(createSplitter().split({ ...one, body: new Uint8Array([255, 255]) }, 12)).toBeUndefined();
});
