/** The runner: no sampler can stop, delay or poison another, and everything that goes wrong is counted. */
import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import type { Series } from '@metricstream/proto/batch.ts';
import { expect, test } from 'vitest';
import { createSweeper } from '../../src/samplers/run-samplers.ts';
import type { Reading, Sampler } from '../../src/samplers/sampler.ts';

const FLOAT: Series = { name: 'x.float', unit: 'percent', kind: 'float', labels: [] };
const INTEGER: Series = { name: 'x.integer', unit: 'count', kind: 'integer', labels: [] };

function good(name = 'good', value = 1): Sampler {
  return { name, sample: () => [{ series: FLOAT, value }] };
}

/** A sampler that answers when told to. */
function slow(): Sampler & { starts: number; answer(readings: Reading[]): void; refuse(why: string): void } {
  let resolve: (readings: Reading[]) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  return {
    name: 'slow',
    starts: 0,
    sample() {
      this.starts++;
      return new Promise((yes, no) => {
        resolve = yes;
        reject = no;
      });
    },
    answer: (readings) => resolve(readings),
    refuse: (why) => reject(new Error(why)),
  };
}

test('a sweep has the time it began at and all readings, those that were waited for last', async () => {
  const clock = fakeClock(1_700_000_000_123);
  const later: Sampler = { name: 'later', sample: () => Promise.resolve([{ series: INTEGER, value: 3 }]) };
  const sweeper = createSweeper({ samplers: [good('a', 1), later, good('b', 2)], timeoutMs: 1000, clock });
  const sweep = await sweeper.sweep();
  expect(sweep.timeUnixNano).toBe(1_700_000_000_123_000_000n);
  expect(sweep.readings.map(({ value }) => value)).toEqual([1, 2, 3]);
  expect(sweep).toMatchObject({ failures: [], notFinite: 0 });
});

test('a sampler that throws, at once or later, costs its own points only', async () => {
  const throws: Sampler = {
    name: 'throws',
    sample() {
      throw new Error('no such file', { cause: new Error('ENOENT') });
    },
  };
  const rejects: Sampler = { name: 'rejects', sample: () => Promise.reject(new Error('later')) };
  const sweeper = createSweeper({ samplers: [throws, good(), rejects], timeoutMs: 1000, clock: fakeClock() });
  const sweep = await sweeper.sweep();
  expect(sweep.readings).toHaveLength(1);
  expect(sweep.failures).toEqual([
    { sampler: 'throws', reason: 'error', why: 'no such file: ENOENT' },
    { sampler: 'rejects', reason: 'error', why: 'later' },
  ]);
  expect(sweeper.stats().map(({ sampler, failures }) => [sampler, failures.error])).toEqual([
    ['throws', 1],
    ['good', 0],
    ['rejects', 1],
  ]);
});

test('a slow sampler is cut off at the timeout, not started again while it hangs, and welcome when it is back', async () => {
  const clock = fakeClock();
  const sampler = slow();
  const sweeper = createSweeper({ samplers: [sampler, good()], timeoutMs: 500, clock });

  const first = sweeper.sweep();
  await clock.advance(500);
  expect((await first).failures).toEqual([{ sampler: 'slow', reason: 'timeout', why: 'it took longer than 500 ms' }]);
  expect((await first).readings).toHaveLength(1);

  const second = await sweeper.sweep();
  expect(second.failures.map(({ reason }) => reason)).toEqual(['pending']);
  expect(sampler.starts).toBe(1);

  // What it answers now belongs to a sweep that is over: it is not taken.
  sampler.answer([{ series: FLOAT, value: 99 }]);
  await clock.advance(0);
  const third = sweeper.sweep();
  await clock.advance(0);
  sampler.answer([{ series: FLOAT, value: 7 }]);
  expect((await third).readings.map(({ value }) => value)).toEqual([1, 7]);
  expect((await third).failures).toEqual([]);
  expect((await first).readings).toHaveLength(1);
  const [stats] = sweeper.stats();
  expect(stats).toMatchObject({ runs: 2, readings: 1, failures: { timeout: 1, pending: 1, error: 0, partial: 0 } });
  expect(stats?.totalDurationMs).toBeGreaterThanOrEqual(500);
});

