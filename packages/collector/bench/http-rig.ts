/**
 * Servers under measure and the loads on them, for the bench `http`. Owns the processes (each on core 0), wrk (on core 1)
 * and what /proc says of a process.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import type { DebianProgram } from '../../../test/services/debian.ts';

const CONNECTIONS = 100;
/** /proc counts CPU in ticks of 10 ms. */
const TICK_US = 10_000;

export interface Server {
  name: string;
  process: ChildProcess;
  port: number;
  scheme: 'http' | 'https';
}

/** Where requests come from. */
export interface Load {
  wrk: DebianProgram;
  /** For scripts. */
  dir: string;
}

/** A server of http-server.ts. */
export function nodeCommand(which: string): string[] {
  return [process.execPath, fileURLToPath(new URL('./http-server.ts', import.meta.url)), which];
}

export async function startServer(name: string, command: string[], scheme: Server['scheme'] = 'http'): Promise<Server> {
  const child = spawn('taskset', ['-c', '0', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())));
    child.once('exit', (code) => reject(new Error(`${name}: exited with ${code} before it listened`)));
  });
  return { name, process: child, port, scheme };
}

export function cpuUs({ process: child }: Server): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function rssKb({ process: child }: Server): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))![1]);
}

export interface Round {
  cpuUs: number;
  perSecond: number;
}

/** CPU per request of each server with bodies of one size, in alternating rounds. */
export async function measureCpu(
  servers: readonly Server[],
  size: { bytes: number; name: string },
  load: Load,
  options: BenchOptions,
): Promise<{ rows: BenchRow[]; best: (name: string) => number }> {
  const script = writeScript(load.dir, size.bytes);
  const rounds = new Map<string, Round[]>(servers.map(({ name }) => [name, []]));
  const seconds = options.quick ? 1 : 3;
  for (const server of servers) run(server, script, load.wrk, 1);
  for (let round = 0; round < options.rounds; round++) {
    for (const server of servers) rounds.get(server.name)!.push(run(server, script, load.wrk, seconds));
    options.progress(`${servers[0]!.scheme}, ${size.name}: round ${round + 1} of ${options.rounds}`);
    await sleep(0);
  }
  const best = (name: string): number => Math.min(...rounds.get(name)!.map((round) => round.cpuUs));
  const rows = servers.map(({ name }) => {
    const all = rounds.get(name)!.map((round) => round.cpuUs.toFixed(2));
    const fastest = Math.max(...rounds.get(name)!.map((round) => round.perSecond));
    return {
      what: `${name}, ${size.name}`,
      value: best(name),
      unit: 'µs CPU/request',
      note: `rounds ${all.join(' ')}; up to ${Math.round(fastest / 1000)} K requests/s`,
    };
  });
  return { rows, best };
}

function writeScript(dir: string, bytes: number): string {
  const path = join(dir, `post-${bytes}.lua`);
  const headers = {
    'Content-Type': 'application/x-protobuf',
    'Client-Id': 'host-000123.dc1',
    Authorization: `Bearer ${'0123456789abcdef'.repeat(2)}`,
  };
  const fields = Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"]="${value}"`);
  writeFileSync(path, `wrk.method="POST"; wrk.body=string.rep("x",${bytes}); ${fields.join('; ')}\n`);
  return path;
}

function run(server: Server, script: string, wrk: DebianProgram, seconds: number): Round {
  const before = cpuUs(server);
  const url = `${server.scheme}://127.0.0.1:${server.port}/v1/batches`;
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}`, '-s', script, url];
  const env = { ...process.env, ...wrk.env };
  const text = execFileSync('taskset', ['-c', '1', wrk.command, ...options], { encoding: 'utf8', env });
  const used = cpuUs(server) - before;
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (requests === 0 || /Non-2xx|Socket errors/.test(text)) throw new Error(`${server.name}: wrk says\n${text}`);
  return { cpuUs: used / requests, perSecond: requests / seconds };
}

/** Opens connections, uses each once and keeps it, and looks at what the server's memory grew by. */
export async function idleRow(
  server: Server,
  count: number,
  useOnce: (port: number) => Promise<Socket>,
): Promise<BenchRow> {
  const sockets: Socket[] = [];
  // What the first connections cost once (code, buffers) is not theirs.
  for (let i = 0; i < 200; i++) sockets.push(await useOnce(server.port));
  await sleep(1000);
  const before = rssKb(server);
  for (let i = 0; i < count; i++) sockets.push(await useOnce(server.port));
  await sleep(2000);
  const grownKb = rssKb(server) - before;
  for (const socket of sockets) socket.destroy();
  return {
    what: `${server.name}, idle connection`,
    value: grownKb / count,
    unit: 'KB',
    note: `${count} connections`,
  };
}

/** Sends one request on a connection that is open, and waits for the first of its answer. */
export function ask(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', () => resolve(socket));
    socket.write('POST /v1/batches HTTP/1.1\r\nHost: bench\r\nContent-Length: 5\r\n\r\nhello');
  });
}
