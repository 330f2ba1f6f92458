import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { createTicks, nextTick, phaseOf } from '../src/ticks.ts';
import { manualClock, seeded } from './support.ts';

const START = 1_700_000_003_456;

function sampling(intervalMs = 10_000, phaseMs = 1500) {
  const clock = fakeClock(START);
  const ticks = createTicks({ intervalMs, phaseMs, clock });
  const at: number[] = [];
  const stop = new AbortController();
  let tookMs = 0;
  const running = ticks.run(async () => {
    at.push(clock.unixMs());
    if (tookMs > 0) await clock.sleep(tookMs);
  }, stop.signal);
  return {
    clock,
    ticks,
    at,
    takes: (ms: number) => {
      tookMs = ms;
    },
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

describe('ticks', () => {
  it('come at multiples of the interval on the wall clock, plus the phase of this host', async () => {
    const { clock, at, end } = sampling();
    await clock.advance(40_000);
    await end();
    expect(at).toEqual([1_700_000_011_500, 1_700_000_021_500, 1_700_000_031_500, 1_700_000_041_500]);
  });

  it('that are missed while the sweep takes long are skipped, not made up for', async () => {
    const { clock, at, ticks, takes, end } = sampling();
    takes(25_000);
    await clock.advance(8_100);
    await clock.advance(25_000);
    takes(0);
    await clock.advance(20_000);
    await end();
    expect(at).toEqual([1_700_000_011_500, 1_700_000_041_500, 1_700_000_051_500]);
    expect(ticks.missed()).toBe(2);
  });

  it.each([3_600_000, -3_600_000, 86_400_000 * 365, -86_400_000 * 365])(
    'go on within two intervals and aligned again after the wall clock stepped by %i ms',
    async (stepMs) => {
      const { clock, at, end } = sampling();
      await clock.advance(10_000);
      const before = at.length;
      clock.stepWall(stepMs);
      await clock.advance(20_000);
      expect(at.length).toBeGreaterThan(before);
      expect((at.at(-1) as number) % 10_000).toBe(1500);
      await end();
    },
  );

  it('do not stop when the wall clock is stepped all the time (seed 3)', async () => {
    const { clock, at, end } = sampling();
    const random = seeded(3);
    for (let i = 0; i < 60; i++) {
      clock.stepWall((random.below(2) * 2 - 1) * random.below(100_000_000));
      await clock.advance(10_000);
    }
    await end();
    expect(at.length).toBeGreaterThanOrEqual(20);
    expect(at.length).toBeLessThanOrEqual(62);
  });

  it('that pass while the process or the host sleeps are skipped, and the next one is aligned', async () => {
    const clock = manualClock(START);
    const stop = new AbortController();
    let sleeps = 0;
    // The second sleep is a suspend: it ends 35 s late, as after SIGSTOP or a closed lid.
    clock.sleep = (ms) => {
      clock.pass(Math.ceil(ms) + (++sleeps === 2 ? 35_000 : 0));
      return Promise.resolve();
    };
    const ticks = createTicks({ intervalMs: 10_000, phaseMs: 1500, clock });
    const at: number[] = [];
    await ticks.run(() => {
      at.push(clock.unixMs());
      if (at.length === 3) stop.abort();
    }, stop.signal);
    expect(at).toEqual([1_700_000_011_500, 1_700_000_061_500, 1_700_000_071_500]);
    expect(ticks.missed()).toBe(3);
  });

  it('end at once when told to', async () => {
    const { clock, at, end } = sampling();
    await end();
    expect(at).toEqual([]);
    expect(clock.sleepers()).toBe(0);
  });
});

describe('the next tick', () => {
  it.each([
    [0, 10, 0, 10],
    [9, 10, 0, 10],
    [10, 10, 0, 20],
    [10, 10, 3, 13],
    [13, 10, 3, 23],
    [2, 10, 3, 3],
  ])('after %i at interval %i and phase %i is %i', (after, interval, phase, expected) => {
    expect(nextTick(after, interval, phase)).toBe(expected);
  });
});

describe('the phase of a host', () => {
  it('is fixed for a client and spread over a fleet', () => {
    const phases = Array.from({ length: 1000 }, (_, i) => phaseOf(`web-${i}`, 2000));
    expect(phaseOf('web-1', 2000)).toBe(phases[1]);
    expect(Math.min(...phases)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...phases)).toBeLessThan(2000);
    const quarters = [0, 1, 2, 3].map((q) => phases.filter((phase) => Math.floor(phase / 500) === q).length);
    for (const count of quarters) expect(count).toBeGreaterThan(180);
    expect(phaseOf('web-1', 0)).toBe(0);
  });
});
