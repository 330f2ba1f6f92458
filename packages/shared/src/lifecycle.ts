/**
 * Start and stop of a program's parts. Promises: parts start in the given order and stop in reverse; stopping is safe
 * before, during and after start, any number of times; one part that hangs or throws never keeps the others from being
 * stopped; the whole stop ends within its deadline (plus a short grace for each part that comes after a hanging one).
 */
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { MetricStreamError } from './errors.ts';
import type { Log } from './log.ts';

/** A part. List them from the sink back to the listener, so that stopping begins at the listener. */
export interface Step {
  name: string;
  /** The signal is aborted when the program is asked to stop meanwhile. */
  start?(signal: AbortSignal): Promise<void> | void;
  /** Called only if `start` was. The signal is aborted at the deadline: give up then, keeping what is durable. */
  stop?(signal: AbortSignal): Promise<void> | void;
}

export interface LifecycleOptions {
  log: Log;
  /** For all of the stop together. */
  stopDeadlineMs: number;
  clock?: Clock;
}

/** What a stop came to. `clean` when both lists are empty. */
export interface StopReport {
  clean: boolean;
  /** Steps that had not finished at the deadline. */
  abandoned: string[];
  /** Steps whose stop threw. */
  failed: string[];
}

export interface Lifecycle {
  /**
   * Starts every step. If one throws, those already started are stopped and the error is thrown on.
   * @throws MetricStreamError `stopped` when stop was called before or meanwhile.
   */
  start(): Promise<void>;
  /** Stops what was started; further calls get the same report. */
  stop(reason: string): Promise<StopReport>;
}

/** A program that reads its files again when it is asked to (SIGHUP). */
export interface Reloadable extends Lifecycle {
  /** Must not throw: what cannot be used is logged, and what was in force stays so. */
  reload(): void;
}

/** After the deadline each remaining part still gets this long, so that a journal closes behind a hanging listener. */
const GRACE_MS = 250;

export function createLifecycle(steps: readonly Step[], options: LifecycleOptions): Lifecycle {
  const { log, stopDeadlineMs } = options;
  const clock = options.clock ?? systemClock;
  const starting = new AbortController();
  const begun: Step[] = [];
  let started: Promise<void> | undefined;
  let stopped: Promise<StopReport> | undefined;

  async function startAll(): Promise<void> {
    for (const step of steps) {
      if (starting.signal.aborted) break;
      const sinceMs = clock.monotonicMs();
      begun.push(step);
      await step.start?.(starting.signal);
      log.debug(`${step.name}: started`, { duration_ms: round(clock.monotonicMs() - sinceMs) });
    }
    if (starting.signal.aborted) throw new MetricStreamError('stopped', 'stopped before everything had started');
  }

  async function stopAll(reason: string): Promise<StopReport> {
    const sinceMs = clock.monotonicMs();
    log.info('stopping', { reason, deadline_ms: stopDeadlineMs });
    const report: StopReport = { clean: true, abandoned: [], failed: [] };
    const deadline = new AbortController();
    const finished = new AbortController();
    const endMs = sinceMs + stopDeadlineMs;
    const deadlinePassed = clock.sleep(stopDeadlineMs, finished.signal).then(() => deadline.abort());
    // A step may hang in its start; it is then stopped as it is.
    await Promise.race([started?.catch(() => {}), deadlinePassed]);
    for (const step of begun.toReversed()) await stopOne(step, { log, clock, signal: deadline.signal, endMs, report });
    finished.abort();
    report.clean = report.abandoned.length === 0 && report.failed.length === 0;
    const durationMs = round(clock.monotonicMs() - sinceMs);
    if (report.clean) log.info('every part stopped', { duration_ms: durationMs });
    else log.error('not every part stopped', { ...report, duration_ms: durationMs });
    return report;
  }

  const lifecycle: Lifecycle = {
    async start() {
      if (stopped !== undefined) throw new MetricStreamError('stopped', 'it was stopped and does not start again');
      started ??= startAll();
      try {
        await started;
      } catch (error) {
        await lifecycle.stop('start failed');
        throw error;
      }
    },
    stop(reason) {
      if (stopped === undefined) {
        starting.abort();
        stopped = stopAll(reason);
      }
      return stopped;
    },
  };
  return lifecycle;
}

interface Stopping {
  log: Log;
  clock: Clock;
  /** Aborted at the deadline. */
  signal: AbortSignal;
  /** The deadline, on the monotonic clock. */
  endMs: number;
  report: StopReport;
}

async function stopOne(step: Step, { log, clock, signal, endMs, report }: Stopping): Promise<void> {
  const sinceMs = clock.monotonicMs();
  const waited = new AbortController();
  const waitMs = Math.max(endMs - sinceMs, 0) + GRACE_MS;
  const late = clock.sleep(waitMs, waited.signal).then(() => 'abandoned' as const);
  // Wrapped in an async function so that a synchronous throw is caught like a rejection.
  const work = (async () => step.stop?.(signal))().then(
    () => 'stopped' as const,
    (error: unknown) => ({ error }),
  );
  const outcome = await Promise.race([work, late]);
  waited.abort();
  const fields = { duration_ms: round(clock.monotonicMs() - sinceMs) };
  if (outcome === 'stopped') {
    log.debug(`${step.name}: stopped`, fields);
  } else if (outcome === 'abandoned') {
    report.abandoned.push(step.name);
    log.error(`${step.name}: not stopped by the deadline, left as it is`, fields);
  } else {
    report.failed.push(step.name);
    log.error(`${step.name}: failed to stop`, { ...fields, error: outcome.error });
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
