/** Who is asked to leave a state directory, and who is not: no process but the one that holds it ever gets a signal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@metricstream/shared/log.ts';
import { lockDirectory } from '@metricstream/shared/journal/lock.ts';
import { expect, onTestFinished, test } from 'vitest';
import { claimSuccession, ownDirectory, takeOver, tryOwnDirectory } from '../../src/steps/takeover.ts';

function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-takeover-unit-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const never = new AbortController().signal;

test('the directory has one owner; it is named until it leaves, and is the owner until its process ends', () => {
  const dir = temporaryDirectory();
  const owned = ownDirectory(dir);
  expect(readFileSync(join(dir, 'collector.pid'), 'utf8')).toBe(`${process.pid}\n`);
  expect(tryOwnDirectory(dir)).toBe(undefined);
  owned.leave();
  expect(existsSync(join(dir, 'collector.pid'))).toBe(false);
  expect(tryOwnDirectory(dir)).toBe(undefined);
});

test('a link of that name, left by whoever may write there, leads to nothing that is written', () => {
  const dir = temporaryDirectory();
  const other = join(dir, 'other');
  writeFileSync(other, 'kept');
  symlinkSync(other, join(dir, 'collector.pid'));
  ownDirectory(dir);
  expect(readFileSync(other, 'utf8')).toBe('kept');
  expect(readFileSync(join(dir, 'collector.pid'), 'utf8')).toBe(`${process.pid}\n`);
});

test('there is one successor at a time', () => {
  const dir = temporaryDirectory();
  const first = claimSuccession(dir);
  expect(() => claimSuccession(dir)).toThrow(/taking over .* already/);
  first.release();
  claimSuccession(dir).release();
});

test('a free directory is taken at once', async () => {
  const dir = temporaryDirectory();
  await takeOver(dir, { log: silentLog, signal: never, waitMs: 0 });
  expect(tryOwnDirectory(dir)).toBe(undefined);
});

test('a process that the file names and that does not hold the directory is left alone, and the wait ends with what to do', async () => {
  const dir = temporaryDirectory();
  const lock = lockDirectory(dir);
  onTestFinished(() => lock.release());
  const stranger = spawn(process.execPath, [
    '-e',
    'process.on("SIGTERM", () => process.exit(7)); process.stdout.write("up"); setInterval(() => {}, 1000)',
  ]);
  onTestFinished(() => void stranger.kill('SIGKILL'));
  await once(stranger.stdout, 'data');
  writeFileSync(join(dir, 'collector.pid'), `${stranger.pid}\n`);
  const waited = takeOver(dir, { log: silentLog, signal: never, waitMs: 200 });
  await expect(waited).rejects.toThrow(/names no process .* that holds it: stop that program yourself/);
  expect(stranger.exitCode).toBe(null);
  stranger.kill('SIGKILL');
  expect(await once(stranger, 'exit'), 'no SIGTERM came before').toEqual([null, 'SIGKILL']);
});

test.each(['', 'x', '-1', '0', '1', '1e3', '99999999999'])('a file that holds %j names nobody', async (text) => {
  const dir = temporaryDirectory();
  const lock = lockDirectory(dir);
  onTestFinished(() => lock.release());
  writeFileSync(join(dir, 'collector.pid'), text);
  const waited = takeOver(dir, { log: silentLog, signal: never, waitMs: 60 });
  await expect(waited).rejects.toMatchObject({ code: 'timeout' });
});

test('a successor that is told to stop while it waits does', async () => {
  const dir = temporaryDirectory();
  const lock = lockDirectory(dir);
  onTestFinished(() => lock.release());
  const told = new AbortController();
  const waiting = takeOver(dir, { log: silentLog, signal: told.signal });
  told.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'stopped' });
});
