/** What main and a sink's thread say to each other. Owns these types only. */
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { ThreadLog } from '../journal-thread/messages.ts';
import type { Figure } from './figures.ts';
import type { InfluxdbSettings } from './influxdb/settings.ts';
import type { JsonlSinkOptions } from './jsonl/jsonl-sink.ts';
import type { KafkaSettings } from './kafka/settings.ts';

export type SinkChoice =
  | { kind: 'jsonl'; settings: Pick<JsonlSinkOptions, 'dir' | 'rotateBytes' | 'keepMs' | 'clientsMax'> }
  | { kind: 'influxdb'; settings: InfluxdbSettings; clientsMax: number }
  | { kind: 'kafka'; settings: KafkaSettings; clientsMax: number };

export interface SinkThreadData {
  sink: SinkChoice;
  journal: { dir: string; id: number; durable: SharedArrayBuffer };
  cursorPath: string;
  /** This sink's cursor position, for the journal's retention. */
  position: SharedArrayBuffer;
  deadLetter: { dir: string; bytesMax: number };
  counters: SharedArrayBuffer;
  log: ThreadLog;
}

/** `stop`: go on to the journal's end, at most for `drainMs`, then leave. */
export interface ToSinkThread {
  message: 'stop';
  drainMs: number;
}

/**
 * What the pump does, and why when it is in trouble; `failed`: the thread ends. And, every second, what this kind of sink
 * counts for itself.
 */
export type FromSinkThread =
  | { message: 'state'; state: PumpStats['state'] | 'failed'; why: string }
  | { message: 'figures'; figures: Figure[] };
