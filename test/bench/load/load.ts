/**
 * Runs load.c against a server. Owns the compiling, the file of requests (every connection a client of its own, every
 * request a batch of its own) and the reading of CPU time from /proc.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { hostBatch } from '../../../packages/proto/bench/host-batch.ts';

const SOURCE = fileURLToPath(new URL('./load.c', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../.cache/bench/', import.meta.url));
/** Four bytes as a varint, and so for 266 million requests more. */
const FIRST_SEQ = 2 ** 21;
export const POINTS_PER_BATCH = 60;

export interface LoadResult {
  ok: number;
  other: number;
  unanswered: number;
  seconds: number;
  perSecond: number;
  meanMs: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
  /** Most requests that were due and found no free connection. */
  waitedMax: number;
}

export interface LoadOptions {
  port: number;
  connections: number;
  /** Requests per second, evenly spaced; 0 sends as soon as the last is answered. */
  rate: number;
  seconds: number;
  warmupSeconds: number;
  /** All connections are of this one client; by default each is of its own. */
  client?: string;
  /** Lets everybody else go first. */
  niced?: boolean;
}

/** Before a command line: everybody else goes first, whatever this process' own priority is. */
export const LOW_PRIORITY = ['chrt', '--other', '0', 'nice'] as const;

/** @throws Error that says to install gcc when it is not there. */
export function compile(source: string): string {
  mkdirSync(CACHE, { recursive: true });
  const program = join(CACHE, (source.split('/').at(-1) as string).replace(/\.c$/, ''));
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  try {
    execFileSync('gcc', ['-O2', '-o', program, source], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    throw new Error('this bench compiles a small C program: install gcc (Debian package gcc) and try again', { cause });
  }
  return program;
}

/** Runs one load to its end. `run` may be called while it is under way to read CPU times. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const program = compile(SOURCE);
  const dir = mkdtempSync(join(tmpdir(), 'ms-load-'));
  try {
    const file = join(dir, 'requests');
    const { port, connections, rate, seconds, warmupSeconds, client, niced = false } = options;
    writeFileSync(file, requestsFile(connections, client));
    const args = [file, '127.0.0.1', port, connections, rate, seconds, warmupSeconds].map(String);
    const [first = program, ...rest] = niced ? [...LOW_PRIORITY, program] : [program];
    return JSON.parse(await outputOf(first, [...rest, ...args])) as LoadResult;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function outputOf(program: string, args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return text;
}

let runs = 0;

function requestsFile(connections: number, client?: string): Buffer {
  // A new epoch for every run: the same seqs again would be duplicates and cost nothing to store.
  const epoch = Date.now() * 1024 + (runs++ % 64) * 16;
  const parts: Buffer[] = [];
  for (let i = 0; i < connections; i++) {
    const clientId = client ?? `load-${String(i).padStart(4, '0')}`;
    const batch = hostBatch(i, FIRST_SEQ, 1);
    const body = Buffer.from(encodeBatch({ ...batch, clientId, epoch: epoch + i, seq: FIRST_SEQ }));
    const head = Buffer.from(
      `POST /v1/batches HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-protobuf\r\nClient-Id: ${clientId}\r\n` +
        `Lane: live\r\nOldest-Seq: ${FIRST_SEQ}\r\nSent-At: 1764000000000\r\nContent-Length: ${body.length}\r\n\r\n`,
      'latin1',
    );
    const seqAt = head.length + body.indexOf(Buffer.of(0x18, 0x80, 0x80, 0x80, 0x01)) + 1;
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(head.length + body.length, 0);
    lengths.writeUInt32LE(seqAt, 4);
    parts.push(lengths, head, body);
  }
  return Buffer.concat(parts);
}

const TICKS_PER_SECOND = 100;

/** CPU seconds a process has used, user and system, by thread name; `all` is the whole process. */
export function cpuSeconds(pid: number): Map<string, number> {
  const found = new Map([['all', statSeconds(`/proc/${pid}/stat`)]]);
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const name = readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim();
    found.set(name, (found.get(name) ?? 0) + statSeconds(`/proc/${pid}/task/${task}/stat`));
  }
  return found;
}

function statSeconds(path: string): number {
  const text = readFileSync(path, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
