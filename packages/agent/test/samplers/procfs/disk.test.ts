/** File systems: which mounts are asked, what statfs means, and that hung mounts cost neither time nor threads. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SAMPLER_DEFAULTS } from '../../../src/samplers/options.ts';
import { type StatfsNumbers, createDiskSampler, diskFields } from '../../../src/samplers/procfs/disk.ts';
import { decodeOctal, parseMountinfo, selectMounts } from '../../../src/samplers/procfs/mountinfo.ts';
import { FIXTURE_ROOTS, sampleOnce } from '../fixture.ts';

const IGNORED = SAMPLER_DEFAULTS.groups.disk.ignoreFstypes;
const STAT: StatfsNumbers = { bsize: 4096, frsize: 4096, blocks: 1000, bfree: 400, bavail: 300, files: 50, ffree: 40 };

test('octal escapes in paths are decoded, and nothing else is', () => {
  expect(decodeOctal('/mnt/my\\040disk\\011x\\134\\012')).toBe('/mnt/my disk\tx\\\n');
  expect(decodeOctal('/plain\\9 \\04')).toBe('/plain\\9 \\04');
});

test('a mountinfo line is read past its optional fields, and its mode is that of the file system', () => {
  const text = [
    '37 27 0:70 / /nas rw,noatime master:3 propagate_from:2 - nfs4 nas:/export rw,vers=4.2',
    '30 27 8:1 / /boot rw - ext4 /dev/sda1 ro,relatime',
    '31 27 8:1 / /hardened ro,nosuid - ext4 /dev/sda1 rw,errors=remount-ro',
    '40 27 8:1 / /cut rw - ext4',
    '',
  ].join('\n');
  expect(parseMountinfo(text)).toEqual([
    { path: '/nas', source: 'nas:/export', fstype: 'nfs4', mode: 'rw', deviceNumber: '0:70' },
    { path: '/boot', source: '/dev/sda1', fstype: 'ext4', mode: 'ro', deviceNumber: '8:1' },
    { path: '/hardened', source: '/dev/sda1', fstype: 'ext4', mode: 'rw', deviceNumber: '8:1' },
  ]);
});

test('bind mounts and subvolumes are one file system, and what covers a path hides what is below', () => {
  const mount = (path: string, source: string, deviceNumber: string, fstype = 'ext4') =>
    ({ path, source, fstype, mode: 'rw', deviceNumber }) as const;
  const mounts = [
    mount('/very/long/bind', '/dev/sda1', '8:1'),
    mount('/', '/dev/sda1', '8:1'),
    mount('/data', '/dev/sdd', '0:50', 'btrfs'),
    mount('/data/home', '/dev/sdd', '0:51', 'btrfs'),
    mount('/cover', '/dev/sdb1', '8:17'),
    mount('/cover', 'tmpfs', '0:81', 'tmpfs'),
    mount('/auto', 'systemd-1', '0:80', 'autofs'),
    mount('/proc', 'proc', '0:5', 'proc'),
    mount('/nas/sub', 'nas:/export/sub', '0:70', 'nfs4'),
    mount('/nas', 'nas:/export', '0:70', 'nfs4'),
  ];
  const paths = (ignored: string[]): string[] => selectMounts(mounts, new Set(ignored)).map(({ path }) => path);
  expect(paths(['tmpfs'])).toEqual(['/', '/nas', '/data']);
  expect(paths([])).toEqual(['/', '/nas', '/data', '/cover']);
});

test('percentages are of what ordinary users can have, as df says them', () => {
  expect(diskFields(STAT)).toEqual({
    total: 4_096_000,
    free: 1_228_800,
    used: 2_457_600,
    used_percent: (600 / 900) * 100,
    inodes_total: 50,
    inodes_free: 40,
    inodes_used: 10,
    inodes_used_percent: 20,
  });
});

test('blocks are counted in fragments where the two differ', () => {
  expect(diskFields({ ...STAT, bsize: 1_048_576, frsize: 4096 })?.total).toBe(4_096_000);
  expect(diskFields({ ...STAT, frsize: undefined })?.total).toBe(4_096_000);
});

test('no size is no file system to tell of; a full one and one without inodes divide by nothing', () => {
  expect(diskFields({ ...STAT, blocks: 0 })).toBeUndefined();
  const odd = diskFields({ ...STAT, bfree: 1000, bavail: 0, files: 0, ffree: 0 });
  expect(odd).toMatchObject({ used_percent: 0, inodes_used_percent: 0 });
});

test('the fixture host gives each of its own file systems once, by the name the kernel has for the device', async () => {
  const sysRoot = await mkdtemp(join(tmpdir(), 'disk-'));
  try {
    await mkdir(join(sysRoot, 'dev/block'), { recursive: true });
    await symlink('../../devices/virtual/block/dm-0', join(sysRoot, 'dev/block/253:0'));
    const sampler = createDiskSampler(
      { ...FIXTURE_ROOTS, sysRoot },
      { ignoreFstypes: [...IGNORED, 'nfs4'], statfsSync: () => STAT },
    );
    const { values, faults } = await sampleOnce(sampler);
    expect(faults).toEqual([]);
    expect(Object.keys(values).filter((key) => key.startsWith('disk.total'))).toEqual([
      'disk.total{device=dm-0,fstype=ext4,mode=rw,path=/}',
      'disk.total{device=sda1,fstype=ext4,mode=ro,path=/boot}',
      'disk.total{device=sdd,fstype=btrfs,mode=rw,path=/data}',
      'disk.total{device=sdc,fstype=xfs,mode=rw,path=/mnt/my disk?x}',
    ]);
    expect(Object.keys(values)).toHaveLength(4 * 8);
  } finally {
    await rm(sysRoot, { recursive: true });
  }
});

test('a mount that hangs costs its own points once, is not asked again, and comes back when it answers', async () => {
  const asked: string[] = [];
  const answers = new Map<string, (stat: StatfsNumbers) => void>();
  const hung = new Set(['/nas']);
  const sampler = createDiskSampler(FIXTURE_ROOTS, {
    ignoreFstypes: IGNORED,
    statfsMsMax: 20,
    statfsSync: () => STAT,
    statfs: (path) => {
      asked.push(path);
      return hung.has(path) ? new Promise((resolve) => answers.set(path, resolve)) : Promise.resolve(STAT);
    },
  });
  const paths = (values: Record<string, number>): string[] =>
    ['/nas', '/nas2', '/nas3'].filter((path) => Object.keys(values).some((key) => key.includes(`path=${path}}`)));

  const first = await sampleOnce(sampler);
  expect(paths(first.values)).toEqual(['/nas2', '/nas3']);
  expect(first.faults).toEqual(['statfs /nas (nfs4) took longer than 20 ms']);

  const second = await sampleOnce(sampler);
  expect(paths(second.values)).toEqual(['/nas2', '/nas3']);
  expect(second.faults).toEqual(['statfs /nas (nfs4) still hangs: not asked again']);
  expect(asked.filter((path) => path === '/nas')).toHaveLength(1);

  hung.clear();
  answers.get('/nas')?.(STAT);
  await new Promise((resolve) => setImmediate(resolve));
  const third = await sampleOnce(sampler);
  expect(paths(third.values)).toEqual(['/nas', '/nas2', '/nas3']);
  expect(third.faults).toEqual([]);
});

test('with two mounts hung no further server is asked, and local file systems still are', async () => {
  let out = 0;
  const sampler = createDiskSampler(FIXTURE_ROOTS, {
    ignoreFstypes: IGNORED,
    statfsMsMax: 10,
    statfsSync: () => STAT,
    statfs: () => {
      out++;
      return new Promise(() => undefined);
    },
  });
  for (let sweep = 0; sweep < 3; sweep++) {
    const { values, faults } = await sampleOnce(sampler);
    expect(values).toHaveProperty('disk.total{device=sda1,fstype=ext4,mode=ro,path=/boot}');
    expect(faults).toHaveLength(3);
    expect(faults[2]).toBe('/nas3 (nfs4) is not asked while 2 other mounts hang');
  }
  expect(out).toBe(2);
});

test('a mount hidden from us is no fault, one with a broken disk is', async () => {
  const refusal = (code: string) => Object.assign(new Error(`${code}: statfs`), { code });
  const sampler = createDiskSampler(FIXTURE_ROOTS, {
    ignoreFstypes: IGNORED,
    statfsSync: (path) => {
      if (path === '/boot') throw refusal('EIO');
      return STAT;
    },
    statfs: () => Promise.reject(refusal('EACCES')),
  });
  const { values, faults } = await sampleOnce(sampler);
  expect(faults).toEqual(['statfs /boot (ext4): EIO: statfs']);
  expect(Object.keys(values)).toHaveLength(3 * 8);
});
