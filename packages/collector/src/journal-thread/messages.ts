/** What main and the journal thread say to each other. Owns these types only. */
import type { ErrorCode } from '@metricstream/shared/errors.ts';
import type { LogFormat, LogLevel } from '@metricstream/shared/log.ts';
import type { CloneAlarm } from '../ledger/clones.ts';

export interface SinkCursor {
  /** The sink's cursor position (shared/journal/position.ts). */
  position: SharedArrayBuffer;
  /** A required sink is never passed over: at journal.max_bytes ingest stops instead. */
  required: boolean;
}

export interface JournalThreadData {
  dir: string;
  segmentBytesMax: number;
  journalBytesMax: number;
  /** Pause after a group. 0 where answers wait for the sync; else larger groups cost less than fast ones. */
  lingerMs: number;
  doorbell: SharedArrayBuffer;
  durable: SharedArrayBuffer;
  counters: SharedArrayBuffer;
  sinks: SinkCursor[];
  log: ThreadLog;
}

/** How a thread logs: as main does. */
export interface ThreadLog {
  level: LogLevel;
  format: LogFormat;
}

/** `stop`: leave as soon as every ring is closed and empty. */
export type ToJournalThread = { message: 'add_ring'; ring: SharedArrayBuffer } | { message: 'stop' };

export type FromJournalThread =
  | { message: 'ready'; journalId: number; end: number; damagedBytes: number; setAside: string[] }
  /** Whenever they change: client_ids that two agents use. */
  | { message: 'clones'; alarms: CloneAlarm[] }
  | { message: 'failed'; why: string; code: ErrorCode };
