/** The local run with small programs in the place of the real ones: order, verdict, exit code, nothing left behind. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseOptions, type StartOptions } from '../../install/local/options.ts';
import { runLocal } from '../../install/local/session.ts';

const fake = (name: string) => fileURLToPath(new URL(`fakes/${name}.ts`, import.meta.url));
const entries = { collector: fake('collector'), agent: fake('agent') };
let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'metricstream-local-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

function options(...args: string[]): StartOptions {
  const free = ['--port', '0', '--admin-port', '0', '--agent-admin-port', '0'];
  return parseOptions([...free, '--data', dir, ...args]) as StartOptions;
}

async function run(args: string[], end: AbortSignal = new AbortController().signal) {
  let text = '';
  const out = { write: (piece: string) => (text += piece) };
  const code = await runLocal(options(...args), { out, end, entries });
  return { code, text, verdict: text.trimEnd().split('\n').at(-1) ?? '' };
}

it('runs for the time asked for, stops the agent before the collector and ends with the verdict', async () => {
  const { code, text, verdict } = await run(['--for', '1s', '--interval', '100ms']);
  expect(verdict).toMatch(/^sampled (\d+) = stored \1 \+ dropped 0 \+ in flight 0$/);
  expect(code).toBe(0);
  expect(text).toMatch(/sampled \d+ {2}sent \d+ {2}durable \d+ {2}stored \d+ {2}refused 0 {2}dropped 0 · /);
  expect(text).toContain('ack p50 0.4 ms p99 1.3 ms');
  expect(text).toContain(join(dir, 'points'));
  expect(text).toMatch(/\/metrics and \/readyz/);
  expect(text.indexOf('agent stopped')).toBeLessThan(text.indexOf('collector stopped'));
  expect(await readFile(join(dir, 'agent.yaml'), 'utf8')).toContain('interval: 100ms');
});

it('ends when it is asked to', async () => {
  const { code } = await run([], AbortSignal.timeout(1500));
  expect(code).toBe(0);
});

it('counts what the collector found from an earlier run as carried over', async () => {
  vi.stubEnv('FAKE_LAG', '30');
  const { code, verdict } = await run(['--for', '300ms']);
  expect(verdict).toMatch(/^sampled \d+ \+ carried over 30 = stored \d+ \+ dropped 0 \+ in flight 0$/);
  expect(code).toBe(0);
});

it('ends with 1 and names the difference when points are missing', async () => {
  vi.stubEnv('FAKE_LAG', '30');
  vi.stubEnv('FAKE_LOSS_AT_END', '7');
  const { code, verdict } = await run(['--for', '300ms']);
  expect(verdict).toMatch(/≠ .*: 7 points missing in the collector$/);
  expect(code).toBe(1);
});

it('shows the last words of a program that ends early, and leaves nothing running', async () => {
  vi.stubEnv('FAKE_CRASH_AFTER_MS', '300');
  await expect(run([])).rejects.toThrow(/agent ended with exit code 7:\n[^]*out of luck/);
  const admin = /^admin: \{ listen: (\S+)/m.exec(await readFile(join(dir, 'collector.yaml'), 'utf8'))?.[1];
  await expect(fetch(`http://${admin}/status`)).rejects.toThrow('fetch failed');
});

it('names the option of a port that is taken, before anything is started', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  const taken = { ...options(), adminPort: port };
  const started = runLocal(taken, { out: { write: () => true }, end: new AbortController().signal, entries });
  await expect(started).rejects.toThrow(`port ${port} is taken by another program: choose another with --admin-port`);
  expect(existsSync(join(dir, 'collector.yaml'))).toBe(false);
  holder.close();
});
