/** The systeminformation source over a fake library: the same words as procfs, and nothing where the library failed. */
import { expect, test } from 'vitest';
import type { Reading } from '../../../src/samplers/sampler.ts';
import { METRICS, metricRows } from '../../../src/samplers/metrics.ts';
import { SAMPLER_DEFAULTS } from '../../../src/samplers/options.ts';
import { sharesOf } from '../../../src/samplers/systeminformation/cpu.ts';
import { diskFields } from '../../../src/samplers/systeminformation/disk.ts';
import { diskioFields } from '../../../src/samplers/systeminformation/diskio.ts';
import { systeminformationSamplers } from '../../../src/samplers/systeminformation/index.ts';
import type { Library } from '../../../src/samplers/systeminformation/library.ts';
import { memFields } from '../../../src/samplers/systeminformation/mem.ts';
import { netFields } from '../../../src/samplers/systeminformation/net.ts';
import { processFields } from '../../../src/samplers/systeminformation/processes.ts';
import { valuesOf } from '../fixture.ts';

type Answer<K extends keyof Library> = Awaited<ReturnType<Library[K]>>;

const LOAD = {
  rawCurrentLoadUser: 300,
  rawCurrentLoadSystem: 100,
  rawCurrentLoadIdle: 500,
  rawCurrentLoadNice: 50,
  rawCurrentLoadIrq: 50,
  cpus: [{ rawLoadUser: 1, rawLoadSystem: 1, rawLoadIdle: 2, rawLoadNice: 0, rawLoadIrq: 0 }],
} as Answer<'currentLoad'>;
const MEM = {
  total: 1000,
  free: 100,
  used: 900,
  available: 400,
  buffers: 10,
  cached: 200,
  reclaimable: 50,
  slab: 70,
  dirty: 5,
  writeback: null as number | null,
  swaptotal: 100,
  swapfree: 25,
} as Answer<'mem'>;
const FS = { fs: '/dev/vda', type: 'ext4', size: 1000, used: 600, available: 300, mount: '/', rw: true, use: 66 };
const IO = { rIO: 5, wIO: 7, tIO: 12, rWaitTime: 1, wWaitTime: 2, tWaitTime: 3 } as NonNullable<Answer<'disksIO'>>;
const BYTES = { rx: 512, wx: 1024, tx: 1536 } as NonNullable<Answer<'fsStats'>>;
const NET = {
  iface: 'eth0',
  operstate: 'up',
  rx_bytes: 9,
  tx_bytes: 8,
  rx_errors: 1,
  tx_errors: 2,
  rx_dropped: 3,
  tx_dropped: 4,
};

const LIBRARY: Library = {
  currentLoad: () => Promise.resolve(LOAD),
  mem: () => Promise.resolve(MEM),
  fsSize: () => Promise.resolve([FS, { ...FS, type: 'tmpfs', mount: '/run' }, FS] as Answer<'fsSize'>),
  fsStats: () => Promise.resolve(BYTES),
  disksIO: () => Promise.resolve(IO),
  networkStats: () => Promise.resolve([NET, { ...NET, iface: 'lo' }] as Answer<'networkStats'>),
  processes: () =>
    Promise.resolve({ list: [{ state: 'running' }, { state: 'zombie' }, { state: 'unknown' }] } as Answer<'processes'>),
};

async function sampleAll(library: Library): Promise<Record<string, number>> {
  const groups = { ...SAMPLER_DEFAULTS.groups, cpu: { enabled: true, perCore: true } };
  const samplers = systeminformationSamplers(groups, () => Promise.resolve(library));
  const signal = new AbortController().signal;
  const readings: Reading[] = [];
  for (const sampler of samplers) readings.push(...(await sampler.sample(signal, () => undefined)));
  return valuesOf(readings);
}

