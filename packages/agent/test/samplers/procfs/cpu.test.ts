/** CPU shares: the parser against the kernel's shapes, the difference against everything counters can do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CpuTimes, cpuUsageBetween, createCpuSampler, parseCpuTimes } from '../../../src/samplers/procfs/cpu.ts';
import { FIXTURE_ROOTS, sampleOnce } from '../fixture.ts';

const SEED = 20261123;

function times(part: Partial<CpuTimes>): CpuTimes {
  const zero = {
    user: 0,
    nice: 0,
    system: 0,
    idle: 0,
    iowait: 0,
    irq: 0,
    softirq: 0,
    steal: 0,
    guest: 0,
    guestNice: 0,
  };
  return { cpu: 'cpu-total', ...zero, ...part };
}

test('the line of all CPUs is cpu-total, and the cores follow only when asked for', () => {
  const text = 'cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 0 0 0 0 0 0 0 0 0\ncpu1 0 2 3 4 5 6 7 8 9 10\nintr 55 1\n';
  expect(parseCpuTimes(text, false)).toEqual([
    times({ user: 1, nice: 2, system: 3, idle: 4, iowait: 5, irq: 6, softirq: 7, steal: 8, guest: 9, guestNice: 10 }),
  ]);
  expect(parseCpuTimes(text, true).map(({ cpu, user }) => [cpu, user])).toEqual([
    ['cpu-total', 1],
    ['cpu0', 1],
    ['cpu1', 0],
  ]);
});

test('fields an old kernel lacks are 0, also after a longer line', () => {
  const [, core] = parseCpuTimes('cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 4\n', true);
  expect(core).toEqual({ ...times({ user: 1, nice: 2, system: 3, idle: 4 }), cpu: 'cpu0' });
});

test('a text without cpu lines gives nothing', () => {
  for (const text of ['', 'intr 5\n', 'cpu', '\n']) expect(parseCpuTimes(text, true)).toEqual([]);
});

test('counters beyond 2^53 are read as the nearest number', () => {
  expect(parseCpuTimes('cpu  18446744073709551615 0 0 0\n', false)[0]?.user).toBe(2 ** 64);
});

test('guest time is taken out of user and nice, as Telegraf does', () => {
  const before = times({});
  const after = times({ user: 50, guest: 20, nice: 10, guestNice: 4, system: 10, idle: 30 });
  expect(cpuUsageBetween(before, after)).toEqual({
    usage_user: 30,
    usage_system: 10,
    usage_idle: 30,
    usage_iowait: 0,
    usage_nice: 6,
    usage_irq: 0,
    usage_softirq: 0,
    usage_steal: 0,
    usage_guest: 20,
    usage_guest_nice: 4,
  });
});

test('no passed time and counters that begin anew give no shares', () => {
  const before = times({ user: 100, idle: 900 });
  expect(cpuUsageBetween(before, before)).toBeUndefined();
  expect(cpuUsageBetween(before, times({ user: 5, idle: 10 }))).toBeUndefined();
});

test('whatever the counters do, shares are between 0 and 100 and sum to 100', () => {
  const counter = fc.integer({ min: 0, max: 1_000_000 });
  const any = fc.record({
    user: counter,
    nice: counter,
    system: counter,
    idle: counter,
    iowait: counter,
    irq: counter,
    softirq: counter,
    steal: counter,
    guest: counter,
    guestNice: counter,
  });
  let shares = 0;
  fc.assert(
    fc.property(any, any, (before, after) => {
      const usage = cpuUsageBetween(times(before), times(after));
      if (usage === undefined) return;
      shares++;
      const values = Object.values(usage);
      for (const value of values) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(100 + 1e-9);
      }
      expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(100, 6);
    }),
    { seed: SEED, numRuns: 500 },
  );
  expect(shares).toBeGreaterThan(100);
});

test('the first sweep is the baseline; the second has the shares of what passed, per core too', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cpu-'));
  try {
    const write = (text: string): Promise<void> => writeFile(join(dir, 'stat'), text);
    await write('cpu  100 0 0 100 0 0 0 0 0 0\ncpu0 100 0 0 100 0 0 0 0 0 0\nintr 1\n');
    const sampler = createCpuSampler({ ...FIXTURE_ROOTS, procRoot: dir }, { perCore: true });
    expect((await sampleOnce(sampler)).values).toEqual({});
    await write('cpu  175 0 0 125 0 0 0 0 0 0\ncpu0 175 0 0 125 0 0 0 0 0 0\ncpu1 9 0 0 9 0 0 0 0 0 0\nintr 1\n');
    const { values } = await sampleOnce(sampler);
    expect(values['cpu.usage_user{cpu=cpu-total}']).toBe(75);
    expect(values['cpu.usage_idle{cpu=cpu0}']).toBe(25);
    // A core that came online meanwhile has no earlier reading.
    expect(Object.keys(values).filter((key) => key.includes('cpu1'))).toEqual([]);
    expect(Object.keys(values)).toHaveLength(20);
    sampler.close?.();
  } finally {
    await rm(dir, { recursive: true });
  }
});
