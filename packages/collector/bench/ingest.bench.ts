/** The ingest bench: CPU per batch from socket to fdatasynced journal, beside the server a Node programmer would write. */
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { cpuSeconds, type LoadResult, POINTS_PER_BATCH, runLoad } from '../../../test/bench/load/load.ts';
import type { BenchServer } from './servers.ts';
import { startBenchCollector, startFloor, startPeer } from './servers.ts';

interface Contestant {
  what: string;
  start(): Promise<BenchServer>;
}

const CONTESTANTS: readonly Contestant[] = [
  { what: 'collector, journal only', start: () => startBenchCollector('journal', false) },
  { what: 'collector, journal and JSONL', start: () => startBenchCollector('journal', true) },
  { what: 'C epoll server that only answers', start: startFloor },
  { what: 'node:http + protobufjs + JSON.stringify + write stream, no sync', start: startPeer },
];

interface Measured {
  load: LoadResult;
  /** µs of CPU per batch, by thread name; `all` is the whole process. */
  cpuUs: Map<string, number>;
}

const SECONDS = 4;

async function measure(contestant: Contestant, seconds: number): Promise<Measured> {
  const server = await contestant.start();
  try {
    await runLoad({ port: server.port, connections: 100, rate: 0, seconds: seconds / 2, warmupSeconds: 0 });
    const before = cpuSeconds(server.pid);
    const load = await runLoad({ port: server.port, connections: 100, rate: 0, seconds, warmupSeconds: 0 });
    const after = cpuSeconds(server.pid);
    const cpuUs = new Map([...after].map(([name, s]) => [name, ((s - (before.get(name) ?? 0)) * 1e6) / load.ok]));
    return { load, cpuUs };
  } finally {
    await server.stop();
  }
}

async function run({ rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const best = new Map<string, Measured>();
  const worst = new Map<string, number>();
  for (let round = 1; round <= (quick ? 1 : rounds); round++) {
    for (const contestant of CONTESTANTS) {
      progress(`round ${round}: ${contestant.what}`);
      const measured = await measure(contestant, quick ? 1 : SECONDS);
      const cpu = measured.cpuUs.get('all') ?? 0;
      if (cpu < (best.get(contestant.what)?.cpuUs.get('all') ?? Infinity)) best.set(contestant.what, measured);
      worst.set(contestant.what, Math.max(worst.get(contestant.what) ?? 0, cpu));
    }
  }
  const rows = CONTESTANTS.flatMap(({ what }) => rowsOf(what, best.get(what) as Measured, worst.get(what) ?? 0));
  const cpuOf = (index: number): number => best.get(CONTESTANTS[index]?.what ?? '')?.cpuUs.get('all') ?? 0;
  rows.push({ what: "the peer's CPU in ours, journal only", value: cpuOf(3) / cpuOf(0), unit: '×' });
  rows.push({ what: "the peer's CPU in ours, journal and JSONL", value: cpuOf(3) / cpuOf(1), unit: '×' });
  return rows;
}

function rowsOf(what: string, { load, cpuUs }: Measured, worstUs: number): BenchRow[] {
  const all = cpuUs.get('all') ?? 0;
  const threads = [...cpuUs]
    .filter(([name, us]) => name !== 'all' && us > 0.2)
    .map(([name, us]) => `${name} ${us.toFixed(1)}`);
  const spread = `worst round ${worstUs.toFixed(1)}; ${threads.join(', ')}`;
  return [
    { what: `${what}: CPU per batch`, value: all, unit: 'µs', note: spread },
    { what: `${what}: points per CPU-second`, value: (POINTS_PER_BATCH * 1e6) / all, unit: 'points/s' },
    { what: `${what}: requests`, value: load.perSecond, unit: '/s', note: `${load.other} not 200` },
    { what: `${what}: p50`, value: load.p50Ms, unit: 'ms' },
    { what: `${what}: p99`, value: load.p99Ms, unit: 'ms' },
  ];
}

export const bench: Bench = {
  name: 'ingest',
  title: '60-point batches over 100 keep-alive connections, 200 only after fdatasync, beside a plain Node server',
  run,
};
