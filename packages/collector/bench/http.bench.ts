/**
 * What one request costs the front door. Owns the bench `http`: CPU per request of our listener with every check on,
 * of node:http, and of a C epoll server that checks nothing; the memory of an idle connection; and the same over TLS
 * beside node:https. wrk makes the load from the other core; CPU is utime + stime of the server's own process.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { debianProgram } from '../../../test/services/debian.ts';
import { onPath } from '../../../test/services/run.ts';
import { ask, idleRow, measureCpu, nodeCommand, startServer } from './http-rig.ts';
import type { Load, Server } from './http-rig.ts';
import { tlsRows } from './http-tls.ts';

const IDLE_CONNECTIONS = 5000;
const IDLE_HOLD_KB = 6;
const SIZES = [
  { bytes: 200, name: '200 B', holdToC: 1.5 },
  { bytes: 4096, name: '4 KB', holdToC: 1.3 },
] as const;

export const bench: Bench = {
  name: 'http',
  title:
    'CPU per request of the HTTP listener, beside node:http and a C epoll server; over TLS, beside node:https; memory.',
  async run(options) {
    if (onPath('taskset') === undefined) throw new Error('bench http needs taskset: apt-get install util-linux');
    const wrk = await debianProgram({ name: 'wrk', pkg: 'wrk' });
    const dir = mkdtempSync(join(tmpdir(), 'http-bench-'));
    const servers: Server[] = [];
    try {
      const plain = await plainRows({ wrk, dir }, options, servers);
      return [...plain, ...(await tlsRows({ wrk, dir }, options, servers))];
    } finally {
      for (const server of servers) server.process.kill();
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

async function plainRows(load: Load, options: BenchOptions, started: Server[]): Promise<BenchRow[]> {
  const ours = await startServer('ours', nodeCommand('ours'));
  started.push(ours);
  const peer = await startServer('node:http', nodeCommand('node-http'));
  started.push(peer);
  if (onPath('gcc') !== undefined) started.push(await startServer('C epoll', [buildCeiling(load.dir)]));
  else options.progress('gcc is missing (apt-get install gcc): no C server to compare with');
  const servers = started.slice();
  const rows: BenchRow[] = [];
  const count = options.quick ? 500 : IDLE_CONNECTIONS;
  const useOnce = (port: number) => ask(connect({ host: '127.0.0.1', port }));
  const idle = [
    { ...(await idleRow(ours, count, useOnce)), hold: { op: '<=', value: IDLE_HOLD_KB } } as const,
    await idleRow(peer, count, useOnce),
  ];
  for (const size of SIZES) {
    const { rows: each, best } = await measureCpu(servers, size, load, options);
    const held = (name: string, value: number): BenchRow => ({
      what: `ours ÷ ${name}, ${size.name}`,
      value: best('ours') / best(name),
      unit: '×',
      hold: { op: '<=', value },
    });
    rows.push(...each, held('node:http', 0.5));
    if (servers.length > 2) rows.push(held('C epoll', size.holdToC));
  }
  return [...rows, ...idle];
}

function buildCeiling(dir: string): string {
  const program = join(dir, 'ceiling');
  execFileSync('gcc', ['-O2', '-o', program, fileURLToPath(new URL('./http-ceiling.c', import.meta.url))]);
  return program;
}
