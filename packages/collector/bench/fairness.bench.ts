/**
 * The fairness bench: 50 clients that behave, alone and beside each kind of attacker, against a collector at its
 * defaults. Owns the method: the same attack is also aimed at an idle C server, so that what the attacker's own CPU does
 * to the figures on shared cores is known; every batch of those who behave is counted in the journal. And the limits
 * themselves: what one client on 64 connections gets of four workers, over a longer time than a test has.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startProgram } from '../../../install/local/program.ts';
import { productEntries } from '../../../install/local/session.ts';
import { readStatus, steady } from '../../../install/local/status.ts';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { cpuSeconds, type LoadResult, POINTS_PER_BATCH, runLoad } from '../../../test/bench/load/load.ts';
import { CONNECTIONS, LIMITS_CONFIG, measureLimits, RATES, WORKERS } from '../../../test/e2e/limits-kit.ts';
import { ATTACKS } from './fairness-attackers.ts';
import { startFloor } from './servers.ts';

const CLIENTS = 50;
const BATCHES_PER_SECOND = 500;
const SECONDS = 6;
/** Attackers are all there before the load begins, and go on until it has ended. */
const LEAD_SECONDS = 2;
const LIMITS_WINDOW_MS = 20_000;

interface Collector {
  port: number;
  pid: number;
  status(): Promise<Status>;
  stop(): Promise<void>;
}

interface Status {
  points: { received: number; durable: number; duplicate_batches: number };
}

