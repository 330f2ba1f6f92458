/**
 * The JSONL sink: batches as lines in numbered, append-only files. Owns the order of things in one write; promises
 * that the files hold each committed point once and in order, whatever crashes when: a delivery is `stored` only when it
 * is on disk, a failed one is cut away (active-file.ts), and opening cuts back to the committed state (directory.ts).
 * Memory is bounded by the appender's two buffers and the batch being read.
 */
import { open as openFile } from 'node:fs/promises';
import type { ReadBatch } from '@metricstream/proto/read.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import type { Clock } from '@metricstream/shared/clock.ts';
import { systemClock } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Delivery, Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import type { ActiveFileStats } from './active-file.ts';
import { createActiveFile } from './active-file.ts';
import type { OpenFile } from './append.ts';
import { createAppender } from './append.ts';
import type { JsonlState } from './directory.ts';
import { parseState, recoverDirectory } from './directory.ts';
import { createLineFormatter } from './format.ts';
import type { HousekeepingStats } from './housekeeping.ts';
import { createHousekeeping } from './housekeeping.ts';

/** Between two looks for files past their time. */
const HOUSEKEEPING_INTERVAL_MS = 60_000;
/** Faults of the set-up: trying again helps only after somebody has changed something. */
const HALTING_CODES: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EISDIR']);

export interface JsonlSinkOptions {
  /** Made when missing, mode 0750. Belongs to this sink alone. */
  dir: string;
  /** A file this long is followed by the next one; a delivery is never split over two. */
  rotateBytes: number;
  /** A file goes this long after its last line. */
  keepMs: number;
  /** How many clients' series are kept ready as text. */
  clientsMax: number;
  /** What was committed with the cursor; undefined when nothing ever was. */
  state?: unknown;
  clock?: Clock;
  /** Opens the active file; tests give files that fail. */
  open?: OpenFile;
}

/** Counters since the sink was opened, kept up to date in place. */
export interface JsonlStats extends ActiveFileStats, HousekeepingStats {
  /** A line each. */
  points: number;
  bytes: number;
  records: number;
  /** Bodies that this version cannot read. */
  recordsRejected: number;
  /** Values without a JSON form (±Infinity), which the walker should have refused. */
  pointsNotFinite: number;
  writesFailed: number;
  /** Uncommitted bytes that opening removed. */
  bytesCut: number;
  /** Files that opening found and no committed state explains; they are in `set-aside/`. */
  filesSetAside: number;
}

export interface JsonlSink extends Sink {
  readonly stats: JsonlStats;
  /** Resolves when compression and deletion have nothing under way. */
  idle(): Promise<void>;
}

/**
 * Opens the directory and brings it back to the committed state.
 *
 * Whoever calls `write` again must have committed the delivery before, and whoever did not must open a new sink with
 * the state that was committed: a delivery that was stored and comes again is stored again.
 * @throws MetricStreamError `damaged` for a state that is none; what the system throws for an unusable directory.
 */
export async function createJsonlSink(options: JsonlSinkOptions): Promise<JsonlSink> {
  const { dir, clock = systemClock, open = openFile } = options;
  const stats = newStats();
  const { number, lengthBytes, ...found } = await recoverDirectory(dir, parseState(options.state));
  Object.assign(stats, found);
  const housekeeping = createHousekeeping(dir, options.keepMs, stats);
  const active = createActiveFile({ dir, rotateBytes: options.rotateBytes, open, number, lengthBytes, stats });
  const writer = createDeliveryWriter(options.clientsMax, stats);
  let numberStored = number;
  let housekeptBelow = 0;
  let housekeptAtMs = 0;

  function keepHouse(): void {
    const nowMs = clock.monotonicMs();
    if (numberStored === housekeptBelow && nowMs - housekeptAtMs < HOUSEKEEPING_INTERVAL_MS) return;
    housekeptBelow = numberStored;
    housekeptAtMs = nowMs;
    housekeeping.start(numberStored, clock.unixMs());
  }

  async function afterFailure(error: unknown, signal: AbortSignal): Promise<Outcome> {
    const why = `${active.path()}: ${messageOf(error)}`;
    const landed = await writer.settle();
    await active.failed(!landed);
    if (signal.aborted && landed) return { kind: 'retry', why: 'stopped before the delivery was stored' };
    stats.writesFailed++;
    const halting = HALTING_CODES.has((error as NodeJS.ErrnoException | undefined)?.code);
    return { kind: halting ? 'halt' : 'retry', why };
  }

  keepHouse();
  return {
    name: 'jsonl',
    stats,
    async write(delivery, signal) {
      // The delivery before is committed by now: files below the one it went to are final.
      keepHouse();
      try {
        const handle = await active.ready();
        active.appending();
        const written = await writer.write(handle, active.state().lengthBytes, delivery, signal);
        active.stored(written.bytes);
        numberStored = active.number();
        return outcomeOf(written, active.state());
      } catch (error) {
        return afterFailure(error, signal);
      }
    },
    idle: () => housekeeping.idle(),
    async close() {
      await housekeeping.stop();
      await active.close();
    },
  };
}

interface Written {
  bytes: number;
  /** Indices of records that cannot be read, and why the last of them cannot. */
  rejected: number[];
  why: string;
}

function outcomeOf({ rejected, why }: Written, state: JsonlState): Outcome {
  if (rejected.length === 0) return { kind: 'stored', state };
  return { kind: 'rejected', which: rejected, why: `this version cannot read the batch: ${why}`, state };
}

/** Turns deliveries into lines on disk, and counts them once they are there. */
function createDeliveryWriter(clientsMax: number, stats: JsonlStats) {
  const formatter = createLineFormatter();
  const seriesSets = createSeriesSetCache({ clientsMax });
  const appender = createAppender();
  const fill = (target: Uint8Array, at: number): number => formatter.fill(target, at);

  async function push(batch: ReadBatch, signal: AbortSignal): Promise<void> {
    formatter.begin(batch);
    appender.fill(fill);
    while (!formatter.done()) {
      await appender.flush();
      signal.throwIfAborted();
      appender.fill(fill);
    }
  }

  async function write(
    handle: Parameters<typeof appender.begin>[0],
    atBytes: number,
    { records }: Delivery,
    signal: AbortSignal,
  ): Promise<Written> {
    const written: Written = { bytes: 0, rejected: [], why: '' };
    const pointsBefore = formatter.points;
    appender.begin(handle, atBytes);
    signal.throwIfAborted();
    for (const [index, record] of records.entries()) {
      let batch: ReadBatch;
      try {
        batch = readBatch(record.body, seriesSets);
      } catch (error) {
        written.rejected.push(index);
        written.why = messageOf(error);
        continue;
      }
      await push(batch, signal);
    }
    written.bytes = await appender.finish();
    stats.bytes += written.bytes;
    stats.points += formatter.points - pointsBefore;
    stats.records += records.length - written.rejected.length;
    stats.recordsRejected += written.rejected.length;
    stats.pointsNotFinite = formatter.pointsNotFinite;
    return written;
  }

  return { write, settle: () => appender.settle() };
}

function newStats(): JsonlStats {
  return {
    points: 0,
    bytes: 0,
    records: 0,
    recordsRejected: 0,
    pointsNotFinite: 0,
    writesFailed: 0,
    bytesCut: 0,
    filesSetAside: 0,
    filesRotated: 0,
    filesDamaged: 0,
    filesCompressed: 0,
    filesDeleted: 0,
    bytesDeleted: 0,
    housekeepingFailures: 0,
    housekeepingWhy: '',
  };
}
