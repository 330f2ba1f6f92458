/** A program as a child process: its log lines, its end, and that it never outlives whoever started it. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startProgram } from '../../install/local/program.ts';

const fake = (name: string) => fileURLToPath(new URL(`fakes/${name}.ts`, import.meta.url));
let dir = '';
let config = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'metricstream-program-'));
  config = join(dir, 'collector.yaml');
  await writeFile(config, 'listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\n');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const startCollector = () => startProgram({ name: 'collector', entry: fake('collector'), args: ['run', '-c', config] });

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('gives the first log line that was waited for, whether it came before or after the question', async () => {
  await using program = startCollector();
  const later = await program.waitForLog('admin listening');
  expect(later['address']).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(await program.waitForLog('listening')).toMatchObject({ level: 'info' });
});

it('stops on SIGTERM with its last words, and stopping again does nothing', async () => {
  await using program = startCollector();
  await program.waitForLog('admin listening');
  expect(await program.stop()).toEqual({ code: 0, signal: null });
  expect(program.logs.at(-1)).toMatchObject({ msg: 'stopped', final: { ready: true } });
  expect(await program.stop()).toEqual({ code: 0, signal: null });
});

it('is killed without a word by kill9', async () => {
  await using program = startCollector();
  await program.waitForLog('admin listening');
  expect(await program.kill9()).toEqual({ code: null, signal: 'SIGKILL' });
  expect(program.logs.some((line) => line.msg === 'stopped')).toBe(false);
});

it('rejects the wait for a line when the program ends, with what it said', async () => {
  await rm(config);
  await using program = startCollector();
  await expect(program.waitForLog('listening')).rejects.toThrow(/collector ended with exit code 1 [^]*ENOENT/);
});

it('stops by itself when the process that started it is killed', async () => {
  const launcher = spawn(process.execPath, [fake('launcher'), fake('collector'), config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(
    await new Promise<string>((resolve) => launcher.stdout.once('data', (data) => resolve(String(data)))),
  );
  expect(alive(pid)).toBe(true);
  launcher.kill('SIGKILL');
  for (let tries = 0; tries < 100 && alive(pid); tries++) await delay(50);
  expect(alive(pid)).toBe(false);
});
