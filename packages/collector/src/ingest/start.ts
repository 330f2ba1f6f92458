/**
 * Main's end of the ingest workers. Owns their threads, rings and counters, and promises: a worker that dies is
 * replaced with a new ring, what its old ring held is still made durable, and its counts are kept.
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

const RESPAWN_AFTER_MS = 500;

export interface IngestSettings extends Omit<IngestWorkerData, 'worker' | 'ring' | 'counters' | 'decisions'> {
  workers: number;
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
  readonly respawns: () => number;
  /** Tells every worker, and those that replace one: what was told last of a kind holds. */
  tell(message: Exclude<ToIngestWorker, { message: 'stop' }>): void;
  /** Takes nothing new, answers what is held, closes the rings; at most for `drainMs`. */
  stop(drainMs: number): Promise<void>;
}

/** @param addRing tells the journal thread of each new ring before its worker can write to it. */
export async function startIngestWorkers(
  settings: IngestSettings,
  addRing: (ring: SharedArrayBuffer) => void,
  log: Log,
): Promise<IngestWorkers> {
  const { workers, ringBytes, frameBytesMax, decisionsPerWorker, ...shared } = settings;
  const counters = Array.from({ length: workers }, () => createCounters(INGEST_COUNTERS));
  const decisions = Array.from({ length: workers }, () => createDecisions(decisionsPerWorker));
  const stopping = new AbortController();
  const running = new Map<number, Worker>();
  let port = settings.port;
  let respawns = 0;

  /** What a worker that comes later must be told too: the last message of each kind. */
  const told = new Map<string, ToIngestWorker>();

  function tell(message: ToIngestWorker): void {
    told.set(message.message, message);
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
        freeLocksOf(shared.clientTable, clientTableHolder(index));
        forgetConnectionsOf(shared.addresses, index);
      });
      running.set(index, worker);
      for (const message of told.values()) worker.postMessage(message);
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
      worker: index,
      port,
      ring,
      counters: (counters[index] as Counters<string>).memory,
      decisions: decisions[index] as SharedArrayBuffer,
    };
    return spawnWorker('ingest', `ingest-${index}`, data);
  }

  async function keepRunning(index: number, first: { ended: Promise<void> }): Promise<void> {
    await first.ended;
    while (!stopping.signal.aborted) {
      respawns++;
      log.error('ingest worker ended; its batches are safe, its clients come again', { worker: index });
      await sleep(RESPAWN_AFTER_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await (await run(index)).ended;
      } catch (error) {
        log.error('ingest worker cannot start', { worker: index, error: messageOf(error) });
      }
    }
  }

  const kept: Promise<void>[] = [];
  async function stop(drainMs: number): Promise<void> {
    stopping.abort();
    tell({ message: 'stop', drainMs });
    await Promise.all(kept);
  }

  try {
    for (let index = 0; index < workers; index++) kept.push(keepRunning(index, await run(index)));
  } catch (error) {
    await stop(0);
    throw error;
  }
  return { port, counters, decisions, respawns: () => respawns, tell, stop };
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
