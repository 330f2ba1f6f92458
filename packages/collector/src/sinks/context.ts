/** What a sink's thread gives to the sink it runs, and what it gets back. Owns these types, and two bounds that every sink has. */
import type { CursorTotals } from '@metricstream/shared/journal/cursor.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import type { CursorAlarm } from '@metricstream/shared/journal/source.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { DeadLetter } from '@metricstream/shared/pump/types.ts';
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { Figure } from './figures.ts';

/** How far a sink has come: what main shows of every sink. */
export interface SinkProgress {
  /** Of the cursor, earlier runs included. */
  totals: CursorTotals;
  /** Everything before it is stored, dead or dropped. */
  position: number;
  pointsPassed: number;
  stats: Pick<PumpStats, 'retries' | 'halts' | 'lastStoredUnixMs' | 'sinceUnixMs'>;
}

export interface SinkContext {
  journal: { dir: string; id: number; durable: DurablePosition };
  /** Kept by `writeFileAtomically`; what is in it is the sink's. */
  cursorPath: string;
  deadLetter: DeadLetter;
  log: Log;
  onAlarm(alarm: CursorAlarm): void;
  /** Says how far the sink has come: for the journal's retention and for who asks. */
  publish(progress: SinkProgress): void;
  /** The pump's state has changed; of several pumps the worst. */
  onState(state: PumpStats['state'], why: string): void;
}

export interface RunningSink {
  /**
   * Runs until `drain` is aborted and the journal's end is reached, or until `abort` is aborted. It closes all it opened.
   */
  run(drain: AbortSignal, abort: AbortSignal): Promise<void>;
  figures(): Figure[];
}

/** Every sink's: recovery within 5 s of a server's return, halt included. */
export const SINK_BACKOFF = { initialMs: 100, maxMs: 4000 };

/** Of a directory of dead letters; the oldest go. */
export const DEAD_LETTER_BYTES_MAX = 256 * 1024 * 1024;
