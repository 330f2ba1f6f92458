import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { freePorts } from './ports.ts';
import { launch, type ServerPlan, serverDir } from './server.ts';

const serverModule = new URL('./server.ts', import.meta.url).href;

/** A server of one line of Node: every answer is its process id. */
const program = (port: number) =>
  `require('node:http').createServer((_, r) => r.end(String(process.pid))).listen(${port}, '127.0.0.1')`;

async function planOf(): Promise<ServerPlan & { url: string }> {
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('test')]);
  const url = `http://127.0.0.1:${port}`;
  return {
    name: 'the test server',
    dir,
    url,
    command: process.execPath,
    args: ['-e', program(port)],
    isReady: async (signal) => (await fetch(url, { signal })).ok,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('a server serves when launch is over, and is gone with its data when stop is', async () => {
  const plan = await planOf();
  const server = await launch(plan);
  expect(await (await fetch(plan.url)).text()).toBe(String(server.pid));
  await expect(server.start()).rejects.toThrow('running already');
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  expect(existsSync(plan.dir)).toBe(false);
});

it('a server that ends early is told of with its last words, and leaves nothing', async () => {
  const plan = await planOf();
  const args = ['-e', 'process.stderr.write("no such flag"); process.exitCode = 7'];
  await expect(launch({ ...plan, args })).rejects.toThrow(/the test server ended with exit code 7.*no such flag/s);
  expect(existsSync(plan.dir)).toBe(false);
  await expect(launch({ ...(await planOf()), command: '/nowhere/server' })).rejects.toThrow('/nowhere/server');
});

it('a server that never serves is told of with what it answered last, and is killed', async () => {
  const plan = await planOf();
  const isReady = async () => Promise.reject(new Error('still loading'));
  await expect(launch({ ...plan, isReady, readyMsMax: 300 })).rejects.toThrow('not ready within 300 ms (Error: still');
  await expect(fetch(plan.url)).rejects.toThrow('fetch failed');
});

it('a server and its data do not outlive a process that is killed', async () => {
  const [[port = 0], dir] = await Promise.all([freePorts(1), serverDir('test')]);
  const script = `
    const { launch } = await import(${JSON.stringify(serverModule)});
    const server = await launch({
      name: 'leashed',
      dir: '${dir}',
      command: process.execPath,
      args: ['-e', ${JSON.stringify(program(port))}],
      isReady: async () => (await fetch('http://127.0.0.1:${port}')).ok,
    });
    process.stdout.write(server.pid + '\\n');
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const pid = Number(line);
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')));
  expect(isAlive(pid)).toBe(true);
  expect(existsSync(join(dir, 'server.log'))).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  await expect.poll(() => existsSync(dir), { timeout: 5000 }).toBe(false);
});

it('ports are free, and given once', async () => {
  const ports = (await Promise.all([freePorts(20), freePorts(20)])).flat();
  expect(new Set(ports).size).toBe(40);
});
