/** Points of a chunk as records again: each chosen point once, under its triple, at its time, with its value. */
import { createSeriesSetCache, forEachPoint, readBatch } from '@metricstream/proto/read.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { createWalker } from '@metricstream/proto/walk.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, it } from 'vitest';
import { type Chunk, createChunk } from '../../src/migrate/chunk.ts';
import { createJsonlReader } from '../../src/migrate/jsonl-reader.ts';
import type { FileSeries } from '../../src/sinks/jsonl/read-line.ts';
import { type RecordOptions, recordsOf } from '../../src/migrate/records.ts';
import { openFiles, randomBatch, START_MINUTE, write } from './fleet.ts';

const WINDOW = { since: START_MINUTE, until: START_MINUTE + 100 };
const everything: RecordOptions = { chosen: () => true, kindOf: () => 'float', nowUnixMs: 1 };

/** Every point of the records as text, with its triple. */
function pointsOf(records: Iterable<ReturnType<typeof randomBatch>>): string[] {
  const cache = createSeriesSetCache({ clientsMax: 10 });
  const points: string[] = [];
  for (const record of records) {
    const batch = readBatch(record.body, cache);
    expect([batch.clientId, batch.epoch, batch.seq]).toEqual([record.clientId, record.epoch, record.seq]);
    let count = 0;
    forEachPoint(batch, ({ name, unit, labels }, _at, time, value) => {
      count++;
      const { resource } = batch.seriesSet;
      points.push(
        JSON.stringify([record.clientId, record.epoch, record.seq, resource, name, unit, labels, String(time), value]),
      );
    });
    expect(record.points).toBe(count);
  }
  return points.sort();
}

it('gives the batches of the files back, and a walker accepts them', async () => {
  const random = seeded(51);
  const { dir, sink } = await openFiles();
  const written = Array.from({ length: 50 }, (_, at) => randomBatch(random, random.pick(['a', 'b']), at + 1));
  await write(sink, ...written);
  const reader = createJsonlReader({ path: dir, window: WINDOW });
  await reader.index();
  const collecting = createChunk(WINDOW);
  await reader.read(WINDOW, collecting.add);
  const chunk = collecting.finish();
  const records = [...recordsOf(chunk, everything)];
  expect(pointsOf(records), `seed ${random.seed}`).toEqual(pointsOf(written));
  expect(records).toHaveLength(written.filter(({ points }) => points > 0).length);
  const walk = createWalker(DEFAULT_WIRE_LIMITS);
  for (const { body } of records) expect(walk(body)).toMatchObject({ ok: true, reason: '' });
});

function chunkOf(points: number, at: (index: number) => { series: FileSeries; nanos: number }): Chunk {
  const collecting = createChunk(WINDOW);
  for (let index = 0; index < points; index++)
    collecting.add({ ...at(index), minute: START_MINUTE, value: index, epoch: 0, seq: 0 });
  return collecting.finish();
}

const bare = (name: string): FileSeries => ({ clientId: 'jsonl', name, unit: '', resource: [], labels: [] });

it('keeps a record small, whether its points are many or spread thin', () => {
  const many = bare('a');
  const thin = Array.from({ length: 1000 }, (_, at) => bare(`thin.field${at}`));
  for (const chunk of [
    chunkOf(25_000, (index) => ({ series: many, nanos: index * 1000 })),
    chunkOf(1000, (index) => ({ series: thin[index]!, nanos: index * 1000 })),
  ]) {
    const records = [...recordsOf(chunk, everything)];
    expect(records.length).toBeGreaterThan(2);
    expect(pointsOf(records)).toHaveLength(chunk.points);
    for (const { body } of records) expect(body.length).toBeLessThan(700_000);
  }
});

it('leaves out what is not chosen, and makes nothing of nothing', () => {
  const series = bare('a');
  const chunk = chunkOf(10, (index) => ({ series, nanos: index }));
  const half = [...recordsOf(chunk, { ...everything, chosen: (_series, at) => at % 2 === 0 })];
  expect(half.map(({ points }) => points)).toEqual([5]);
  expect([...recordsOf(chunk, { ...everything, chosen: () => false })]).toEqual([]);
});
