/** What `npm start` runs, with the real programs: a verdict that adds up, a second start that goes on, a taken port. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { linesByTriple } from './ledger.ts';

const LAUNCHER = fileURLToPath(new URL('../../install/local/start.ts', import.meta.url));

function launch(args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [LAUNCHER, ...args], { timeout: 60_000 }, (_error, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}

function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-start-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const PORTS_0 = ['--port', '0', '--admin-port', '0', '--agent-admin-port', '0'];

/** The numbers of `sampled N = stored N + dropped N + in flight N`. */
function verdictOf(out: string): number[] {
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  expect(last).toMatch(/^sampled \d+ = stored \d+ \+ dropped 0 \+ in flight 0$/);
  return [...last.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

test('two starts on one directory: both verdicts add up, and the files hold every point of both, once', async () => {
  const data = temporaryDirectory();
  let points = 0;
  for (const _ of ['first', 'second']) {
    const { code, out, err } = await launch(['--for', '4s', '--interval', '1s', '--data', data, ...PORTS_0]);
    expect(code, out + err).toBe(0);
    const [sampled = 0, stored = 0] = verdictOf(out);
    expect(sampled).toBe(stored);
    expect(sampled).toBeGreaterThan(60);
    expect(out).toMatch(/\/metrics and \/readyz/);
    points += stored;
  }
  const lines = [...linesByTriple(join(data, 'points')).values()];
  expect(lines.reduce((sum, each) => sum + each, 0)).toBe(points);
});

test('a taken port is said at once, with the option that changes it', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  onTestFinished(() => void holder.close());
  const { port } = holder.address() as AddressInfo;
  const { code, err } = await launch(['--for', '4s', '--data', temporaryDirectory(), '--port', String(port)]);
  expect(code).toBe(1);
  expect(err).toContain(String(port));
  expect(err).toContain('--port');
});
