/**
 * Main's end of a sink's thread. Owns the thread, starts it again when it dies (the cursor says where it goes on), and
 * keeps what it last said of itself.
 */
import type { Worker } from 'node:worker_threads';
import { sleep } from '@metricstream/shared/clock.ts';
import type { Counters } from '@metricstream/shared/counters.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { spawnWorker, threadEnd } from '../spawn-worker.ts';
import type { SinkCounter } from './counters.ts';
import { SINK_COUNTERS } from './counters.ts';
import type { Figure } from './figures.ts';
import type { FromSinkThread, SinkThreadData, ToSinkThread } from './messages.ts';

const RESTART_AFTER_MS = 1000;
/** Of the thread's JavaScript heap: at the bound the sink starts again, and nothing else does. */
const HEAP_MB_MAX = 1024;
/** What a sink in trouble gets of its time to drain: its server is away, and will hardly be back by then. */
const TROUBLED_DRAIN_MS = 500;
/** Beyond its time to drain, before a thread that does not leave is ended. */
const LEAVE_MS = 500;

export interface SinkThread {
  readonly name: string;
  readonly counters: Counters<SinkCounter>;
  /** What the pump last said it does, and why when it is in trouble. */
  state(): { state: string; why: string };
  /** What this kind of sink counts for itself, at most a second old. */
  figures(): readonly Figure[];
  /**
   * Goes on to the journal's end, at most for `drainMs` (half a second when it is in trouble), then ends the thread; its
   * cursor stays where it is.
   */
  stop(drainMs: number): Promise<void>;
}

export type SinkSettings = Omit<SinkThreadData, 'counters' | 'position'>;

export function startSinkThread(settings: SinkSettings, position: DurablePosition, log: Log): SinkThread {
  const name = settings.sink.kind;
  const counters = createCounters(SINK_COUNTERS);
  const data: SinkThreadData = { ...settings, counters: counters.memory, position: position.memory };
  const stopping = new AbortController();
  let said = { state: 'starting', why: '' };
  let figures: readonly Figure[] = [];
  let worker: Worker | undefined;

  function hear(told: FromSinkThread): void {
    if (told.message === 'figures') {
      figures = told.figures;
      return;
    }
    const { state, why } = told;
    const trouble = why !== '';
    if (trouble && why !== said.why) log.error(`sink ${name}: ${state}`, { why });
    if (!trouble && said.why !== '') log.info(`sink ${name}: going on`, { after: said.why });
    said = { state, why };
  }

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        worker = spawnWorker('sink', `sink-${name}`, data, HEAP_MB_MAX);
        worker.on('message', hear);
        worker.on('error', (error) => hear({ message: 'state', state: 'failed', why: messageOf(error) }));
        await threadEnd(worker);
      } catch (error) {
        // The system has no thread to give.
        hear({ message: 'state', state: 'failed', why: messageOf(error) });
      }
      if (!stopping.signal.aborted) await sleep(RESTART_AFTER_MS, stopping.signal);
    }
  }

  const ended = keepRunning();
  return {
    name,
    counters,
    state: () => said,
    figures: () => figures,
    async stop(allowedMs) {
      stopping.abort();
      const drainMs = said.why === '' ? allowedMs : Math.min(allowedMs, TROUBLED_DRAIN_MS);
      worker?.postMessage({ message: 'stop', drainMs } satisfies ToSinkThread);
      const late = setTimeout(() => {
        log.warn(`sink ${name}: left in the middle of a write; what is not stored is still in the journal`);
        void worker?.terminate();
      }, drainMs + LEAVE_MS);
      await ended;
      clearTimeout(late);
    },
  };
}
