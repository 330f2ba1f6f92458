/**
 * The host's inventory: one `host.info` point at start and each day. Owns when it is found out. It is a sampler like
 * any other to the sweep, but its `sample` never waits: the child process runs beside the sweeps, and the first sweep
 * after it has answered carries the point. A failure is counted once as a partial failure and tried again later.
 */
import type { Clock } from '@metricstream/shared/clock.ts';
import { systemClock } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Reading, Sampler } from '../samplers/sampler.ts';
import { type HostFacts, factLabels, hostInfoSeries } from './facts.ts';
import { type ChildCommand, defaultChildCommand, runChild } from './run-child.ts';

export const INVENTORY_INTERVAL_MS = 24 * 3_600_000;
/** After a failure: this, then twice as long each time, up to a day. */
export const INVENTORY_RETRY_MS = 600_000;
/** A busy host needs a second or two. */
const CHILD_TIMEOUT_MS = 30_000;

export interface InventoryOptions {
  /** What to run instead of this Node with child.ts: the packaged agent names its own executable. */
  child?: ChildCommand;
  timeoutMs?: number;
  clock?: Clock;
}

/** @returns a sampler named `host`; `close` stops a child that still runs. */
export function createInventory(options: InventoryOptions = {}): Sampler {
  const clock = options.clock ?? systemClock;
  const child = options.child ?? defaultChildCommand();
  const timeoutMs = options.timeoutMs ?? CHILD_TIMEOUT_MS;
  const stopped = new AbortController();
  let dueMs = Number.NEGATIVE_INFINITY;
  let retryMs = INVENTORY_RETRY_MS;
  let running = false;
  let found: Reading | undefined;
  let failed: string | undefined;

  const run = async (): Promise<void> => {
    running = true;
    try {
      const facts = JSON.parse(await runChild(child, timeoutMs, stopped.signal)) as Partial<HostFacts>;
      const labels = factLabels(facts);
      if (labels.length === 0) throw new Error('the inventory found out nothing about this host');
      found = { series: hostInfoSeries(labels), value: 1 };
      retryMs = INVENTORY_RETRY_MS;
      dueMs = clock.monotonicMs() + INVENTORY_INTERVAL_MS;
    } catch (error) {
      failed = messageOf(error);
      dueMs = clock.monotonicMs() + retryMs;
      retryMs = Math.min(retryMs * 2, INVENTORY_INTERVAL_MS);
    } finally {
      running = false;
    }
  };

  return {
    name: 'host',
    sample(_signal, fault) {
      if (!running && clock.monotonicMs() >= dueMs && !stopped.signal.aborted) void run();
      if (failed !== undefined) fault(failed);
      const readings = found === undefined ? [] : [found];
      failed = undefined;
      found = undefined;
      return readings;
    },
    close() {
      stopped.abort();
    },
  };
}
