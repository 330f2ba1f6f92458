/**
 * Points of the files into InfluxDB, through the pump and sink that all points go through: retry, dead letters, retention
 * and late minutes are theirs. Owns the walk through time and the account; promises that a stretch counts as done only
 * when each of its points is written, was there, or is counted with a reason, so that after kill -9 the same command
 * goes on and misses nothing, and that memory holds one stretch.
 */
import { type Clock, systemClock } from '@metricstream/shared/clock.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { droppedIn } from '@metricstream/shared/journal/cursor.ts';
import { createPump, type PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { Committed, DeadLetter, Delivery, Sink, Source } from '@metricstream/shared/pump/types.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { SINK_BACKOFF } from '../sinks/context.ts';
import type { Schema } from '../sinks/influxdb/settings.ts';
import { type Chunk, createChunk, planChunks } from './chunk.ts';
import type { InfluxStore } from './influx-store.ts';
import type { FileIndex, JsonlReader, Problems, ReadProgress, Window } from './jsonl-reader.ts';
import { type Kinds, learnKinds } from './kinds.ts';
import { findMissing } from './missing.ts';
import { type Account, type BackfillState, emptyAccount, type ProgressFile } from './progress-file.ts';
import { recordsOf } from './records.ts';
import { CHUNK_LINES_MAX, CHUNK_MINUTES_MAX } from './verify.ts';

const DELIVERY_BYTES_MAX = 4 * 1024 * 1024;
const DELIVERY_RECORDS_MAX = 4096;
const MS_PER_MINUTE = 60_000;

export interface BackfillPlan {
  index: FileIndex;
  /** Undefined: for ever. */
  retentionMs: number | undefined;
  /** Lines that are to be read, and lines that are too old to be written. */
  toRead: number;
  tooOld: number;
  /** Where an earlier run ended; undefined for a new one. */
  resumedAt: number | undefined;
}

export interface BackfillProgress {
  account: Account;
  /** The minute up to which all is settled. */
  doneUntil: number;
  pump: PumpStats;
}

export interface BackfillOptions {
  reader: JsonlReader;
  /** All of the files where `since` is not finite. */
  window: Window;
  store: InfluxStore;
  schema: Schema;
  sink: Sink;
  deadLetter: DeadLetter;
  progressFile: ProgressFile;
  /** What an earlier run left, when it was for this very window. */
  resume: BackfillState | undefined;
  onlyMissing: boolean;
  /** Everything but the writing. */
  dryRun: boolean;
  /** Ends it after the delivery under way; what is done is kept. */
  signal: AbortSignal;
  clock?: Clock;
  /** Of a stretch: CHUNK_LINES_MAX where not given. */
  chunkLinesMax?: number;
  onFiles?(progress: ReadProgress): void;
  onPlan?(plan: BackfillPlan): void;
  /** At every step, often. */
  onProgress?(progress: BackfillProgress): void;
}

export interface BackfillReport {
  plan: BackfillPlan;
  account: Account;
  problems: Problems;
  /** False: it was stopped, and the same command goes on. */
  finished: boolean;
}

/** @throws MetricStreamError when the files or InfluxDB cannot be used at all. */
export async function backfill(options: BackfillOptions): Promise<BackfillReport> {
  const { reader, store, schema, progressFile, resume, dryRun, signal, clock = systemClock } = options;
  const retentionMs = await store.retentionMs(signal);
  const kinds = await learnKinds(store, schema, signal);
  const index = await reader.index(options.onFiles);
  const state = resume === undefined ? newState(index, options.window) : structuredClone(resume);
  const cutoff = retentionMs === undefined ? state.since : Math.floor((clock.unixMs() - retentionMs) / MS_PER_MINUTE);
  const tooOld = linesIn(index, { since: state.doneUntil, until: cutoff });
  const toRead = linesIn(index, { since: Math.max(cutoff, state.doneUntil), until: state.until });
  const resumedAt = resume?.doneUntil;
  state.account.tooOld += tooOld;
  state.account.read += tooOld;
  state.doneUntil = Math.max(state.doneUntil, Math.min(cutoff, state.until));
  const withoutTime = reader.problems.lines;
  const plan = { index, retentionMs, toRead, tooOld, resumedAt };
  options.onPlan?.(plan);
  const source = createBackfillSource({ ...options, index, kinds, state, withoutTime, clock });
  if (dryRun) await source.countAll();
  else await write(options, source);
  if (source.fault() !== undefined) throw source.fault();
  const finished = !signal.aborted;
  if (finished && !dryRun) progressFile.remove();
  return { plan, account: accountOf(state, withoutTime), problems: reader.problems, finished };
}

async function write({ sink, deadLetter, signal, onProgress }: BackfillOptions, source: BackfillSource): Promise<void> {
  const report = (stats: PumpStats): void => onProgress?.({ ...source.progress(), pump: stats });
  const pump = createPump({ source, sink, deadLetter, backoff: SINK_BACKOFF, onState: report });
  source.onStep(() => report(pump.stats));
  await pump.run(signal, signal);
}

function newState({ minutes }: FileIndex, { since, until }: Window): BackfillState {
  const held = [...minutes.keys()].sort((a, b) => a - b);
  const first = Number.isFinite(since) ? since : (held[0] ?? 0);
  const end = Number.isFinite(until) ? until : (held.at(-1) ?? -1) + 1;
  return { since: first, until: Math.max(first, end), doneUntil: first, account: emptyAccount(), damaged: 0 };
}

function linesIn({ minutes }: FileIndex, { since, until }: Window): number {
  let lines = 0;
  for (const [minute, count] of minutes) if (minute >= since && minute < until) lines += count;
  return lines;
}

/** Lines without a time are met anew by each run, those of a stretch once. */
function accountOf({ account, damaged }: BackfillState, withoutTime: number): Account {
  const unreadable = damaged + withoutTime;
  return { ...account, read: account.read + unreadable, unreadable };
}

interface BackfillSource extends Source {
  progress(): Pick<BackfillProgress, 'account' | 'doneUntil'>;
  onStep(step: () => void): void;
  /** What makes going on senseless. */
  fault(): unknown;
  /** All that `take` does, without anything being taken. */
  countAll(): Promise<void>;
}

interface SourceOptions extends BackfillOptions {
  index: FileIndex;
  kinds: Kinds;
  state: BackfillState;
  withoutTime: number;
  clock: Clock;
}

/** The stretch that is being written. */
interface Open {
  until: number;
  records: Iterator<JournalRecord>;
  next: JournalRecord | undefined;
}

function createBackfillSource(options: SourceOptions): BackfillSource {
  const { reader, store, schema, index, kinds, state, withoutTime, progressFile, onlyMissing, dryRun, clock } = options;
  const { account } = state;
  const parts = planChunks(
    index.minutes,
    { since: state.doneUntil, until: state.until },
    { linesMax: options.chunkLinesMax ?? CHUNK_LINES_MAX, minutesMax: CHUNK_MINUTES_MAX },
  ).filter(({ lines }) => lines > 0);
  /** Read and not compared yet: InfluxDB may be away for a while. */
  let read: Chunk | undefined;
  let open: Open | undefined;
  let step = (): void => undefined;
  let fault: unknown;

  async function readNext(): Promise<Chunk | undefined> {
    const part = parts[0];
    if (read !== undefined || part === undefined) return read;
    const collecting = createChunk(part);
    const damagedBefore = reader.problems.lines;
    await reader.read(part, collecting.add);
    read = collecting.finish();
    parts.shift();
    state.damaged += reader.problems.lines - damagedBefore;
    account.read += read.points + read.repeated;
    account.repeated += read.repeated;
    return read;
  }

  async function openNext(signal: AbortSignal): Promise<Open | undefined> {
    const chunk = await readNext();
    if (chunk === undefined) return undefined;
    const missing = onlyMissing ? await findMissing(chunk, { store, schema, signal }) : undefined;
    account.alreadyThere += missing === undefined ? 0 : chunk.points - missing.points;
    const kindsIn = kinds.kindsIn(chunk);
    for (const series of chunk.series) {
      if (kindsIn.has(series)) continue;
      for (const at of series.times.keys()) if (missing?.has(series, at) ?? true) account.typeUnknown++;
    }
    const records = recordsOf(chunk, {
      chosen: (series, at) => kindsIn.has(series) && (missing?.has(series, at) ?? true),
      kindOf: (series) => kindsIn.get(series)!,
      nowUnixMs: clock.unixMs(),
    });
    read = undefined;
    return { until: chunk.window.until, records, next: records.next().value ?? undefined };
  }

  function settleOpen({ until }: Open): void {
    state.doneUntil = until;
    open = undefined;
    if (!dryRun) progressFile.save(state);
    step();
  }

  function fill({ records, next }: Open): Delivery & { rest: JournalRecord | undefined } {
    const delivery: Delivery = { records: [], bytes: 0 };
    let rest = next;
    while (
      rest !== undefined &&
      delivery.bytes < DELIVERY_BYTES_MAX &&
      delivery.records.length < DELIVERY_RECORDS_MAX
    ) {
      delivery.records.push(rest);
      delivery.bytes += rest.body.length;
      rest = records.next().value ?? undefined;
    }
    return { ...delivery, rest };
  }

  async function take(signal: AbortSignal): Promise<Delivery | undefined> {
    while (!signal.aborted) {
      try {
        open ??= await openNext(signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        const passing = error instanceof MetricStreamError && ['unreachable', 'timeout'].includes(error.code);
        if (passing) throw error;
        fault = error;
        return undefined;
      }
      if (open === undefined) return undefined;
      if (open.next === undefined) {
        settleOpen(open);
        continue;
      }
      const { rest, ...delivery } = fill(open);
      open.next = rest;
      return delivery;
    }
    return undefined;
  }

  return {
    take,
    commit(_delivery, { pointsStored, pointsDead, pointsDropped }: Committed) {
      account.written += pointsStored;
      account.rejected += pointsDead;
      account.tooOld += droppedIn({ pointsDropped });
      if (open?.next === undefined && open !== undefined) settleOpen(open);
      step();
    },
    progress: () => ({ account: accountOf(state, withoutTime), doneUntil: state.doneUntil }),
    onStep(called) {
      step = called;
    },
    fault: () => fault,
    async countAll() {
      for (;;) {
        const delivery = await take(options.signal);
        if (delivery === undefined) return;
        for (const { points } of delivery.records) account.written += points;
        step();
      }
    },
  };
}
