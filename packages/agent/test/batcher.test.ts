import { metricstream } from '@metricstream/proto/gen/metricstream.js';
import { silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it } from 'vitest';
import { createBatcher, matrixOf } from '../src/batcher.ts';
import { createDropped } from '../src/spool/dropped.ts';
import type { SpoolAppended, SpooledBatch } from '../src/spool/spool.ts';
import { seeded, series, sweepOf } from './support.ts';

const EPOCH = 77;

function batcherWith(sweepsPerBatch: number, append: (batch: SpooledBatch) => SpoolAppended) {
  const dropped = createDropped(EPOCH, []);
  const batcher = createBatcher({
    clientId: 'web-1',
    agentVersion: '1.2.3',
    configHash: 5n,
    resource: [['host', 'web-1']],
    sweepsPerBatch,
    spool: { epoch: EPOCH, append, dropped },
    log: silentLog,
  });
  return { batcher, dropped };
}

describe('the batcher', () => {
  it('sends each sweep at once by default, as a batch that carries the whole identity', () => {
    const batches: SpooledBatch[] = [];
    const { batcher } = batcherWith(1, (batch) => {
      batches.push(batch);
      return { ok: true };
    });
    batcher.add(sweepOf(5000, ['cpu.usage_user', 'mem.used_percent']));
    expect(batches).toMatchObject([{ seq: 1, points: 2, unixMs: 5000 }]);
    const batch = metricstream.Batch.decode(batches[0]?.body as Uint8Array);
    expect(batch).toMatchObject({ clientId: 'web-1', agentVersion: '1.2.3', schemaVersion: 1 });
    expect([...batch.values]).toEqual([0, 1]);
  });

  it('gives a failed append no seq, counts its points, and says so in the next batch', () => {
    let full = false;
    const batches: SpooledBatch[] = [];
    const { batcher, dropped } = batcherWith(1, (batch) => {
      if (full) return { ok: false, reason: 'spool_write_failed', why: 'ENOSPC' };
      batches.push(batch);
      return { ok: true };
    });
    batcher.add(sweepOf(1000, ['a']));
    full = true;
    batcher.add(sweepOf(2000, ['a', 'b']));
    full = false;
    batcher.add(sweepOf(3000, ['a']));
    expect(batches.map((batch) => batch.seq)).toEqual([1, 2]);
    expect(batcher.pointsSampled()).toBe(4);
    expect(dropped.thisRun).toEqual({ spool_write_failed: 2 });
    const last = metricstream.Batch.decode(batches[1]?.body as Uint8Array);
    expect(last.pointsSampledTotal.low).toBe(4);
    expect(last.droppedTotal).toMatchObject([{ reason: 'spool_write_failed', points: expect.anything() }]);
  });

  it('spools an unfinished batch on flush and nothing for sweeps without readings', () => {
    const batches: SpooledBatch[] = [];
    const { batcher } = batcherWith(6, (batch) => {
      batches.push(batch);
      return { ok: true };
    });
    batcher.flush();
    batcher.add(sweepOf(1000, []));
    batcher.flush();
    expect(batches).toHaveLength(0);
    batcher.add(sweepOf(2000, ['a']));
    batcher.flush();
    expect(batches).toMatchObject([{ seq: 1, points: 1 }]);
  });

  it.each([1, 2, 3, 4, 5])('accounts for every point whatever fails: sampled = spooled + dropped (seed %i)', (seed) => {
    const random = seeded(seed);
    let spooled = 0;
    let expectedSeq = 1;
    const { batcher, dropped } = batcherWith(1 + random.below(5), (batch) => {
      expect(batch.seq).toBe(expectedSeq);
      if (random.chance(0.2)) return { ok: false, reason: 'spool_write_failed', why: 'disk' };
      expectedSeq++;
      spooled += batch.points;
      return { ok: true };
    });
    const names = Array.from({ length: 20 }, (_, i) => `m.f${i}`);
    let given = 0;
    for (let i = 0; i < 400; i++) {
      const some = names.filter(() => random.chance(0.5));
      const notFinite = random.chance(0.1) ? random.below(4) : 0;
      given += some.length + notFinite;
      batcher.add(sweepOf(1000 * i, some, notFinite));
    }
    batcher.flush();
    const lost = Object.values(dropped.thisRun).reduce((sum, points) => sum + points, 0);
    expect(batcher.pointsSampled(), `seed ${seed}`).toBe(given);
    expect(spooled + lost, `seed ${seed}`).toBe(given);
  });
});

describe('the matrix of some sweeps', () => {
  it('is the union of their series, NaN where a sweep lacks one', () => {
    const matrix = matrixOf([sweepOf(1, ['a', 'b']), sweepOf(2, ['b', 'c'])]);
    expect(matrix.series.map((one) => one.name)).toEqual(['a', 'b', 'c']);
    expect([...matrix.values]).toEqual([0, Number.NaN, 1, 0, Number.NaN, 1]);
    expect(matrix.points).toBe(4);
  });

  it('takes two labels that the wire would make the same for one series, and counts it once', () => {
    const one = { series: series('disk.free', [['path', '/a\u0001']]), value: 1 };
    const other = { series: series('disk.free', [['path', '/a\u0002']]), value: 2 };
    const matrix = matrixOf([{ timeUnixNano: 1n, readings: [one, other], failures: [], notFinite: 0 }]);
    expect([matrix.points, [...matrix.values]]).toEqual([1, [2]]);
  });

  it('counts readings of more series than a batch may have as excess', () => {
    const matrix = matrixOf([sweepOf(1, ['a', 'b', 'c']), sweepOf(2, ['c', 'a'])], 2);
    expect([matrix.points, matrix.excess]).toEqual([3, 2]);
  });
});