async function startCollector(config: Record<string, unknown>): Promise<Collector> {
  const dir = mkdtempSync(join(tmpdir(), 'ms-bench-'));
  const file = join(dir, 'collector.yaml');
  const own = { listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, state_dir: join(dir, 'state') };
  writeFileSync(file, JSON.stringify({ ...own, sinks: { jsonl: { enabled: false } }, ...config }));
  const program = startProgram({ name: 'collector', entry: productEntries.collector, args: ['run', '-c', file] });
  const addressOf = async (line: string): Promise<string> => String((await program.waitForLog(line)).address);
  const address = await addressOf('listening');
  const admin = await addressOf('admin listening');
  return {
    port: Number(address.split(':').at(-1)),
    pid: program.pid,
    status: () => readStatus(admin) as Promise<Status>,
    async stop() {
      await program.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Measured {
  load: LoadResult;
  /** Of a core, while those who behave were measured. */
  collectorCpu: number;
  /** What the greedy client sent per second, refused or not; 0 without one. */
  greedyPerSecond: number;
  /** Batches of theirs that were refused, or acknowledged and not in the journal, or there twice. */
  lost: number;
}

/** @param target where the attack goes: the collector itself, or a server that has nothing to do with it. */
async function measure(
  attack: string | undefined,
  target: 'collector' | 'elsewhere',
  seconds: number,
): Promise<Measured> {
  const collector = await startCollector({});
  const floor = target === 'elsewhere' ? await startFloor() : undefined;
  try {
    const lead = attack === undefined ? 0 : LEAD_SECONDS;
    const attacking = attack && ATTACKS[attack]?.(floor?.port ?? collector.port, lead + seconds + 1);
    await delay(lead * 1000);
    const cpuBefore = cpuSeconds(collector.pid).get('all') ?? 0;
    const load = await runLoad({
      port: collector.port,
      connections: CLIENTS,
      rate: BATCHES_PER_SECOND,
      seconds,
      warmupSeconds: 0,
    });
    const collectorCpu = ((cpuSeconds(collector.pid).get('all') ?? 0) - cpuBefore) / seconds;
    const greedy = (await attacking) || undefined;
    const status = await steady(
      () => collector.status(),
      ({ points }) => points.durable,
    );
    const loads = target === 'elsewhere' || greedy === undefined ? [load] : [load, greedy];
    const greedyPerSecond = greedy === undefined ? 0 : (greedy.ok + greedy.other) / greedy.seconds;
    return { load, collectorCpu, greedyPerSecond, lost: load.other + missing(status, loads) };
  } finally {
    await floor?.stop();
    await collector.stop();
  }
}

/** @returns how many batches the journal has too few or too many: what got no answer in time may be there or not. */
function missing({ points }: Status, loads: readonly LoadResult[]): number {
  const ok = loads.reduce((sum, { ok: batches }) => sum + batches, 0);
  const unanswered = loads.reduce((sum, { unanswered: batches }) => sum + batches, 0);
  const stored = points.durable / POINTS_PER_BATCH;
  return Math.max(0, ok - stored) + Math.max(0, stored - ok - unanswered) + points.duplicate_batches;
}

const NAMES = Object.keys(ATTACKS);

async function run({ rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const seconds = quick ? 1 : SECONDS;
  const found = new Map<string, Measured[]>();
  const measured = async (name: string, attack: string | undefined, target: 'collector' | 'elsewhere') => {
    const one = await measure(attack, target, seconds);
    found.set(name, [...(found.get(name) ?? []), one]);
    progress(
      `  ${name}: p99 ${one.load.p99Ms} ms, collector ${(one.collectorCpu * 100).toFixed(0)} % of a core, ${one.greedyPerSecond.toFixed(0)} greedy/s`,
    );
  };
  for (let round = 1; round <= (quick ? 1 : rounds); round++) {
    progress(`round ${round}`);
    for (const attack of NAMES) {
      await measured('baseline', undefined, 'collector');
      await measured(`elsewhere ${attack}`, attack, 'elsewhere');
      await measured(attack, attack, 'collector');
    }
  }
  const rows = [
    {
      what: `${CLIENTS} clients alone: p99 of ${BATCHES_PER_SECOND} batches/s`,
      value: p99Of(found, 'baseline'),
      unit: 'ms',
      note: noteOf(found, 'baseline'),
    },
    ...NAMES.flatMap((attack) => rowsOf(found, attack)),
  ];
  progress('limits');
  return [...rows, ...(await limitRows(quick ? 1000 : LIMITS_WINDOW_MS))];
}

/** The median of the rounds: a p99 has no best round, only luckier ones. */
function p99Of(found: ReadonlyMap<string, Measured[]>, name: string): number {
  const all = (found.get(name) ?? []).map(({ load }) => load.p99Ms).toSorted((a, b) => a - b);
  return all[all.length >> 1] ?? Number.NaN;
}

function noteOf(found: ReadonlyMap<string, Measured[]>, name: string): string {
  const all = found.get(name) ?? [];
  const p99s = all.map(({ load }) => load.p99Ms).toSorted((a, b) => a - b);
  const cpu = all.reduce((sum, { collectorCpu }) => sum + collectorCpu, 0) / all.length;
  const greedy = Math.min(...all.map(({ greedyPerSecond }) => greedyPerSecond));
  return (
    `${p99s.at(0)?.toFixed(2)} to ${p99s.at(-1)?.toFixed(2)} ms; collector ${(cpu * 100).toFixed(0)} % of a core` +
    (greedy > 0 ? `; greedy: ${greedy.toFixed(0)}/s at least` : '')
  );
}

function rowsOf(found: ReadonlyMap<string, Measured[]>, attack: string): BenchRow[] {
  const [ours, elsewhere] = [p99Of(found, attack), p99Of(found, `elsewhere ${attack}`)];
  const lost = (found.get(attack) ?? []).reduce((sum, one) => sum + one.lost, 0);
  return [
    {
      what: `${attack}: the others' p99, in theirs alone`,
      value: ours / p99Of(found, 'baseline'),
      unit: '×',
      hold: { op: '<=', value: 1.5 },
      note: noteOf(found, attack),
    },
    {
      what: `${attack}: in theirs while it is aimed elsewhere`,
      value: ours / elsewhere,
      unit: '×',
      note: noteOf(found, `elsewhere ${attack}`),
    },
    { what: `${attack}: their batches lost or refused`, value: lost, unit: '', hold: { op: '<=', value: 0 } },
  ];
}

async function limitRows(windowMs: number): Promise<BenchRow[]> {
  const collector = await startCollector(LIMITS_CONFIG);
  try {
    const all = await measureLimits(`http://127.0.0.1:${collector.port}`, windowMs);
    return all.map(({ limit, perSecond, deviation }) => ({
      what: `limit of ${limit}, ${CONNECTIONS} connections, ${WORKERS} workers: off by`,
      value: Math.abs(deviation) * 100,
      unit: '%',
      hold: { op: '<=', value: 1 },
      note: `${perSecond.toFixed(1)}/s of ${RATES[limit]}/s over ${windowMs / 1000} s`,
    }));
  } finally {
    await collector.stop();
  }
}

export const bench: Bench = {
  name: 'fairness',
  title:
    '50 clients that behave, alone and beside greedy, idle and slow ones, the same aimed elsewhere; and the limits',
  run,
};
