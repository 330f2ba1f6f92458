import { expect, test } from 'vitest';
import { sleep, systemClock } from '../src/clock.ts';
import { fakeClock } from '../src/testing/fake-clock.ts';

test('a sleep lasts at least as long as it was told to', async () => {
  const startMs = systemClock.monotonicMs();
  await sleep(5.5);
  expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(5.5);
});

test('a sleep ends at once when its signal is aborted, before or during it, and leaves no listener', async () => {
  const abort = new AbortController();
  const sleeping = sleep(3_000_000_000, abort.signal);
  abort.abort();
  await sleeping;
  await sleep(60_000, abort.signal);
  expect(abort.signal.aborted).toBe(true);
});

test('the fake clock wakes sleepers in order, each at its own time', async () => {
  const clock = fakeClock(1000);
  const woken: [string, number][] = [];
  const start = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms);
    woken.push([name, clock.monotonicMs()]);
    if (name === 'early') await start('again', 30);
  };
  const all = [start('late', 50), start('early', 10)];
  await clock.advance(45);
  expect(woken).toEqual([
    ['early', 10],
    ['again', 40],
  ]);
  expect(clock.sleepers()).toBe(1);
  await clock.advance(5);
  await Promise.all(all);
  expect(clock.unixMs()).toBe(1050);
  clock.stepWall(-500);
  expect([clock.unixMs(), clock.monotonicMs()]).toEqual([550, 50]);
});
