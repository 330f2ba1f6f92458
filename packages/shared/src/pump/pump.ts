/**
 * The loop between a source and a sink; everything that leaves a process leaves through it. Owns retry, backoff,
 * halving and dead letters, and promises: a delivery is committed only when each of its records is stored or kept as a
 * dead letter; nothing is given up for being slow; memory holds one delivery.
 */
import type { BackoffOptions } from '../backoff.ts';
import { backoffMs } from '../backoff.ts';
import { sleep } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { addDropped, droppedIn, emptyTotals } from '../journal/cursor.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { Committed, DeadLetter, Delivery, Loss, Outcome, Sink, Source } from './types.ts';

/** Equal suspicious answers in a row before a delivery is halved. */
const SUSPECT_MAX = 4;

export interface PumpOptions {
  source: Source;
  sink: Sink;
  deadLetter: DeadLetter;
  backoff: BackoffOptions;
  /** Told when the state changes, for the log; never per delivery. */
  onState?(stats: PumpStats): void;
  random?: () => number;
}

/** What a pump is doing, kept up to date in place; readers only look. */
export interface PumpStats {
  readonly sink: string;
  state: 'idle' | 'writing' | 'retrying' | 'halted' | 'stopped';
  /** Why it is retrying or halted, in the sink's words; '' when it is not. */
  why: string;
  /** Unix ms since when the state is retrying or halted. */
  sinceUnixMs: number;
  lastStoredUnixMs: number;
  retries: number;
  halts: number;
  recordsStored: number;
  pointsStored: number;
  recordsDead: number;
  pointsDead: number;
  /** Points that the sink dropped on purpose, whatever the reason. */
  pointsDropped: number;
}

export interface Pump {
  readonly stats: PumpStats;
  /**
   * Runs until `drain` is aborted and the source is empty, or until `abort` is aborted: then what is not committed
   * stays with the source.
   */
  run(drain: AbortSignal, abort: AbortSignal): Promise<void>;
}

