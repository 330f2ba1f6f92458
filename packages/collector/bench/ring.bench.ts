/**
 * The ring's price per frame: across threads, alone, and beside the two other ways to hand bytes to a thread. Owns the
 * method: one pair of threads per case, warmed up, best wall time of the rounds; every frame's number is checked, and a
 * fault fails the bench.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { createDecisions, createDecisionWriter, DecisionReason } from '../src/rings/decisions.ts';
import { createDoorbell, openDoorbell } from '../src/rings/doorbell.ts';
import { createRing } from '../src/rings/ring-layout.ts';
import type { RingReader } from '../src/rings/ring-reader.ts';
import { createRingReader } from '../src/rings/ring-reader.ts';
import type { RingWriter } from '../src/rings/ring-writer.ts';
import { createRingWriter } from '../src/rings/ring-writer.ts';
import { drain, produce } from './ring-load.ts';
import type { RingWorkerData } from './ring-worker.ts';

const RING_BYTES = 1024 * 1024;
const SMALL_BYTES = 16;
/** Length and number before 1 KiB of payload. */
const LARGE_BYTES = 1024 + 8;
/**
 * What is written and read between two looks at the clock: 16 rings, some milliseconds. Both threads must have a CPU
 * all that time for the figure to mean anything; on a busy machine only short slices are that lucky.
 */
const SLICE_BYTES = 16 * RING_BYTES;

/** Nanoseconds per unit, the best, and what else a reader needs to judge them. */
interface Measured {
  ns: number;
  note: string;
}

/** @returns the least nanoseconds per unit over the rounds, and the median for the note. */
function best(rounds: number, units: number, run: () => void): Measured {
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    run();
    found.push(((performance.now() - started) * 1e6) / units);
  }
  return summary(found);
}

function summary(found: number[]): Measured {
  const sorted = found.toSorted((a, b) => a - b);
  return { ns: sorted[0] ?? 0, note: `median ${(sorted[sorted.length >> 1] ?? 0).toFixed(1)}` };
}

interface CrossCase {
  frameBytes: number;
  /** Frames between two publishes. */
  every: number;
  frames: number;
}

async function startWorker(data: RingWorkerData): Promise<Worker> {
  const worker = new Worker(new URL('./ring-worker.ts', import.meta.url), { workerData: data });
  await once(worker, 'message');
  return worker;
}

/** Writes in this thread what another reads and checks. */
async function acrossThreads(rounds: number, { frameBytes, every, frames }: CrossCase): Promise<Measured> {
  const ring = createRing(RING_BYTES, 4096);
  const bell = createDoorbell();
  const worker = await startWorker({ ring, bell });
  const writer = createRingWriter(ring, openDoorbell(bell));
  const payload = frameBytes > SMALL_BYTES ? new Uint8Array(frameBytes) : undefined;
  let from = 0;
  const slice = Math.min(Math.ceil(SLICE_BYTES / frameBytes), Math.ceil(frames));
  const write = (): void => {
    const to = from + slice;
    produce(writer, { from, to }, frameBytes, every, payload);
    from = to;
    drain(writer);
  };
  for (let warm = 0; warm < frames / 10; warm += slice) write();
  const measured = best(Math.ceil((rounds * frames) / slice), slice, write);
  writer.close();
  const [{ frames: came, faults }] = (await once(worker, 'message')) as [{ frames: number; faults: number }];
  if (came !== from || faults > 0) throw new Error(`ring: ${from} frames written, ${came} came, ${faults} faults`);
  return { ns: measured.ns, note: `${measured.note}; ${(came / 1e6).toFixed(1)} M frames in sequence` };
}

function emptyRing(writer: RingWriter, reader: RingReader): void {
  reader.refresh();
  while (reader.next() !== -1);
  reader.settle(reader.position());
  writer.release(writer.settled());
}

/** The writer's side alone: a ring that is emptied outside the measured time. */
function pushAlone(rounds: number): Measured {
  const ring = createRing(RING_BYTES, 4096);
  const writer = createRingWriter(ring, openDoorbell(createDoorbell()));
  const reader = createRingReader(ring);
  const frames = RING_BYTES / SMALL_BYTES - 1024;
  const found: number[] = [];
  for (let i = 0; i < rounds * 100; i++) {
    found.push(best(1, frames, () => produce(writer, { from: 0, to: frames }, SMALL_BYTES, 32)).ns);
    emptyRing(writer, reader);
  }
  return summary(found);
}

