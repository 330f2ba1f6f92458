/**
 * What one request costs the front door. Owns the bench `http`: CPU per request of our listener with every check on,
 * of node:http, and of a C epoll server that checks nothing; and the memory of an idle connection. wrk makes the load
 * from the other core; CPU is utime + stime of the server's own process.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';

const CONNECTIONS = 100;
const IDLE_CONNECTIONS = 5000;
const SIZES = [
  { bytes: 200, name: '200 B', holdToC: 1.5 },
  { bytes: 4096, name: '4 KB', holdToC: 1.3 },
] as const;
/** /proc counts CPU in ticks of 10 ms. */
const TICK_US = 10_000;

interface Server {
  name: string;
  process: ChildProcess;
  port: number;
}

export const bench: Bench = {
  name: 'http',
  title: 'CPU per request of the HTTP listener, beside node:http and a C epoll server; memory of an idle connection.',
  async run(options) {
    const missing = ['wrk', 'taskset'].filter((program) => !isInstalled(program));
    if (missing.length > 0)
      throw new Error(`bench http needs ${missing.join(' and ')}: apt-get install wrk util-linux`);
    const dir = mkdtempSync(join(tmpdir(), 'http-bench-'));
    const servers: Server[] = [];
    try {
      servers.push(
        await startServer('ours', nodeCommand('ours')),
        await startServer('node:http', nodeCommand('node-http')),
      );
      if (isInstalled('gcc')) servers.push(await startServer('C epoll', [buildCeiling(dir)]));
      else options.progress('gcc is missing (apt-get install gcc): no C server to compare with');
      const idle = [await idleRow(servers[0]!, options, 6), await idleRow(servers[1]!, options)];
      const cpu: BenchRow[] = [];
      for (const size of SIZES) cpu.push(...(await cpuRows(servers, size, dir, options)));
      return [...cpu, ...idle];
    } finally {
      for (const server of servers) server.process.kill();
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function nodeCommand(which: string): string[] {
  return [process.execPath, fileURLToPath(new URL('./http-server.ts', import.meta.url)), which];
}

function buildCeiling(dir: string): string {
  const program = join(dir, 'ceiling');
  execFileSync('gcc', ['-O2', '-o', program, fileURLToPath(new URL('./http-ceiling.c', import.meta.url))]);
  return program;
}

async function startServer(name: string, command: string[]): Promise<Server> {
  const child = spawn('taskset', ['-c', '0', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())));
    child.once('exit', (code) => reject(new Error(`${name}: exited with ${code} before it listened`)));
  });
  return { name, process: child, port };
}

function cpuUs({ process: child }: Server): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

interface Round {
  cpuUs: number;
  perSecond: number;
}

async function cpuRows(
  servers: readonly Server[],
  size: (typeof SIZES)[number],
  dir: string,
  options: BenchOptions,
): Promise<BenchRow[]> {
  const script = writeScript(dir, size.bytes);
  const rounds = new Map<string, Round[]>(servers.map(({ name }) => [name, []]));
  const seconds = options.quick ? 1 : 3;
  for (const server of servers) load(server, script, 1);
  for (let round = 0; round < options.rounds; round++) {
    for (const server of servers) rounds.get(server.name)!.push(load(server, script, seconds));
    options.progress(`${size.name}: round ${round + 1} of ${options.rounds}`);
    await sleep(0);
  }
  const best = (name: string): number => Math.min(...rounds.get(name)!.map((round) => round.cpuUs));
  const rows: BenchRow[] = servers.map(({ name }) => {
    const all = rounds.get(name)!.map((round) => round.cpuUs.toFixed(2));
    const fastest = Math.max(...rounds.get(name)!.map((round) => round.perSecond));
    return {
      what: `${name}, ${size.name}`,
      value: best(name),
      unit: 'µs CPU/request',
      note: `rounds ${all.join(' ')}; up to ${Math.round(fastest / 1000)} K requests/s`,
    };
  });
  const ours = best('ours');
  rows.push({
    what: `ours ÷ node:http, ${size.name}`,
    value: ours / best('node:http'),
    unit: '×',
    hold: { op: '<=', value: 0.5 },
  });
  if (rounds.has('C epoll'))
    rows.push({
      what: `ours ÷ C epoll, ${size.name}`,
      value: ours / best('C epoll'),
      unit: '×',
      hold: { op: '<=', value: size.holdToC },
    });
  return rows;
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

function load(server: Server, script: string, seconds: number): Round {
  const before = cpuUs(server);
  const url = `http://127.0.0.1:${server.port}/v1/batches`;
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}`, '-s', script, url];
  const text = execFileSync('taskset', ['-c', '1', 'wrk', ...options], { encoding: 'utf8' });
  const used = cpuUs(server) - before;
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (requests === 0 || /Non-2xx|Socket errors/.test(text)) throw new Error(`${server.name}: wrk says\n${text}`);
  return { cpuUs: used / requests, perSecond: requests / seconds };
}

/** Opens keep-alive connections, uses each once, and looks at what the server's memory grew by. */
async function idleRow(server: Server, options: BenchOptions, holdKb?: number): Promise<BenchRow> {
  const count = options.quick ? 500 : IDLE_CONNECTIONS;
  const sockets: Socket[] = [];
  // What the first connections cost once (code, buffers) is not theirs.
  for (let i = 0; i < 200; i++) sockets.push(await useOnce(server.port));
  await sleep(1000);
  const before = rssKb(server);
  for (let i = 0; i < count; i++) sockets.push(await useOnce(server.port));
  await sleep(2000);
  const grownKb = rssKb(server) - before;
  for (const socket of sockets) socket.destroy();
  const row: BenchRow = {
    what: `${server.name}, idle connection`,
    value: grownKb / count,
    unit: 'KB',
    note: `${count} connections`,
  };
  return holdKb === undefined ? row : { ...row, hold: { op: '<=', value: holdKb } };
}

function rssKb({ process: child }: Server): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))![1]);
}

function useOnce(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.once('data', () => resolve(socket));
    socket.write('POST /v1/batches HTTP/1.1\r\nHost: bench\r\nContent-Length: 5\r\n\r\nhello');
  });
}
