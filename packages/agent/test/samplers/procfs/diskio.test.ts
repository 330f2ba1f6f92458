/** Block devices: the table, which devices count as disks, and figures between two readings. */
import { expect, test } from 'vitest';
import fc from 'fast-check';
import {
  type DiskCounters,
  createDiskioSampler,
  diskioBetween,
  isWholeDevice,
  parseDiskstats,
} from '../../../src/samplers/procfs/diskio.ts';
import { FIXTURE_ROOTS, sampleOnce } from '../fixture.ts';

const SEED = 4711;

async function namesWith(devices: string[]): Promise<string[]> {
  const { values } = await sampleOnce(createDiskioSampler(FIXTURE_ROOTS, { devices }));
  return Object.keys(values)
    .filter((key) => key.startsWith('diskio.reads{'))
    .map((key) => key.slice('diskio.reads{name='.length, -1))
    .sort();
}

test('a line of diskstats gives all eleven counters, sectors as bytes', () => {
  expect(
    parseDiskstats('   8   0 sda 1000 100 20000 500 2000 200 40000 1500 1 900 2000 0 0 0 0 5 6\n').get('sda'),
  ).toEqual({
    reads: 1000,
    merged_reads: 100,
    read_bytes: 20_000 * 512,
    read_time: 500,
    writes: 2000,
    merged_writes: 200,
    write_bytes: 40_000 * 512,
    write_time: 1500,
    iops_in_progress: 1,
    io_time: 900,
    weighted_io_time: 2000,
  });
});

test('a name with digits in it does not shift the counters, and short or odd lines are passed over', () => {
  const text = '259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11\n8 16 sdb 5 5 5 5\nnonsense\n\n';
  const devices = parseDiskstats(text);
  expect([...devices.keys()]).toEqual(['nvme0n1']);
  expect(devices.get('nvme0n1')).toMatchObject({ reads: 1, weighted_io_time: 11 });
});

test('a bare star means whole devices; a pattern that names others brings them in', async () => {
  // xvdb1 is a whole disk on Xen: there is no xvdb it could be a part of.
  expect(await namesWith(['*'])).toEqual(['dm-0', 'nvme0n1', 'sda', 'xvdb1']);
  expect(await namesWith(['*', 'loop*', '!dm-*'])).toEqual(['loop0', 'nvme0n1', 'sda', 'xvdb1']);
  expect(await namesWith(['sda*'])).toEqual(['sda', 'sda1']);
  expect(await namesWith(['!sda*'])).toEqual(['dm-0', 'nvme0n1', 'xvdb1']);
});

test('partitions are told from disks by the disk being there', () => {
  const names = new Set(['sda', 'sda1', 'nvme0n1', 'nvme0n1p2', 'mmcblk0', 'mmcblk0p1', 'md0']);
  const check = (name: string, expected: boolean): void =>
    expect([name, isWholeDevice(name, names)]).toEqual([name, expected]);
  check('sda', true);
  check('sda1', false);
  check('nvme0n1', true);
  check('nvme0n1p2', false);
  check('mmcblk0p1', false);
  check('md0', true);
  check('dm-3', true);
  check('vdb1', true);
  for (const name of ['loop7', 'ram0', 'zram1', 'fd0']) check(name, false);
});

const COUNTERS = parseDiskstats('8 0 sda 1000 0 0 500 2000 0 0 1500 0 900 0').get('sda') as DiskCounters;

test('use, wait and service time are of what passed in between', () => {
  const after = { ...COUNTERS, reads: 1010, writes: 2010, read_time: 540, write_time: 1560, io_time: 950 };
  expect(diskioBetween(COUNTERS, after, 1000)).toEqual({ io_util: 5, io_await: 5, io_svctm: 2.5 });
});

test('no request has no time per request, and a counter that began anew gives nothing', () => {
  expect(diskioBetween(COUNTERS, COUNTERS, 1000)).toEqual({ io_util: 0 });
  expect(diskioBetween(COUNTERS, { ...COUNTERS, reads: 3, writes: 2, io_time: 1 }, 1000)).toEqual({});
  expect(diskioBetween(COUNTERS, COUNTERS, 0)).toEqual({});
});

test('whatever the counters do, no figure is negative or infinite', () => {
  const counter = fc.integer({ min: 0, max: 2 ** 40 });
  const any = fc.record({
    reads: counter,
    writes: counter,
    read_time: counter,
    write_time: counter,
    io_time: counter,
  });
  fc.assert(
    fc.property(any, any, fc.integer({ min: -5, max: 60_000 }), (before, after, elapsedMs) => {
      const between = diskioBetween({ ...COUNTERS, ...before }, { ...COUNTERS, ...after }, elapsedMs);
      for (const value of Object.values(between)) expect(value >= 0 && Number.isFinite(value)).toBe(true);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test('the second sweep has the figures between, by the time that really passed', async () => {
  let nowMs = 5000;
  const sampler = createDiskioSampler(FIXTURE_ROOTS, { devices: ['sda'] }, () => nowMs);
  expect(Object.keys((await sampleOnce(sampler)).values)).toHaveLength(11);
  nowMs += 10_000;
  const { values } = await sampleOnce(sampler);
  expect(values['diskio.io_util{name=sda}']).toBe(0);
  expect(Object.keys(values)).toHaveLength(12);
});