test('a late rejection is heard by nobody and breaks nothing', async () => {
  const clock = fakeClock();
  const sampler = slow();
  const sweeper = createSweeper({ samplers: [sampler], timeoutMs: 10, clock });
  const first = sweeper.sweep();
  await clock.advance(10);
  await first;
  sampler.refuse('too late');
  await clock.advance(0);
  expect(sweeper.stats()[0]?.failures).toEqual({ timeout: 1, error: 0, pending: 0, partial: 0 });
});

test('the signal is aborted at the deadline, so that a sampler can stop', async () => {
  const clock = fakeClock();
  const seen: boolean[] = [];
  const sampler: Sampler = {
    name: 'obedient',
    sample: (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          seen.push(signal.aborted);
          resolve([]);
        });
      }),
  };
  const sweeper = createSweeper({ samplers: [sampler], timeoutMs: 50, clock });
  const first = sweeper.sweep();
  await clock.advance(50);
  await first;
  expect(seen).toEqual([true]);
  await clock.advance(0);
  const second = sweeper.sweep();
  await clock.advance(50);
  expect((await second).failures.map(({ reason }) => reason)).toEqual(['timeout']);
});

test('numbers their kind cannot carry are counted and go no further', async () => {
  const values: Reading[] = [
    { series: FLOAT, value: Number.NaN },
    { series: FLOAT, value: Number.POSITIVE_INFINITY },
    { series: FLOAT, value: -0.5 },
    { series: INTEGER, value: 1.5 },
    { series: INTEGER, value: 2 ** 53 },
    { series: INTEGER, value: -1 },
  ];
  const sweeper = createSweeper({
    samplers: [{ name: 'odd', sample: () => values }],
    timeoutMs: 10,
    clock: fakeClock(),
  });
  const sweep = await sweeper.sweep();
  expect(sweep.readings.map(({ value }) => value)).toEqual([-0.5, -1]);
  expect(sweep.notFinite).toBe(4);
  expect(sweeper.stats()[0]).toMatchObject({ readings: 2, notFinite: 4 });
});

test('a partial failure keeps the readings that are there; one said after the end is not counted', async () => {
  let fault: (why: string) => void = () => undefined;
  const sampler: Sampler = {
    name: 'disk',
    sample(_signal, report) {
      fault = report;
      report('one mount hangs');
      return [{ series: FLOAT, value: 1 }];
    },
  };
  const sweeper = createSweeper({ samplers: [sampler], timeoutMs: 10, clock: fakeClock() });
  const sweep = await sweeper.sweep();
  fault('too late');
  expect(sweep.readings).toHaveLength(1);
  expect(sweep.failures).toEqual([{ sampler: 'disk', reason: 'partial', why: 'one mount hangs' }]);
});

test('a sampler with its own interval runs at it, whatever small shifts the sweeps have', async () => {
  const clock = fakeClock();
  let runs = 0;
  const sampler: Sampler = {
    name: 'rare',
    intervalMs: 30_000,
    sample() {
      runs++;
      return [];
    },
  };
  const sweeper = createSweeper({ samplers: [sampler], timeoutMs: 10, clock });
  const seen: number[] = [];
  for (const waitMs of [0, 10_003, 9998, 9990, 10_005, 10_000, 10_001]) {
    await clock.advance(waitMs);
    await sweeper.sweep();
    seen.push(runs);
  }
  expect(seen).toEqual([1, 1, 1, 2, 2, 2, 3]);
});

test('closing closes every sampler', () => {
  let closed = 0;
  const sampler: Sampler = { ...good(), close: () => closed++ };
  createSweeper({ samplers: [sampler, good(), sampler], timeoutMs: 10 }).close();
  expect(closed).toBe(2);
});
