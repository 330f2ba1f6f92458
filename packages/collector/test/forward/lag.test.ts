import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { createLagWatch } from '../../src/forward/lag.ts';

const START = 1_700_000_000_000;
const ASK_MS = 5000;

/** A watch over two partitions whose lag is as told. */
async function watched(lags: [number, number], known = 0) {
  const clock = fakeClock(START);
  const stop = new AbortController();
  const state = { lags, fails: false, oldest: new Map<number, number>(), passed: new Map<number, number>() };
  const watch = createLagWatch({
    async ask() {
      if (state.fails) throw new Error('no broker answers');
      return state.lags.map((lag, partition) => ({ partition, committed: 0, begin: 0, end: lag, lag }));
    },
    assigned: () => [0, 1].map((partition) => ({ partition, lag: known })),
    times: () => ({ oldestUnixMs: state.oldest, passedUnixMs: state.passed }),
    clock,
  });
  const before = watch.partitions();
  const running = watch.run(stop.signal);
  await clock.advance(0);
  return {
    clock,
    state,
    watch,
    before,
    async end() {
      stop.abort();
      await running;
    },
  };
}

const secondsOf = ({ watch }: Awaited<ReturnType<typeof watched>>): number[] =>
  watch.partitions().map(({ seconds }) => seconds);

test('it tells what the cluster knows, and until that has answered what the consumer knows', async () => {
  const w = await watched([5, 0], 2);
  expect(w.before.map(({ messages }) => messages)).toEqual([2, 2]);
  expect(w.watch.partitions().map(({ messages }) => messages)).toEqual([5, 0]);
  w.state.lags = [7, 1];
  await w.clock.advance(ASK_MS);
  expect(w.watch.partitions().map(({ messages }) => messages)).toEqual([7, 1]);
  w.state.fails = true;
  w.state.lags = [9, 9];
  await w.clock.advance(ASK_MS);
  expect(w.watch.partitions().map(({ messages }) => messages)).toEqual([7, 1]);
  await w.end();
});

test('the age is that of the oldest message under way', async () => {
  const w = await watched([5, 0]);
  w.state.oldest.set(0, START - 90_000);
  await w.clock.advance(1000);
  expect(secondsOf(w)).toEqual([91, 0]);
  await w.end();
});

test('a message that waits and was not taken yet is at most as old as what was stored before it', async () => {
  const w = await watched([5, 5]);
  w.state.passed.set(0, START - 30_000);
  await w.clock.advance(1000);
  // Of the other nothing is known but since when it is seen.
  expect(secondsOf(w)).toEqual([1, 1]);
  await w.end();
});

test('after an hour of silence the first message is not an hour old', async () => {
  const w = await watched([0, 0]);
  w.state.passed.set(0, START);
  await w.clock.advance(3_600_000);
  w.state.lags = [1, 0];
  await w.clock.advance(ASK_MS);
  const [seconds = 0] = secondsOf(w);
  expect(seconds).toBeLessThanOrEqual((2 * ASK_MS) / 1000);
  await w.end();
});

test('a clock that is behind the brokers’ makes no negative age', async () => {
  const w = await watched([1, 0]);
  w.state.oldest.set(0, START + 60_000);
  expect(secondsOf(w)).toEqual([0, 0]);
  await w.end();
});
