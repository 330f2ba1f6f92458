/**
 * Main's end of the journal thread. Owns the thread and its shared memory, and promises that its unexpected end is
 * told once: without it nothing can be made durable, so whoever started it must stop the program.
 */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { Counters } from '@metricstream/shared/counters.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import { createDoorbell, openDoorbell } from '../rings/doorbell.ts';
import { spawnWorker, threadEnd } from '../spawn-worker.ts';
import type { JournalCounter } from './counters.ts';
import { JOURNAL_COUNTERS } from './counters.ts';
import type { FromJournalThread, JournalThreadData, ToJournalThread } from './messages.ts';

export interface JournalThread {
  readonly counters: Counters<JournalCounter>;
  readonly durable: DurablePosition;
  readonly doorbell: SharedArrayBuffer;
  readonly ready: FromJournalThread & { message: 'ready' };
  addRing(ring: SharedArrayBuffer): void;
  /** Resolves when every ring was closed, emptied and synced. */
  stop(): Promise<void>;
}

export type JournalSettings = Pick<JournalThreadData, 'dir' | 'segmentBytesMax' | 'journalBytesMax' | 'sinks' | 'log'>;

/** @throws MetricStreamError in the thread's own words when the journal cannot be opened. */
export async function startJournalThread(
  settings: JournalSettings,
  onDeath: (why: string) => void,
): Promise<JournalThread> {
  const counters = createCounters(JOURNAL_COUNTERS);
  const durable = createDurablePosition();
  const doorbell = createDoorbell();
  const bell = openDoorbell(doorbell);
  const data: JournalThreadData = {
    ...settings,
    doorbell,
    rings: [],
    durable: durable.memory,
    counters: counters.memory,
  };
  const worker = spawnWorker('journal', 'journal', data);
  const exited = threadEnd(worker);
  let stopping = false;
  worker.on('error', (error) => onDeath(`the journal thread failed: ${messageOf(error)}`));
  worker.on('exit', (code) => {
    if (!stopping) onDeath(`the journal thread ended with code ${code}`);
  });
  const ready = await firstMessage(worker);

  function tell(message: ToJournalThread): void {
    worker.postMessage(message);
    bell.ring();
  }

  return {
    counters,
    durable,
    doorbell,
    ready,
    addRing: (ring) => tell({ message: 'add_ring', ring }),
    async stop() {
      stopping = true;
      tell({ message: 'stop' });
      await exited;
    },
  };
}

async function firstMessage(worker: Worker): Promise<FromJournalThread & { message: 'ready' }> {
  const [message] = (await once(worker, 'message')) as [FromJournalThread];
  if (message.message === 'ready') return message;
  throw new MetricStreamError(message.code, message.why);
}
