/**
 * Starts the collector's threads. Owns the one place that knows where a thread's code is found, so that a packaged
 * program can bring it from elsewhere.
 */
import { Worker } from 'node:worker_threads';

/** The entry files, by the name that the thread carries in profiles and logs. */
const ENTRIES = {
  ingest: new URL('./ingest/main.ts', import.meta.url),
  journal: new URL('./journal-thread/main.ts', import.meta.url),
  sink: new URL('./sinks/main.ts', import.meta.url),
} as const;

export type ThreadKind = keyof typeof ENTRIES;

/**
 * @param workerData is cloned, shared memory in it is shared.
 * @param heapMbMax of its JavaScript heap: a thread that would need more ends, with an `error`, and the others go on.
 */
export function spawnWorker(kind: ThreadKind, name: string, workerData: unknown, heapMbMax?: number): Worker {
  const resourceLimits = heapMbMax === undefined ? {} : { maxOldGenerationSizeMb: heapMbMax };
  return new Worker(ENTRIES[kind], { workerData, name, resourceLimits });
}

/** Resolves when the thread has ended, however it ended. */
export function threadEnd(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}
