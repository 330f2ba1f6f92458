/** One of several threads that work on one client table at once, for the tests of this folder. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { ClientTable } from '../../src/admission/client-table.ts';
import { ClientCounter } from '../../src/admission/client-counters.ts';
import { openClientTable } from '../../src/admission/client-table.ts';
import { createLimiter } from '../../src/admission/limits.ts';
import { TICKS_PER_MS, TICKS_PER_SECOND } from '../../src/admission/monotonic.ts';

export interface TableData {
  work: 'find' | 'evict' | 'hammer';
  shared: SharedArrayBuffer;
  /** Two words: threads that are ready, all begin when it says `threads`; and the clock of `evict`, in seconds. */
  gate: SharedArrayBuffer;
  threads: number;
  holder: number;
  clients: number;
  rounds: number;
  nowTicks: number;
}

export interface TableResult {
  slots: number[];
  wrong: number;
  admitted: number;
}

export function clientIdOf(number: number): string {
  return `client-${number}`;
}

function waitForAll({ gate, threads }: TableData): void {
  const ready = new Int32Array(gate);
  Atomics.add(ready, 0, 1);
  while (Atomics.load(ready, 0) < threads);
}

function find(table: ClientTable, { clients, rounds, nowTicks }: TableData): TableResult {
  const slots: number[] = [];
  for (let i = 0; i < clients; i++) {
    let slot = table.find(clientIdOf(i), nowTicks);
    // On a busy machine a thread may be off its core for longer than others wait for the window it has locked.
    while (slot === -1) slot = table.find(clientIdOf(i), nowTicks);
    slots.push(slot);
  }
  for (let round = 0; round < rounds; round++)
    for (const slot of slots) table.counters.add(slot, ClientCounter.bytes, 61_000_003);
  return { slots, wrong: 0, admitted: 0 };
}

/** One fast clock for all, so that idle clients are always at hand; each asks whose slot it was given. */
function evict(table: ClientTable, { clients, rounds, holder, gate, nowTicks }: TableData): TableResult {
  const clock = new Int32Array(gate);
  let wrong = 0;
  for (let round = 0; round < rounds; round++) {
    const seconds = Atomics.add(clock, 1, 3);
    const id = clientIdOf((round * 7 + holder * 13) % clients);
    const slot = table.find(id, nowTicks + seconds * TICKS_PER_SECOND);
    if (slot === -1) continue;
    const held = table.idOf(slot);
    // A thread that lost its core for a minute of this clock has lost its slot with it.
    if (held !== id && Atomics.load(clock, 1) - seconds < 60) wrong++;
  }
  return { slots: [], wrong, admitted: 0 };
}

/** Asks for one request after the other, the clock moving on by 1 ms every 16 of them, in all threads alike. */
function hammer(table: ClientTable, { rounds, nowTicks }: TableData): TableResult {
  const limiter = createLimiter(table, {
    requestsPerSecond: 5000,
    bytesPerSecond: Infinity,
    pointsPerSecond: Infinity,
    burstMs: 100,
  });
  const slot = table.find('hammered', nowTicks);
  let admitted = 0;
  for (let i = 0; i < rounds; i++)
    if (limiter.charge(slot, 'requests', 1, nowTicks + Math.floor(i / 16) * TICKS_PER_MS) === 0) admitted++;
  return { slots: [slot], wrong: 0, admitted };
}

const data = workerData as Partial<TableData> | undefined;
if (!isMainThread && data?.work !== undefined) {
  const all = data as TableData;
  const table = openClientTable(all.shared, all.holder);
  waitForAll(all);
  parentPort?.postMessage({ find, evict, hammer }[all.work](table, all), []);
}
