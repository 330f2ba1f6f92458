/**
 * Both sources on this very host: the same words, and numbers that agree as far as two readings moments apart can. And
 * what reading /proc must never do: start a process.
 */
import { expect, test } from 'vitest';
import type { SamplerOptions } from '../../src/samplers/index.ts';
import { SAMPLER_DEFAULTS, chooseSource, createSamplers } from '../../src/samplers/index.ts';
import { countChildren } from '../../src/samplers/measure-cost.ts';
import { createSweeper } from '../../src/samplers/run-samplers.ts';
import type { Sweep } from '../../src/samplers/sampler.ts';
import { valuesOf } from './fixture.ts';

const onLinux = chooseSource('auto') === 'procfs';
// Before the library is loaded: it takes the functions that start processes when it is.
const children = countChildren();

async function sweepTwice(source: SamplerOptions['source']): Promise<Sweep> {
  const groups = { ...SAMPLER_DEFAULTS.groups, processes: { enabled: true, intervalMs: 0 } };
  const sweeper = createSweeper({ samplers: createSamplers({ source, groups }), timeoutMs: 15_000 });
  await sweeper.sweep();
  // CPU time comes in ticks of 10 ms: one must pass for there to be a share.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const sweep = await sweeper.sweep();
  sweeper.close();
  return sweep;
}

test.runIf(onLinux)('a sweep by procfs starts no child process and fills every group', async () => {
  const before = children.count();
  const sweep = await sweepTwice('procfs');
  expect(children.count() - before).toBe(0);
  expect(sweep).toMatchObject({ failures: [], notFinite: 0 });
  const groups = new Set(sweep.readings.map(({ series }) => series.name.split('.')[0]));
  expect([...groups]).toEqual(expect.arrayContaining(['cpu', 'mem', 'swap', 'system', 'processes']));
});

test.runIf(onLinux)(
  'the two sources agree about this host',
  async () => {
    const first = await sweepTwice('procfs');
    const before = children.count();
    const library = await sweepTwice('systeminformation');
    expect(children.count()).toBeGreaterThan(before);
    const last = await sweepTwice('procfs');
    expect(library.failures).toEqual([]);
    const a = valuesOf(first.readings);
    const b = valuesOf(library.readings);
    const c = valuesOf(last.readings);
    const units = new Map([...first.readings, ...library.readings].map(({ series }) => [series.name, series.unit]));
    for (const { series } of library.readings)
      expect([series.name, series.unit]).toEqual([series.name, units.get(series.name)]);

    const common = Object.keys(b).filter((key) => key in a && key in c);
    const has = (prefix: string): string[] => common.filter((key) => key.startsWith(prefix));
    expect(has('mem.').length).toBeGreaterThanOrEqual(8);
    for (const key of ['mem.total', 'swap.total', 'system.n_cpus']) expect([key, b[key]]).toEqual([key, a[key]]);
    // Each figure of the library lies between two of ours, give or take what a busy host does meanwhile.
    const between = (key: string, slack: number): void => {
      const low = Math.min(a[key] as number, c[key] as number) - slack;
      const high = Math.max(a[key] as number, c[key] as number) + slack;
      expect(b[key], key).toBeGreaterThanOrEqual(low);
      expect(b[key], key).toBeLessThanOrEqual(high);
    };
    between('mem.used_percent', 8);
    for (const key of ['system.load1', 'system.load5', 'system.load15']) between(key, 0.5);
    between('system.uptime', 1);
    between('processes.total', 40);
    // df counts in KiB.
    for (const key of has('disk.total')) between(key, 1024);
    for (const key of has('disk.used_percent')) between(key, 2);
    for (const key of has('net.bytes')) {
      expect(b[key], key).toBeGreaterThanOrEqual(a[key] as number);
      expect(c[key], key).toBeGreaterThanOrEqual(b[key] as number);
    }
    const shares = library.readings.filter(({ series }) => series.name.startsWith('cpu.usage_'));
    expect(shares.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(100, 6);
  },
  60_000,
);

test('auto is procfs only where there is a /proc to read', () => {
  expect(chooseSource('auto', '/nowhere')).toBe('systeminformation');
  expect(chooseSource('procfs', '/nowhere')).toBe('procfs');
  expect(chooseSource('systeminformation')).toBe('systeminformation');
});

test('a group that is switched off has no sampler, in either source', () => {
  const off = { ...SAMPLER_DEFAULTS.groups, cpu: { enabled: false, perCore: false }, mem: { enabled: false } };
  for (const source of ['procfs', 'systeminformation'] as const) {
    const names = createSamplers({ source, groups: off }).map(({ name }) => name);
    expect(names).toEqual(['swap', 'disk', 'diskio', 'net', 'system', 'processes']);
  }
});