test('every group speaks, in words of the table and with labels of the table', async () => {
  const values = await sampleAll(LIBRARY);
  const known = new Set(metricRows().map(({ name }) => name));
  const measurements = new Set<string>();
  for (const key of Object.keys(values)) {
    const name = key.split('{')[0] as string;
    expect(known).toContain(name);
    measurements.add(name.split('.')[0] as string);
  }
  expect([...measurements].sort()).toEqual(
    Object.keys(METRICS)
      .filter((name) => name !== 'host')
      .sort(),
  );
  expect(values).toMatchObject({
    'cpu.usage_user{cpu=cpu-total}': 30,
    'cpu.usage_idle{cpu=cpu0}': 50,
    'mem.used': 600,
    'mem.used_percent': 60,
    'swap.used_percent': 75,
    'disk.total{device=vda,fstype=ext4,mode=rw,path=/}': 1000,
    'diskio.read_bytes{name=total}': 512,
    'net.bytes_recv{interface=eth0}': 9,
    'processes.total': 3,
    'processes.zombies': 1,
  });
  expect(Object.keys(values).filter((key) => key.includes('tmpfs') || key.includes('interface=lo'))).toEqual([]);
});

test('where the library failed it says zero, and zero gives no points', async () => {
  const values = await sampleAll({
    currentLoad: () => Promise.resolve({ ...LOAD, rawCurrentLoadUser: Number.NaN, cpus: [] } as Answer<'currentLoad'>),
    mem: () => Promise.resolve({ ...MEM, total: 0 }),
    fsSize: () => Promise.resolve([{ ...FS, size: 0 }] as Answer<'fsSize'>),
    fsStats: () => Promise.resolve({ ...BYTES, tx: 0 }),
    disksIO: () => Promise.resolve({ ...IO, tIO: 0 }),
    networkStats: () =>
      Promise.resolve([{ ...NET, operstate: 'unknown', rx_bytes: 0, tx_bytes: 0 }] as Answer<'networkStats'>),
    processes: () => Promise.resolve({ list: [] } as unknown as Answer<'processes'>),
  });
  expect(Object.keys(values).filter((key) => !key.startsWith('system.'))).toEqual([]);
});

test('shares of nothing and of counters that ran backwards are none', () => {
  const zero = { usage_user: 0, usage_system: 0, usage_idle: 0, usage_nice: 0, usage_irq: 0 };
  expect(sharesOf(zero)).toBeUndefined();
  expect(sharesOf({ ...zero, usage_user: -5, usage_idle: 10 })).toBeUndefined();
  expect(sharesOf({ ...zero, usage_user: 1, usage_idle: 3 })).toMatchObject({ usage_user: 25, usage_idle: 75 });
});

test("the kernel's own accounting is given on Linux only", () => {
  expect(memFields(MEM, 'linux')).toMatchObject({ cached: 250, sreclaimable: 50, dirty: 5 });
  expect(memFields(MEM, 'linux')).not.toHaveProperty('write_back');
  expect(Object.keys(memFields(MEM, 'darwin'))).toEqual([
    'total',
    'used',
    'used_percent',
    'available',
    'available_percent',
    'free',
    'swap_total',
    'swap_free',
  ]);
  expect(diskioFields(IO, null, 'darwin')).toEqual({ reads: 5, writes: 7 });
  expect(diskioFields(null, null, 'win32')).toEqual({});
});

test('file systems are as df says them; interfaces that are down say nothing; unknown states are unknown', () => {
  expect(diskFields(FS as Parameters<typeof diskFields>[0])).toEqual({
    total: 1000,
    free: 300,
    used: 600,
    used_percent: (600 / 900) * 100,
  });
  expect(netFields({ ...NET, operstate: 'down' } as Parameters<typeof netFields>[0])).toBeUndefined();
  expect(netFields({ ...NET, operstate: 'unknown' } as Parameters<typeof netFields>[0])).toMatchObject({
    bytes_sent: 8,
  });
  expect(processFields([{ state: 'asleep' }])).toMatchObject({ unknown: 1, total: 1 });
});
