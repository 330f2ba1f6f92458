/** Network interfaces: the table, state and speed, and which interfaces are taken. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNetSampler, parseLink, parseNetDev } from '../../../src/samplers/procfs/net.ts';
import { LABEL_SETS_MAX } from '../../../src/samplers/series.ts';
import { FIXTURE_ROOTS, sampleOnce } from '../fixture.ts';

test('a line gives its counters, with or without a blank behind the colon, and aliases keep theirs in the name', () => {
  const devices = parseNetDev(
    '  eth0:9007199254740991 200 3 4 0 0 0 7 5000 60 7 8 0 0 0 0\neth0:1: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n',
  );
  expect(devices.get('eth0')).toEqual({
    bytes_recv: 9_007_199_254_740_991,
    packets_recv: 200,
    err_in: 3,
    drop_in: 4,
    bytes_sent: 5000,
    packets_sent: 60,
    err_out: 7,
    drop_out: 8,
  });
  expect(devices.get('eth0:1')?.bytes_sent).toBe(2);
});

test('headers, short lines and empty texts give nothing', () => {
  expect(parseNetDev('Inter-| Receive | Transmit\n face |bytes packets|bytes\nbroken: 1 2 3\n').size).toBe(0);
  expect(parseNetDev('').size).toBe(0);
});

test('a link is up by its flag and has speed -1 where the kernel does not know it', () => {
  expect(parseLink('0x1003\n', '10000\n')).toEqual({ up: true, speed: 10_000 });
  expect(parseLink('0x1002\n', '-1\n')).toEqual({ up: false, speed: -1 });
  expect(parseLink('0x1003\n', undefined)).toEqual({ up: true, speed: -1 });
  expect(parseLink(undefined, undefined)).toEqual({ up: true, speed: -1 });
});

test('by default all interfaces that are up are taken, but not the loopback', async () => {
  const { values } = await sampleOnce(createNetSampler(FIXTURE_ROOTS, { interfaces: ['*', '!lo'] }));
  expect(Object.keys(values).filter((key) => key.startsWith('net.speed'))).toEqual([
    'net.speed{interface=eth0}',
    'net.speed{interface=eth0:1}',
    'net.speed{interface=docker0}',
  ]);
  expect(values['net.speed{interface=eth0}']).toBe(10_000);
  expect(Object.keys(values)).toHaveLength(3 * 9);
});

test('globs and refusals choose interfaces', async () => {
  const { values } = await sampleOnce(
    createNetSampler(FIXTURE_ROOTS, { interfaces: ['!docker*', 'eth?', 'docker0', 'lo'] }),
  );
  expect(Object.keys(values).filter((key) => key.startsWith('net.speed'))).toEqual([
    'net.speed{interface=lo}',
    'net.speed{interface=eth0}',
  ]);
});

test('the state of a link is believed for half a minute, then asked again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'net-'));
  try {
    await mkdir(join(dir, 'class/net/eth0'), { recursive: true });
    const flags = join(dir, 'class/net/eth0/flags');
    await writeFile(flags, '0x1003\n');
    let nowMs = 0;
    const sampler = createNetSampler({ ...FIXTURE_ROOTS, sysRoot: dir }, { interfaces: ['eth0'] }, () => nowMs);
    const count = async (): Promise<number> => Object.keys((await sampleOnce(sampler)).values).length;
    expect(await count()).toBe(9);
    await writeFile(flags, '0x1002\n');
    nowMs = 29_999;
    expect(await count()).toBe(9);
    nowMs = 30_000;
    expect(await count()).toBe(0);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('more interfaces than the limit are cut, and said', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'net-'));
  try {
    await mkdir(join(dir, 'net'));
    const line = (index: number): string => `veth${index}: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0`;
    await writeFile(
      join(dir, 'net/dev'),
      Array.from({ length: LABEL_SETS_MAX + 5 }, (_, index) => line(index)).join('\n'),
    );
    const roots = { ...FIXTURE_ROOTS, procRoot: dir, sysRoot: join(dir, 'none') };
    const { values, faults } = await sampleOnce(createNetSampler(roots, { interfaces: ['*'] }));
    expect(Object.keys(values).length).toBe(LABEL_SETS_MAX * 9);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('net.interfaces');
  } finally {
    await rm(dir, { recursive: true });
  }
});
