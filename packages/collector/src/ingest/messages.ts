/** What main and an ingest worker say to each other. Owns these types only. */
import type { ErrorCode } from '@metricstream/shared/errors.ts';
import type { WireLimits } from '@metricstream/proto/limits.ts';
import type { HttpLimits } from '../http/types.ts';
import type { ClientLimits } from '../admission/limits.ts';
import type { ThreadLog } from '../journal-thread/messages.ts';

export interface IngestWorkerData {
  worker: number;
  host: string;
  port: number;
  http: HttpLimits;
  wire: WireLimits;
  ack: 'journal' | 'memory';
  clientLimits: ClientLimits;
  ring: SharedArrayBuffer;
  doorbell: SharedArrayBuffer;
  clientTable: SharedArrayBuffer;
  decisions: SharedArrayBuffer;
  counters: SharedArrayBuffer;
  log: ThreadLog;
}

/** `stop`: take nothing new, answer what is held, close the ring, leave; at most for `drainMs`. */
export interface ToIngestWorker {
  message: 'stop';
  drainMs: number;
}

export type FromIngestWorker =
  | { message: 'listening'; port: number }
  | { message: 'failed'; code: ErrorCode; why: string };
