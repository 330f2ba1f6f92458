/** The JSONL sink by itself: what it answers, where it writes, what it does when the disk or somebody else interferes. */
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonlState } from '../../../src/sinks/jsonl/directory.ts';
import type { JsonlSink, JsonlSinkOptions } from '../../../src/sinks/jsonl/jsonl-sink.ts';
import { createJsonlSink } from '../../../src/sinks/jsonl/jsonl-sink.ts';
import { faultyOpen, noFaults } from './faulty-file.ts';
import { bareRecord, bufferBytesInUse, deliveryOf, never, recordOf, textIn, valuesIn } from './helpers.ts';

let root: string;
let dir: string;
const opened: JsonlSink[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'jsonl-'));
  dir = join(root, 'jsonl');
});
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close();
  rmSync(root, { recursive: true, force: true });
});

async function openSink(options: Partial<JsonlSinkOptions> = {}): Promise<JsonlSink> {
  const sink = await createJsonlSink({ dir, rotateBytes: 1e9, keepMs: 7 * 86_400_000, clientsMax: 10, ...options });
  opened.push(sink);
  return sink;
}

/** Writes values as one delivery, which must be stored. */
async function store(sink: JsonlSink, ...values: number[]): Promise<JsonlState> {
  const outcome = await sink.write(deliveryOf(recordOf(1, values)), never);
  expect(outcome.kind).toBe('stored');
  return (outcome as { state: JsonlState }).state;
}

const sizeOf = (name: string): number => statSync(join(dir, name)).size;
const names = (): string[] => readdirSync(dir).sort();

describe('a delivery', () => {
  it('is stored with the file and the length it ends at', async () => {
    const sink = await openSink();
    expect(await store(sink, 1, 2)).toEqual({
      file: 'metrics-000001.jsonl',
      lengthBytes: sizeOf('metrics-000001.jsonl'),
    });
    const state = await store(sink, 3);
    expect(state.lengthBytes).toBe(sizeOf('metrics-000001.jsonl'));
    expect(valuesIn(dir)).toEqual([1, 2, 3]);
    expect(sink.stats).toMatchObject({ points: 3, records: 2, bytes: state.lengthBytes, writesFailed: 0 });
  });

  it('is readable for the group only', async () => {
    await store(await openSink(), 1);
    expect(statSync(dir).mode & 0o777).toBe(0o750);
    expect(statSync(join(dir, 'metrics-000001.jsonl')).mode & 0o777).toBe(0o640);
  });

  it('stores what it can read and names what it cannot', async () => {
    const sink = await openSink();
    const records = [recordOf(1, [1]), bareRecord(2, 5, Uint8Array.of(255, 255, 255)), recordOf(3, [3])];
    const outcome = await sink.write(deliveryOf(...records), never);
    expect(outcome).toMatchObject({
      kind: 'rejected',
      which: [1],
      why: expect.stringMatching(/^this version cannot read the batch: ./) as unknown,
      state: { file: 'metrics-000001.jsonl', lengthBytes: sizeOf('metrics-000001.jsonl') },
    });
    expect(valuesIn(dir)).toEqual([1, 3]);
    expect(sink.stats).toMatchObject({ records: 2, recordsRejected: 1, points: 2 });
  });

  it('without a single point is stored as nothing', async () => {
    const sink = await openSink();
    expect(await store(sink, Number.NaN)).toEqual({ file: 'metrics-000001.jsonl', lengthBytes: 0 });
  });

  it('far larger than the buffers costs no more memory than a small one', async () => {
    const inner = faultyOpen(noFaults());
    let writes = 0;
    let peakBytes = 0;
    const sink = await openSink({
      open: async (...args) => {
        const handle = await inner(...args);
        return {
          ...handle,
          write: (bytes, offset, length, at) => {
            if (writes++ % 8 === 0) peakBytes = Math.max(peakBytes, bufferBytesInUse());
            return handle.write(bytes, offset, length, at);
          },
        };
      },
    });
    const values = Array.from({ length: 20_000 }, (_, at) => at);
    const record = recordOf(1, values);
    const before = bufferBytesInUse();
    // 20 × 20,000 lines are about 60 MB of text.
    const outcome = await sink.write(deliveryOf(...Array.from({ length: 20 }, () => record)), never);
    expect(outcome.kind).toBe('stored');
    expect(sink.stats.bytes).toBeGreaterThan(50e6);
    // The text of 20,000 series, kept for the next batch, is 3 MB of it.
    expect(peakBytes - before).toBeLessThan(10e6);
  });

  it('that is aborted leaves nothing and comes again', async () => {
    const sink = await openSink();
    const before = await store(sink, 1);
    const outcome = await sink.write(deliveryOf(recordOf(2, [2])), AbortSignal.abort());
    expect(outcome).toEqual({ kind: 'retry', why: 'stopped before the delivery was stored' });
    expect(sizeOf('metrics-000001.jsonl')).toBe(before.lengthBytes);
    await store(sink, 2);
    expect(valuesIn(dir)).toEqual([1, 2]);
  });
});

