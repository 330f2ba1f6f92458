/** Memory and swap: Telegraf's arithmetic over /proc/meminfo and /proc/vmstat. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createMemSampler, memFields } from '../../../src/samplers/procfs/mem.ts';
import { parseMeminfo } from '../../../src/samplers/procfs/meminfo.ts';
import { createSwapSampler, parsePageBytes, parseSwapPages } from '../../../src/samplers/procfs/swap.ts';
import { FIXTURE_ROOTS, sampleOnce } from '../fixture.ts';

const KIB = 1024;

test('kB lines are bytes, counts are counts, and other lines are nothing', () => {
  const text = 'MemTotal:  10 kB\nHugePages_Total:   4\nno colon here\nEmpty:\nLast: 7 kB';
  expect([...parseMeminfo(text)]).toEqual([
    ['MemTotal', 10 * KIB],
    ['HugePages_Total', 4],
    ['Last', 7 * KIB],
  ]);
});

test('used is total less available, and cached holds the reclaimable slab', async () => {
  const { values, faults } = await sampleOnce(createMemSampler(FIXTURE_ROOTS));
  expect(faults).toEqual([]);
  expect(values).toMatchObject({
    'mem.total': 16_384_000 * KIB,
    'mem.available': 8_192_000 * KIB,
    'mem.used': 8_192_000 * KIB,
    'mem.used_percent': 50,
    'mem.available_percent': 50,
    'mem.cached': 6_744_000 * KIB,
    'mem.sreclaimable': 600_000 * KIB,
    'mem.huge_pages_total': 4,
    'mem.huge_pages_free': 3,
    'mem.huge_page_size': 2048 * KIB,
    'mem.vmalloc_total': 34_359_738_367 * KIB,
  });
});

test('fields the kernel does not name are not given', async () => {
  const { values } = await sampleOnce(createMemSampler(FIXTURE_ROOTS));
  expect(Object.keys(values)).toHaveLength(30);
  for (const field of ['high_total', 'high_free', 'low_total', 'low_free'])
    expect(values).not.toHaveProperty(`mem.${field}`);
});

test('a kernel without MemAvailable has free and cached for it, never more than there is', () => {
  const old = parseMeminfo('MemTotal: 100 kB\nMemFree: 10 kB\nCached: 20 kB\nSReclaimable: 5 kB\n');
  expect(memFields(old)).toMatchObject({ available: 35 * KIB, used: 65 * KIB, used_percent: 65 });
  const odd = parseMeminfo('MemTotal: 100 kB\nMemAvailable: 120 kB\n');
  expect(memFields(odd)).toMatchObject({ available: 100 * KIB, used: 0 });
});

test('no MemTotal is no memory at all', () => {
  expect(memFields(parseMeminfo(''))).toEqual({});
});

test('swap has its space from meminfo and its traffic in bytes from vmstat', async () => {
  const { values, faults } = await sampleOnce(createSwapSampler(FIXTURE_ROOTS));
  expect(faults).toEqual([]);
  expect(values).toEqual({
    'swap.total': 2_048_000 * KIB,
    'swap.free': 1_536_000 * KIB,
    'swap.used': 512_000 * KIB,
    'swap.used_percent': 25,
    'swap.in': 10 * 4096,
    'swap.out': 25 * 4096,
  });
});

test('without vmstat the space is known all the same, and the rest is a fault', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'swap-'));
  try {
    await writeFile(join(dir, 'meminfo'), 'MemTotal: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n');
    const { values, faults } = await sampleOnce(createSwapSampler({ ...FIXTURE_ROOTS, procRoot: dir }));
    expect(values).toEqual({ 'swap.total': 0, 'swap.used': 0, 'swap.free': 0, 'swap.used_percent': 0 });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('vmstat');
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('swap pages are found on the first line, on any line, and are missing where they are not', () => {
  expect(parseSwapPages('pswpin 3\npswpout 4\n')).toEqual({ in: 3, out: 4 });
  expect(parseSwapPages('a 1\npswpout 4')).toEqual({ in: undefined, out: 4 });
  expect(parseSwapPages('xpswpin 3\n')).toEqual({ in: undefined, out: undefined });
});

test('the page size comes from the auxiliary vector, and is 4 KiB where that is silent', () => {
  const auxv = new BigUint64Array([3n, 1n, 6n, 65_536n, 0n, 0n]);
  expect(parsePageBytes(new Uint8Array(auxv.buffer))).toBe(65_536);
  expect(parsePageBytes(new Uint8Array(0))).toBe(4096);
  expect(parsePageBytes(new Uint8Array(15))).toBe(4096);
});
