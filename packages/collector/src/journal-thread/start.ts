/**
 * Main's end of the journal thread. Owns the thread and its shared memory, and promises that its unexpected end is
 * told once: without it nothing can be made durable, so whoever started it must stop the program.
 */
import type { Counters } from '@metricstream/shared/counters.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import type { ErrorCode } from '@metricstream/shared/errors.ts';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import type { CloneAlarm } from '../ledger/clones.ts';
import { openDoorbell } from '../rings/doorbell.ts';
import { spawnWorker, threadEnd } from '../spawn-worker.ts';
import type { JournalCounter } from './counters.ts';
import { JOURNAL_COUNTERS } from './counters.ts';
import type { FromJournalThread, JournalThreadData, ToJournalThread } from './messages.ts';

export interface JournalThread {
  readonly counters: Counters<JournalCounter>;
  readonly durable: DurablePosition;
  readonly ready: FromJournalThread & { message: 'ready' };
  /** Client_ids that two agents use, at most a second old. */
  clones(): readonly CloneAlarm[];
  addRing(ring: SharedArrayBuffer): void;
  /** Resolves when every ring was closed, emptied and synced. */
  stop(): Promise<void>;
}

export type JournalSettings = Pick<
  JournalThreadData,
  'dir' | 'segmentBytesMax' | 'journalBytesMax' | 'lingerMs' | 'doorbell' | 'sinks' | 'log'
>;

/**
 * @param onDeath told why the thread ended after it had started, unless it was stopped.
 * @throws MetricStreamError in the thread's own words when the journal cannot be opened.
 */
export async function startJournalThread(
  settings: JournalSettings,
  onDeath: (why: string) => void,
): Promise<JournalThread> {
  const counters = createCounters(JOURNAL_COUNTERS);
  const durable = createDurablePosition();
  const bell = openDoorbell(settings.doorbell);
  const data: JournalThreadData = {
    ...settings,
    durable: durable.memory,
    counters: counters.memory,
  };
  const worker = spawnWorker('journal', 'journal', data);
  const started = Promise.withResolvers<FromJournalThread & { message: 'ready' }>();
  let failure: { code: ErrorCode; why: string } | undefined;
  let running = false;
  let stopping = false;
  let clones: readonly CloneAlarm[] = [];
  worker.on('message', (said: FromJournalThread) => {
    running ||= said.message === 'ready';
    if (said.message === 'ready') started.resolve(said);
    else if (said.message === 'clones') clones = said.alarms;
    else failure = said;
  });
  worker.on('error', (error) => {
    failure = { code: 'bug', why: messageOf(error) };
  });
  const exited = threadEnd(worker).then(() => {
    const { code, why } = failure ?? { code: 'bug', why: 'it ended without a word' };
    if (!running) started.reject(new MetricStreamError(code, why));
    else if (!stopping) onDeath(why);
  });
  const ready = await started.promise;

  function tell(message: ToJournalThread): void {
    worker.postMessage(message);
    bell.ring();
  }

  return {
    counters,
    durable,
    ready,
    clones: () => clones,
    addRing: (ring) => tell({ message: 'add_ring', ring }),
    async stop() {
      stopping = true;
      tell({ message: 'stop' });
      await exited;
    },
  };
}
