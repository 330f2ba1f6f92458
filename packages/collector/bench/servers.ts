/** The servers that the ingest and openloop benches put under load. Owns their starting and ending, each with a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compile } from '../../../test/bench/load/load.ts';

const COLLECTOR = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const CEILING = fileURLToPath(new URL('./http-ceiling.c', import.meta.url));
const PEER = fileURLToPath(new URL('./peer-server.ts', import.meta.url));

export interface BenchServer {
  pid: number;
  port: number;
  stop(): Promise<void>;
}

/** Every check on, limits counting but out of the load's reach, one worker. */
export async function startBenchCollector(ack: 'journal' | 'memory', jsonl: boolean): Promise<BenchServer> {
  const dir = mkdtempSync(join(tmpdir(), 'ms-bench-'));
  const port = await freePort();
  const config = {
    state_dir: join(dir, 'state'),
    listen: `127.0.0.1:${port}`,
    admin: { listen: '127.0.0.1:0' },
    workers: 1,
    ack,
    limits: { per_client: { requests: '1000000/s', bytes: '10GiB/s', points: '100000000/s' } },
    sinks: { jsonl: { enabled: jsonl } },
    log: { level: 'warn' },
  };
  writeFileSync(join(dir, 'collector.yaml'), JSON.stringify(config));
  const child = spawn(process.execPath, [COLLECTOR, 'run', '-c', join(dir, 'collector.yaml')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await untilListening(port, child);
  return benchServer(child, port, dir);
}

export async function startPeer(): Promise<BenchServer> {
  const dir = mkdtempSync(join(tmpdir(), 'ms-bench-'));
  const child = spawn(process.execPath, [PEER, join(dir, 'points.jsonl')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return benchServer(child, Number(line), dir);
}

/** The least a server can do on this kernel: C, epoll, a constant answer. What it needs is the machine's floor. */
export async function startFloor(): Promise<BenchServer> {
  const child = spawn(compile(CEILING), [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return benchServer(child, Number(line), undefined);
}

function benchServer(child: ChildProcess, port: number, dir: string | undefined): BenchServer {
  return {
    pid: child.pid as number,
    port,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the collector ended with ${child.exitCode} before it listened`);
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (connected) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