describe('rotation', () => {
  it('begins the next file between deliveries, compresses the last one, and keeps the order', async () => {
    const sink = await openSink({ rotateBytes: 500 });
    for (let value = 0; value < 20; value += 2) await store(sink, value, value + 1);
    await sink.idle();
    expect(valuesIn(dir)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(names()).toContain('metrics-000001.jsonl.zst');
    expect(names()).not.toContain('metrics-000001.jsonl');
    expect(statSync(join(dir, 'metrics-000001.jsonl.zst')).mode & 0o777).toBe(0o640);
    expect(sink.stats.filesRotated).toBeGreaterThan(3);
  });

  it('compresses a file only when a delivery of a later one is committed', async () => {
    const sink = await openSink({ rotateBytes: 1 });
    await store(sink, 1);
    await store(sink, 2);
    await sink.idle();
    expect(names()).toEqual(['metrics-000001.jsonl', 'metrics-000002.jsonl']);
    await store(sink, 3);
    await sink.idle();
    expect(names()).toEqual(['metrics-000001.jsonl.zst', 'metrics-000002.jsonl', 'metrics-000003.jsonl']);
  });

  it('deletes files when their last line is past its time, counted', async () => {
    const clock = fakeClock(Date.now());
    const sink = await openSink({ rotateBytes: 1, keepMs: 86_400_000, clock });
    for (let value = 1; value <= 4; value++) await store(sink, value);
    await sink.idle();
    const old = new Date(Date.now() - 2 * 86_400_000);
    utimesSync(join(dir, 'metrics-000001.jsonl.zst'), old, old);
    await clock.advance(61_000);
    await store(sink, 5);
    await sink.idle();
    expect(valuesIn(dir)).toEqual([2, 3, 4, 5]);
    expect(sink.stats.filesDeleted).toBe(1);
    expect(sink.stats.bytesDeleted).toBeGreaterThan(0);
  });

  it('keeps the time of the last line through compression', async () => {
    const first = await openSink({ rotateBytes: 1 });
    await store(first, 1);
    const state = await store(first, 2);
    await first.close();
    const old = new Date(Date.now() - 3_600_000);
    utimesSync(join(dir, 'metrics-000001.jsonl'), old, old);
    const second = await openSink({ state });
    await second.idle();
    expect(statSync(join(dir, 'metrics-000001.jsonl.zst')).mtimeMs).toBeCloseTo(old.getTime(), -1);
  });
});

describe('a disk that fails', () => {
  it('full: the delivery is cut away to the last byte, and stored when there is room', async () => {
    const faults = noFaults();
    const sink = await openSink({ open: faultyOpen(faults) });
    const before = await store(sink, 1);
    faults.freeBytes = 100;
    const outcome = await sink.write(deliveryOf(recordOf(2, [2, 3])), never);
    expect(outcome).toMatchObject({ kind: 'retry', why: expect.stringContaining('ENOSPC') as unknown });
    expect(sizeOf('metrics-000001.jsonl')).toBe(before.lengthBytes);
    faults.freeBytes = Number.POSITIVE_INFINITY;
    await store(sink, 2, 3);
    expect(valuesIn(dir)).toEqual([1, 2, 3]);
    expect(sink.stats.writesFailed).toBe(1);
  });

  it('a short write is completed', async () => {
    const faults = noFaults();
    const inner = faultyOpen(faults);
    const sink = await openSink({
      open: async (...args) => {
        const handle = await inner(...args);
        return {
          ...handle,
          write: (bytes, offset, length, at) => handle.write(bytes, offset, Math.min(length, 7), at),
        };
      },
    });
    await store(sink, 1, 2, 3);
    expect(valuesIn(dir)).toEqual([1, 2, 3]);
  });

  it('a failed sync is never asked for again: the delivery is cut away and the next file takes it', async () => {
    const faults = noFaults();
    const sink = await openSink({ open: faultyOpen(faults) });
    const before = await store(sink, 1);
    faults.syncsFailing = 1;
    const outcome = await sink.write(deliveryOf(recordOf(2, [2])), never);
    expect(outcome).toMatchObject({ kind: 'retry', why: expect.stringContaining('EIO') as unknown });
    expect(sizeOf('metrics-000001.jsonl')).toBe(before.lengthBytes);
    expect((await store(sink, 2)).file).toBe('metrics-000002.jsonl');
    expect(faults.writesAfterFailure).toBe(0);
    expect(valuesIn(dir)).toEqual([1, 2]);
  });

  it('a failed first sync gives the number to another file', async () => {
    const faults = { ...noFaults(), syncsFailing: 1 };
    const sink = await openSink({ open: faultyOpen(faults) });
    expect((await sink.write(deliveryOf(recordOf(1, [1])), never)).kind).toBe('retry');
    expect((await store(sink, 1)).file).toBe('metrics-000001.jsonl');
    expect(faults.writesAfterFailure).toBe(0);
    expect(valuesIn(dir)).toEqual([1]);
  });

  it('a set-up that cannot work halts, and goes on once it is put right', async () => {
    const sink = await openSink();
    rmSync(dir, { recursive: true });
    expect(await sink.write(deliveryOf(recordOf(1, [1])), never)).toMatchObject({ kind: 'halt' });
    const again = await openSink();
    await store(again, 1);
    await store(sink, 2);
    expect(sink.stats.points).toBe(1);
  });
});

describe('somebody else at the files', () => {
  it('removing the active one costs no new line', async () => {
    const sink = await openSink();
    await store(sink, 1);
    rmSync(join(dir, 'metrics-000001.jsonl'));
    expect((await store(sink, 2)).file).toBe('metrics-000002.jsonl');
    expect(valuesIn(dir)).toEqual([2]);
    expect(sink.stats.filesDamaged).toBe(1);
  });

  it('shortening the active one tears no new line', async () => {
    const sink = await openSink();
    await store(sink, 1, 2);
    truncateSync(join(dir, 'metrics-000001.jsonl'), 5);
    expect((await store(sink, 3)).file).toBe('metrics-000002.jsonl');
    expect(textIn(dir)).toMatch(/^\{"tim\{"timestamp":[^\n]+"value":3[^\n]+\n$/);
    expect(sink.stats.filesDamaged).toBe(1);
  });

  it('adding to the active one changes nothing', async () => {
    const sink = await openSink();
    await store(sink, 1);
    appendFileSync(join(dir, 'metrics-000001.jsonl'), 'hello');
    await store(sink, 2);
    expect(valuesIn(dir)).toEqual([1, 2]);
    expect(sink.stats.filesDamaged).toBe(1);
  });
});
