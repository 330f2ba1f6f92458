/** Load, processors, sessions, uptime, and processes by state. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProcessesSampler, parseProcessStat } from '../../../src/samplers/procfs/processes.ts';
import { createSystemSampler, parseCpuList, parseLoadavg, parseUptime } from '../../../src/samplers/procfs/system.ts';
import { parseUtmp } from '../../../src/samplers/procfs/utmp.ts';
import { FIXTURE_ROOTS, sampleOnce } from '../fixture.ts';

test('the fixture host has load, uptime and four processors on two cores, and nothing of sessions', async () => {
  const { values } = await sampleOnce(createSystemSampler(FIXTURE_ROOTS));
  expect(values).toEqual({
    'system.load1': 1.25,
    'system.load5': 0.75,
    'system.load15': 0.5,
    'system.n_cpus': 4,
    'system.n_physical_cpus': 2,
    'system.uptime': 123_456,
  });
});

test('texts of another shape are refused with what was expected', () => {
  expect(() => parseLoadavg('')).toThrow('expected three decimal numbers');
  expect(() => parseLoadavg('1.0 2.0')).toThrow('"1.0 2.0"');
  expect(() => parseUptime('soon')).toThrow('expected seconds');
  expect(parseUptime('59.99 1.0\n')).toBe(59);
});

test('processor lists have ranges and single numbers, and a mad one is bounded', () => {
  expect(parseCpuList('0-3,8,10-11\n')).toEqual([0, 1, 2, 3, 8, 10, 11]);
  expect(parseCpuList('')).toEqual([]);
  expect(parseCpuList('x,5-3,2')).toEqual([2]);
  expect(parseCpuList('0-99999,0-99999')).toHaveLength(65_536);
});

function utmpRecord(bytes: number, type: number, user: string): Buffer {
  const record = Buffer.alloc(bytes);
  record.writeInt16LE(type, 0);
  record.write(user, 44, 'utf8');
  return record;
}

test('sessions are the user records of utmp, in the record length of the architecture', () => {
  const records = (bytes: number): Buffer =>
    Buffer.concat([
      utmpRecord(bytes, 2, 'reboot'),
      utmpRecord(bytes, 7, 'anna'),
      utmpRecord(bytes, 8, 'gone'),
      utmpRecord(bytes, 7, 'x'.repeat(32)),
      utmpRecord(bytes, 7, 'anna').subarray(0, 100),
    ]);
  expect(parseUtmp(records(384), 'x64')).toEqual(['anna', 'x'.repeat(32)]);
  expect(parseUtmp(records(400), 'arm64')).toEqual(['anna', 'x'.repeat(32)]);
  expect(parseUtmp(Buffer.alloc(0), 'x64')).toEqual([]);
});

test('where utmp is kept, sessions and users are counted', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'utmp-'));
  try {
    const bytes = process.arch === 'x64' ? 384 : 400;
    const utmpFile = join(dir, 'utmp');
    await writeFile(utmpFile, Buffer.concat(['anna', 'anna', 'bert'].map((user) => utmpRecord(bytes, 7, user))));
    const { values } = await sampleOnce(createSystemSampler({ ...FIXTURE_ROOTS, utmpFile }));
    expect(values).toMatchObject({ 'system.n_users': 3, 'system.n_unique_users': 2 });
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a process is read from its last bracket on, whatever its command is called', () => {
  const tail = '0 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 12 0 5 1000';
  const check = (text: string, expected: ReturnType<typeof parseProcessStat>): void =>
    expect(parseProcessStat(text)).toEqual(expected);
  check(`42 (a) R (b) D ${tail}`, { field: 'blocked', threads: 12 });
  check(`42 (x y) t ${tail}`, { field: 'stopped', threads: 12 });
  check(`42 (new) ? ${tail}`, { field: 'unknown', threads: 12 });
  check('42 (short) Z', { field: 'zombies', threads: 0 });
  check('42 (cut', undefined);
  check('42 (cut)', undefined);
  check('', undefined);
});

test('processes are counted by state, all states present, odd files passed over', async () => {
  const { values } = await sampleOnce(createProcessesSampler(FIXTURE_ROOTS, { intervalMs: 30_000 }));
  expect(values).toEqual({
    'processes.running': 0,
    'processes.blocked': 1,
    'processes.sleeping': 1,
    'processes.idle': 1,
    'processes.stopped': 1,
    'processes.zombies': 1,
    'processes.dead': 0,
    'processes.paging': 0,
    'processes.unknown': 1,
    'processes.total': 6,
    'processes.total_threads': 14,
  });
});

test('an aborted count gives no half figures', async () => {
  const sampler = createProcessesSampler(FIXTURE_ROOTS, { intervalMs: 30_000 });
  expect(await sampler.sample(AbortSignal.abort(), () => undefined)).toEqual([]);
});