/** What the ring replaces: a slot of 16 bytes under a CAS lock, with a notify each time, put and taken in one thread. */
function lockAndNotify(rounds: number, count: number): Measured {
  const words = new Int32Array(new SharedArrayBuffer(512));
  const LOCK = 0;
  const FILLED = 32;
  const ENTRY = 64;
  const lock = (): void => {
    while (Atomics.compareExchange(words, LOCK, 0, 1) !== 0) Atomics.wait(words, LOCK, 1, 1);
  };
  const putAndTake = (value: number): number => {
    lock();
    for (let i = 0; i < 4; i++) words[ENTRY + i] = value;
    Atomics.store(words, LOCK, 0);
    Atomics.store(words, FILLED, 1);
    Atomics.notify(words, FILLED);
    lock();
    const taken = words[ENTRY] ?? 0;
    Atomics.store(words, LOCK, 0);
    return taken;
  };
  return best(rounds, count, () => {
    for (let i = 0; i < count; i++) putAndTake(i);
  });
}

/** The other thing it replaces: each record as a message. */
async function messages(rounds: number, bytes: number, count: number): Promise<Measured> {
  const worker = await startWorker({ messages: count });
  const record = new Uint8Array(bytes);
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    for (let i = 0; i < count; i++) worker.postMessage(record);
    await once(worker, 'message');
    found.push(((performance.now() - started) * 1e6) / count);
  }
  worker.postMessage('stop');
  await once(worker, 'exit');
  return summary(found);
}

function decisions(rounds: number, count: number): Measured {
  const writer = createDecisionWriter(createDecisions());
  return best(rounds, count, () => {
    for (let i = 0; i < count; i++) {
      writer.record(i & 1023, i, (i & 7) !== 0, DecisionReason.accepted);
      if ((i & 31) === 31) writer.publish();
    }
  });
}

function row(what: string, { ns, note }: Measured, hold?: BenchRow['hold']): BenchRow {
  return { what, value: ns, unit: 'ns', hold, note };
}

async function run({ rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const scale = quick ? 0.05 : 1;
  // All rounds together carry 1e8 frames.
  const frames = Math.ceil(quick ? 1e6 / rounds : 1e8 / rounds);
  const small = (every: number, count: number): Promise<Measured> =>
    acrossThreads(rounds, { frameBytes: SMALL_BYTES, every, frames: count });
  progress('16-byte frames across threads');
  const every32 = await small(32, frames);
  const every256 = await small(256, Math.ceil(frames / 4));
  const every1 = await small(1, Math.ceil(frames / 20));
  progress('1 KiB frames across threads');
  const large = await acrossThreads(rounds, { frameBytes: LARGE_BYTES, every: 16, frames: 1e6 * scale });
  progress('one thread, lock and notify, messages, decisions');
  const push = pushAlone(rounds);
  const locked = lockAndNotify(rounds, 2e6 * scale);
  const posted = await messages(rounds, SMALL_BYTES, 1e5 * scale);
  const decided = decisions(rounds, 2e7 * scale);
  return [
    row('16 B across threads, publish every 32', every32, { op: '<=', value: 5 }),
    row('16 B across threads, publish every 256', every256),
    row('16 B across threads, publish each', every1),
    row('1 KiB across threads, publish every 16', large, { op: '<=', value: 250 }),
    row('16 B push alone, publish every 32', push),
    row('CAS lock + notify, put and take, one thread', locked),
    row('postMessage of 16 B', posted),
    { what: 'lock + notify / ring', value: locked.ns / every32.ns, unit: 'x', hold: { op: '>=', value: 20 } },
    { what: 'postMessage / ring', value: posted.ns / every32.ns, unit: 'x', hold: { op: '>=', value: 300 } },
    row('decision recorded, publish every 32', decided),
  ];
}

export const bench: Bench = {
  name: 'ring',
  title: 'The ring between two threads, beside a lock with notify and postMessage',
  run,
};
