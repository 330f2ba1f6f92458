/**
 * What passes between a source, the pump and a sink. Owns these types only; the loop is in pump.ts. Everything that
 * leaves a process leaves through a pump, so these few words are the product's whole delivery contract.
 */
import type { JournalRecord } from '../journal/record.ts';

/** Some records taken from a source together; the unit a sink writes and a cursor passes. */
export interface Delivery {
  /** In source order. Their bodies stay valid until the delivery is committed. */
  records: JournalRecord[];
  /** Bytes of all bodies. */
  bytes: number;
}

/**
 * What a sink answers to one write.
 * - `stored`: all of it is as durable as the sink can make it. `state` is what an append-only sink must find again
 *   beside the cursor (file and length); it is committed with the cursor, atomically.
 * - `retry`: nothing is known to be stored; the same records come again, after `afterMs` at least when given.
 *   `suspect: true` says that the fault may lie in these very records (the same 5xx again): after some equal answers
 *   the pump halves the delivery to find the one.
 * - `rejected`: the sink will never take the records at these indices; all others of the delivery ARE stored.
 *   `which: 'unknown'`: one or more are bad and nothing is known of the others: the pump halves until it knows.
 * - `halt`: a configuration fault (wrong token, missing bucket): keep everything, be loud, go on trying; at once when
 *   `changed` is aborted, which says that the fault may be mended.
 */
export type Outcome =
  | { kind: 'stored'; state?: unknown; losses?: readonly Loss[] }
  | { kind: 'retry'; why: string; afterMs?: number; suspect?: boolean }
  | { kind: 'rejected'; which: number[] | 'unknown'; why: string; state?: unknown; losses?: readonly Loss[] }
  | { kind: 'halt'; why: string; changed?: AbortSignal };

/** Points of a record that the sink did not store, while it stored the record's others. */
export interface Loss {
  /** The record's index in the delivery. */
  index: number;
  points: number;
  /** In the sink's words. */
  why: string;
  /** The reason they are counted under as dropped on purpose (`retention`); without it they become a dead letter. */
  dropped?: string;
  /** The points as the sink would have written them, for the dead letter. */
  text?: string;
}

export interface Sink {
  readonly name: string;
  /** Writes one delivery. Resolves with an outcome; a throw is taken as `retry`. Aborts promptly on the signal. */
  write(delivery: Delivery, signal: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}

/** What became of a delivery, for the cursor that passes it. */
export interface Committed {
  recordsStored: number;
  pointsStored: number;
  recordsDead: number;
  pointsDead: number;
  /** Points dropped on purpose, by reason. */
  pointsDropped: Record<string, number>;
  /** The sink's last `state`, when it gave one. */
  state?: unknown;
}

export interface Source {
  /** Waits for records and returns them, or undefined once the signal is aborted and nothing is left to give. */
  take(signal: AbortSignal): Promise<Delivery | undefined>;
  /** The delivery is stored, dead-lettered or counted as dropped: the cursor passes it, durably. */
  commit(delivery: Delivery, done: Committed): Promise<void> | void;
}

/** Some points of a record: how many, and as the sink would have written them. */
export type LetterPart = Pick<Loss, 'points' | 'text'>;

/** Takes what a sink will never store; resolves when that is durable. Without `part` it is the whole record. */
export interface DeadLetter {
  put(record: JournalRecord, sink: string, why: string, part?: LetterPart): Promise<void> | void;
}
