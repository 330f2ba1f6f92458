/**
 * The openloop bench: 22,530 evenly paced requests per second (ten times the seed's rate) whatever the server does,
 * latency from when each was due, beside the disk's own append+fdatasync in the same run.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { type LoadResult, runLoad } from '../../../test/bench/load/load.ts';
import { startBenchCollector, startFloor, startPeer } from './servers.ts';

const RATE = 22_530;
const CONNECTIONS = 100;
const SECONDS = 8;
const APPENDS = 400;
const APPEND_BYTES = 16 * 1024;

/** @returns the median of one append and fdatasync of a file on the disk that the collectors use, in ms. */
function appendSyncP50Ms(): number {
  const dir = mkdtempSync(join(tmpdir(), 'ms-disk-'));
  const fd = openSync(join(dir, 'append'), 'w');
  const block = Buffer.alloc(APPEND_BYTES, 'x');
  const took: number[] = [];
  for (let i = 0; i < APPENDS; i++) {
    const begin = performance.now();
    writeSync(fd, block);
    fdatasyncSync(fd);
    took.push(performance.now() - begin);
  }
  closeSync(fd);
  rmSync(dir, { recursive: true });
  return took.toSorted((a, b) => a - b)[APPENDS >> 1] as number;
}

const CONTESTANTS = {
  'ack: memory': () => startBenchCollector('memory', false),
  'ack: journal': () => startBenchCollector('journal', false),
  'C epoll server that only answers': startFloor,
  'plain Node server': startPeer,
} as const;
type Contestant = keyof typeof CONTESTANTS;
const NAMES = Object.keys(CONTESTANTS) as Contestant[];

async function measure(contestant: Contestant, seconds: number): Promise<LoadResult> {
  const server = await CONTESTANTS[contestant]();
  try {
    const result = await runLoad({
      port: server.port,
      connections: CONNECTIONS,
      rate: RATE,
      seconds,
      warmupSeconds: 2,
    });
    // So far behind that nothing that was due in time was answered in time: there is no mean, and it is no zero.
    return result.ok === 0 ? { ...result, meanMs: Number.POSITIVE_INFINITY } : result;
  } finally {
    await server.stop();
  }
}

async function run({ rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const best = new Map<Contestant, LoadResult>();
  const means = new Map<Contestant, number[]>(NAMES.map((contestant) => [contestant, []]));
  let diskMs = Infinity;
  for (let round = 1; round <= (quick ? 1 : rounds); round++) {
    diskMs = Math.min(diskMs, appendSyncP50Ms());
    for (const contestant of NAMES) {
      progress(`round ${round}: ${contestant}`);
      const result = await measure(contestant, quick ? 1 : SECONDS);
      means.get(contestant)?.push(result.meanMs);
      const before = best.get(contestant);
      if (!before || result.meanMs < before.meanMs) best.set(contestant, result);
    }
  }
  const rows = NAMES.flatMap((contestant) =>
    rowsOf(contestant, best.get(contestant) as LoadResult, means.get(contestant) ?? []),
  );
  const journal = best.get('ack: journal')?.meanMs ?? 0;
  rows.push({ what: 'append+fdatasync of 16 KiB, p50', value: diskMs, unit: 'ms', note: 'least of the rounds' });
  rows.push({
    what: "ack: journal, mean in the disk's own",
    value: journal / diskMs,
    unit: '×',
    hold: { op: '<=', value: 3 },
  });
  return rows;
}

function rowsOf(contestant: Contestant, result: LoadResult, means: number[]): BenchRow[] {
  const success = result.ok === 0 ? 0 : (result.ok / (result.ok + result.other)) * 100;
  const spread = `p50 ${result.p50Ms} p99 ${result.p99Ms} max ${result.maxMs}; means of the rounds ${means.map((ms) => ms.toFixed(3)).join(' ')}`;
  const hold = contestant === 'ack: memory' ? { hold: { op: '<=', value: 0.25 } as const } : {};
  return [
    { what: `${contestant}: mean`, value: result.meanMs, unit: 'ms', note: spread, ...hold },
    {
      what: `${contestant}: answered 2xx`,
      value: success,
      unit: '%',
      hold: { op: '>=', value: 100 },
      note: `${result.perSecond}/s`,
    },
  ];
}

export const bench: Bench = {
  name: 'openloop',
  title:
    '22,530 evenly paced requests per second on 100 connections, beside a C server, a plain Node server and the disk',
  run,
};
