/**
 * Main's end of the ingest workers. Owns their threads, rings and counters, and promises: a worker that dies is
 * replaced with a new ring, what its old ring held is still made durable, and its counts are kept; what was told since
 * the start holds for its successor from its first connection on.
 */
import { sleep } from '@metricstream/shared/clock.ts';
import type { Counters } from '@metricstream/shared/counters.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { Worker } from 'node:worker_threads';
import { forgetConnectionsOf } from '../admission/addresses.ts';
import { freeLocksOf } from '../admission/client-table.ts';
import { createDecisions } from '../rings/decisions.ts';
import { closeRing, createRing } from '../rings/ring-layout.ts';
import { spawnWorker, threadEnd } from '../spawn-worker.ts';
import { INGEST_COUNTERS } from './counters.ts';
import type { FromIngestWorker, IngestWorkerData, ToIngestWorker } from './messages.ts';
import { clientTableHolder } from './messages.ts';

/** Before a worker that died is replaced: doubled for each that did not live for STEADY_MS, so that it never spins. */
const RESPAWN_AFTER_MS = 100;
const RESPAWN_AFTER_MS_MAX = 10_000;
const STEADY_MS = 60_000;
/** Beyond its time to drain, before a worker that does not leave is ended. */
const LEAVE_MS = 500;

export interface IngestSettings extends Omit<IngestWorkerData, 'worker' | 'ring' | 'counters' | 'decisions' | 'held'> {
  workers: number;
  /** Of one worker's JavaScript heap: at the bound the worker ends, and nothing else does. */
  heapMbMax: number;
  ringBytes: number;
  frameBytesMax: number;
  decisionsPerWorker: number;
}

export interface IngestWorkers {
  /** The port they share; the one the system chose when 0 was asked for. */
  readonly port: number;
  /** One table per worker; a replaced worker goes on in its predecessor's. */
  readonly counters: readonly Counters<string>[];
  /** One ring of decisions per worker, for tap and top. */
  readonly decisions: readonly SharedArrayBuffer[];
  /** Of the threads, those that are there now; one that died is missing until its successor is made. */
  readonly running: () => number;
  readonly respawns: () => number;
  /** Tells every worker, and those that replace one: what was told last of a kind holds. */
  tell(message: Exclude<ToIngestWorker, { message: 'stop' }>): void;
  /** Takes nothing new, answers what is held, closes the rings; at most for `drainMs`. Idempotent: the first call counts. */
  stop(drainMs: number): Promise<void>;
}

/**
 * Starts workers that listen and read nothing until they are told `open`.
 * @param addRing tells the journal thread of each new ring before its worker can write to it.
 */
export async function startIngestWorkers(
  settings: IngestSettings,
  addRing: (ring: SharedArrayBuffer) => void,
  log: Log,
): Promise<IngestWorkers> {
  const { workers, ringBytes, frameBytesMax, decisionsPerWorker, heapMbMax, ...shared } = settings;
  const counters = Array.from({ length: workers }, () => createCounters(INGEST_COUNTERS));
  const decisions = Array.from({ length: workers }, () => createDecisions(decisionsPerWorker));
  const stopping = new AbortController();
  const running = new Map<number, Worker>();
  let port = settings.port;
  let respawns = 0;

  /** What was told, for workers that come later: they must not let anybody in by what held before. */
  const { tokens, tls } = shared;
  const latest = { tokens, tls, held: true };

  function tell(message: ToIngestWorker): void {
    if (message.message === 'open') latest.held = false;
    else if (message.message === 'tokens') latest.tokens = message.tokens;
    else if (message.message === 'tls') latest.tls = message.tls;
    for (const worker of running.values()) worker.postMessage(message);
  }

  /** Runs one worker to its end. @returns once it listens; its end is in `ended`. @throws once it has failed to, and ended. */
  async function run(index: number): Promise<{ ended: Promise<void> }> {
    const ring = createRing(ringBytes, frameBytesMax);
    try {
      addRing(ring);
      const worker = spawn(index, ring);
      const ended = threadEnd(worker).then(() => {
        running.delete(index);
        closeRing(ring);
        for (const gauge of ['connections', 'ringUsedBytes']) (counters[index] as Counters<string>).set(gauge, 0);
        freeLocksOf(shared.clientTable, clientTableHolder(index));
        forgetConnectionsOf(shared.addresses, index);
      });
      running.set(index, worker);
      worker.on('error', (error) => log.error('ingest worker failed', { worker: index, error: messageOf(error) }));
      port = await firstWord(worker, ended);
      return { ended };
    } catch (error) {
      // The journal thread leaves when all rings are closed: this one has nobody to do it when no thread was made.
      closeRing(ring);
      throw error;
    }
  }

  function spawn(index: number, ring: SharedArrayBuffer): Worker {
    const data: IngestWorkerData = {
      ...shared,
      ...latest,
      worker: index,
      port,
      ring,
      counters: (counters[index] as Counters<string>).memory,
      decisions: decisions[index] as SharedArrayBuffer,
    };
    return spawnWorker('ingest', `ingest-${index}`, data, heapMbMax);
  }

  async function keepRunning(index: number, first: { ended: Promise<void> }): Promise<void> {
    await first.ended;
    let waitMs = RESPAWN_AFTER_MS;
    while (!stopping.signal.aborted) {
      respawns++;
      const text = 'ingest worker ended; nothing acknowledged is lost, its clients come again';
      log.error(text, { worker: index, replaced_after_ms: waitMs });
      await sleep(waitMs, stopping.signal);
      if (stopping.signal.aborted) return;
      const bornMs = performance.now();
      try {
        await (await run(index)).ended;
      } catch (error) {
        log.error('ingest worker cannot start', { worker: index, error: messageOf(error) });
      }
      const lived = performance.now() - bornMs > STEADY_MS;
      waitMs = lived ? RESPAWN_AFTER_MS : Math.min(waitMs * 2, RESPAWN_AFTER_MS_MAX);
    }
  }

  const kept: Promise<void>[] = [];
  async function stop(drainMs: number): Promise<void> {
    stopping.abort();
    tell({ message: 'stop', drainMs });
    const late = setTimeout(() => {
      for (const [worker, thread] of running) {
        log.error('ingest worker does not leave; ended as it is', { worker });
        void thread.terminate();
      }
    }, drainMs + LEAVE_MS);
    await Promise.all(kept);
    clearTimeout(late);
  }

  try {
    for (let index = 0; index < workers; index++) kept.push(keepRunning(index, await run(index)));
  } catch (error) {
    await stop(0);
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    port,
    counters,
    decisions,
    running: () => running.size,
    respawns: () => respawns,
    tell,
    stop: (drainMs) => (stopped ??= stop(drainMs)),
  };
}

/** @returns the port once the worker listens. @throws MetricStreamError in its own words when it cannot. */
async function firstWord(worker: Worker, ended: Promise<void>): Promise<number> {
  const word = new Promise<FromIngestWorker>((resolve) => worker.once('message', resolve));
  const unsaid: FromIngestWorker = { message: 'failed', code: 'bug', why: 'an ingest worker ended before it listened' };
  const said = (await Promise.race([word, ended])) ?? unsaid;
  if (said.message === 'listening') return said.port;
  // Its successor must not begin before its end is dealt with.
  await ended;
  throw new MetricStreamError(said.code, said.why);
}
