/** What main and an ingest worker say to each other. Owns these types, and the name both know a worker by. */
import type { ErrorCode } from '@metricstream/shared/errors.ts';
import type { WireLimits } from '@metricstream/proto/limits.ts';
import type { AuthMode } from '../config/types.ts';
import type { TlsMaterial } from '../http/tls.ts';
import type { HttpLimits } from '../http/types.ts';
import type { AddressLimits, AddressMemory } from '../admission/addresses.ts';
import type { ClientLimits } from '../admission/limits.ts';
import type { TokenEntry } from '../admission/tokens.ts';
import type { ThreadLog } from '../journal-thread/messages.ts';

export interface IngestWorkerData {
  worker: number;
  host: string;
  port: number;
  http: HttpLimits;
  wire: WireLimits;
  ack: 'journal' | 'memory';
  /** How many times its size a body may become (decompress.ts). */
  decompressionRatioMax: number;
  clientLimits: ClientLimits;
  ring: SharedArrayBuffer;
  doorbell: SharedArrayBuffer;
  clientTable: SharedArrayBuffer;
  decisions: SharedArrayBuffer;
  auth: AuthMode;
  tokens: readonly TokenEntry[];
  /** Listens, and reads nothing before `open`. */
  held: boolean;
  /** Absent: plain HTTP. */
  tls: TlsMaterial | undefined;
  /** Connections and failed attempts per address, of all workers (admission/addresses.ts). */
  addresses: AddressMemory;
  addressLimits: AddressLimits;
  /** One Int32: 1 while the collector is ready, for /readyz. */
  ready: SharedArrayBuffer;
  counters: SharedArrayBuffer;
  log: ThreadLog;
}

/**
 * `open`: read what is connected already, and what will be; before it, nothing is read. `tokens`, `tls`: these hold from
 * now on. `stop`: take nothing new, answer what is held, close the ring, leave; at most for `drainMs`.
 */
export type ToIngestWorker =
  | { message: 'open' }
  | { message: 'tokens'; tokens: readonly TokenEntry[] }
  | { message: 'tls'; tls: TlsMaterial }
  | { message: 'stop'; drainMs: number };

export type FromIngestWorker =
  | { message: 'listening'; port: number }
  | { message: 'failed'; code: ErrorCode; why: string };

/** The name under which a worker holds the client table's locks, so that main can free them when it dies. 1 is main. */
export function clientTableHolder(worker: number): number {
  return worker + 2;
}