export function createPump(options: PumpOptions): Pump {
  const { source, sink } = options;
  const stats = newStats(sink.name);

  function setState(state: PumpStats['state'], why = ''): void {
    const changed = stats.state !== state || stats.why !== why;
    const trouble = state === 'retrying' || state === 'halted';
    if (trouble && stats.state !== state) stats.sinceUnixMs = Date.now();
    stats.state = state;
    stats.why = why;
    if (changed && (trouble || stats.sinceUnixMs > 0)) options.onState?.(stats);
    if (!trouble) stats.sinceUnixMs = 0;
  }

  /** Does what only a disk can refuse, again and again until it is done. @returns undefined when aborted before that. */
  async function insist<T>(
    work: () => T,
    trouble: string,
    abort: AbortSignal,
  ): Promise<{ got: Awaited<T> } | undefined> {
    for (let attempt = 0; !abort.aborted; attempt++) {
      try {
        return { got: await work() };
      } catch (error) {
        stats.retries++;
        setState('retrying', `${trouble}: ${messageOf(error)}`);
        await sleep(backoffMs(attempt, options.backoff, options.random), abort);
      }
    }
    return undefined;
  }

  /** Keeps one record as a dead letter. @returns false when aborted before that. */
  async function bury(record: JournalRecord, why: string, done: Committed, abort: AbortSignal): Promise<boolean> {
    const put = (): Promise<void> | void => options.deadLetter.put(record, sink.name, why);
    if (!(await insist(put, 'a dead letter cannot be kept', abort))) return false;
    done.recordsDead++;
    done.pointsDead += record.points;
    return true;
  }

  /** Counts or keeps the points that stored records lack. @returns false when aborted before that. */
  async function settleLosses(
    records: JournalRecord[],
    losses: readonly Loss[],
    done: Committed,
    abort: AbortSignal,
  ): Promise<boolean> {
    for (const { index, points, why, dropped, text } of losses) {
      done.pointsStored -= points;
      if (dropped === undefined) {
        const record = records[index] as JournalRecord;
        const put = (): Promise<void> | void => options.deadLetter.put(record, sink.name, why, { points, text });
        if (!(await insist(put, 'a dead letter cannot be kept', abort))) return false;
        done.pointsDead += points;
      } else {
        addDropped(done, dropped, points);
      }
    }
    return true;
  }

  /** Writes these records until each is stored or buried. @returns false when aborted before that. */
  async function deliver(records: JournalRecord[], done: Committed, abort: AbortSignal): Promise<boolean> {
    let attempt = 0;
    let suspected = 0;
    let lastWhy = '';
    while (!abort.aborted) {
      const outcome = await attemptWrite(sink, records, abort);
      if (outcome.kind === 'stored') {
        countStored(records, done, outcome.state);
        setState('writing');
        return settleLosses(records, outcome.losses ?? [], done, abort);
      }
      if (outcome.kind === 'rejected') return settleRejected(records, outcome, done, abort);
      suspected = outcome.kind === 'retry' && outcome.suspect && outcome.why === lastWhy ? suspected + 1 : 0;
      lastWhy = outcome.why;
      if (suspected >= SUSPECT_MAX && records.length > 1) return halve(records, done, abort);
      if (suspected >= SUSPECT_MAX && done.recordsStored > 0) {
        // Its neighbours were stored meanwhile, so it is this record and not the server.
        return bury(records[0] as JournalRecord, outcome.why, done, abort);
      }
      if (outcome.kind === 'halt') stats.halts++;
      else stats.retries++;
      setState(outcome.kind === 'halt' ? 'halted' : 'retrying', outcome.why);
      const floorMs = outcome.kind === 'retry' ? outcome.afterMs : undefined;
      const ends = outcome.kind === 'halt' && outcome.changed ? AbortSignal.any([abort, outcome.changed]) : abort;
      await sleep(backoffMs(attempt++, { ...options.backoff, floorMs }, options.random), ends);
    }
    return false;
  }

  async function settleRejected(
    records: JournalRecord[],
    outcome: Outcome & { kind: 'rejected' },
    done: Committed,
    abort: AbortSignal,
  ): Promise<boolean> {
    if (outcome.which === 'unknown' && records.length > 1) return halve(records, done, abort);
    const bad = new Set(outcome.which === 'unknown' ? [0] : outcome.which);
    for (const index of bad) {
      const record = records[index];
      if (record && !(await bury(record, outcome.why, done, abort))) return false;
    }
    countStored(
      records.filter((_, index) => !bad.has(index)),
      done,
      outcome.state,
    );
    setState('writing');
    return settleLosses(records, outcome.losses ?? [], done, abort);
  }

  async function halve(records: JournalRecord[], done: Committed, abort: AbortSignal): Promise<boolean> {
    const middle = records.length >> 1;
    return (
      (await deliver(records.slice(0, middle), done, abort)) && (await deliver(records.slice(middle), done, abort))
    );
  }

  async function run(drain: AbortSignal, abort: AbortSignal): Promise<void> {
    const either = AbortSignal.any([drain, abort]);
    for (;;) {
      const taken = await insist(() => source.take(either), 'the source cannot be read', abort);
      const delivery = taken?.got;
      if (!delivery) break;
      const done = emptyTotals();
      if (!(await deliver(delivery.records, done, abort))) break;
      // A cursor that cannot be saved is tried again; what it stands for is stored and is not written twice.
      if (!(await insist(() => source.commit(delivery, done), 'the cursor cannot be saved', abort))) break;
      stats.lastStoredUnixMs = Date.now();
      stats.recordsStored += done.recordsStored;
      stats.pointsStored += done.pointsStored;
      stats.recordsDead += done.recordsDead;
      stats.pointsDead += done.pointsDead;
      stats.pointsDropped += droppedIn(done);
      setState('idle');
    }
    setState('stopped');
    await sink.close();
  }

  return { stats, run };
}

function newStats(sink: string): PumpStats {
  const counts = { retries: 0, halts: 0, recordsStored: 0, pointsStored: 0, recordsDead: 0, pointsDead: 0 };
  return { sink, state: 'idle', why: '', sinceUnixMs: 0, lastStoredUnixMs: 0, ...counts, pointsDropped: 0 };
}

function countStored(records: JournalRecord[], done: Committed, state: unknown): void {
  done.recordsStored += records.length;
  for (const record of records) done.pointsStored += record.points;
  if (state !== undefined) done.state = state;
}

async function attemptWrite(sink: Sink, records: JournalRecord[], abort: AbortSignal): Promise<Outcome> {
  let bytes = 0;
  for (const record of records) bytes += record.body.length;
  const delivery: Delivery = { records, bytes };
  try {
    return await sink.write(delivery, abort);
  } catch (error) {
    return { kind: 'retry', why: messageOf(error) };
  }
}
