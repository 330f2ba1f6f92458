/**
 * The words of the wire as plain types: what an encoder takes and a reader gives. Owns no code. The bytes are defined
 * in metricstream.proto; integers that are u64 on the wire are JS numbers here where they stay below 2^53 by rule
 * (epoch, seq, totals; the walker refuses more), and bigint where they do not (times in ns, the config hash).
 */

/** `float` values are any double; `integer` values are whole, exact to 2^53, and InfluxDB writes them with an `i`. */
export type SeriesKind = 'float' | 'integer';

/** A metric and its labels. `name` is `<measurement>.<field>`, Telegraf's words (`mem.used_percent`). */
export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly kind: SeriesKind;
  /** Sorted by key, no key twice. */
  readonly labels: readonly (readonly [key: string, value: string])[];
}

/** Points an epoch lost on purpose, as a running total. */
export interface Dropped {
  /** The epoch the points were sampled in; may be an earlier one than the batch's. */
  epoch: number;
  reason: string;
  points: number;
  firstSeq: number;
  lastSeq: number;
  firstTimeUnixNano: bigint;
  lastTimeUnixNano: bigint;
}

/** What one request carries: sweeps × series as one matrix. */
export interface Batch {
  clientId: string;
  epoch: number;
  seq: number;
  schemaVersion: number;
  agentVersion: string;
  configHash: bigint;
  /** Running total of this epoch, this batch included. */
  pointsSampledTotal: number;
  droppedTotal: readonly Dropped[];
  /** host, datacenter and tags of the whole host. */
  resource: readonly (readonly [key: string, value: string])[];
  series: readonly Series[];
  /** One per sweep. */
  timesUnixNano: readonly bigint[];
  /** Series-major: values[s * sweeps + t]; NaN = no point. Length is series × sweeps. */
  values: Float64Array;
}

/** What a collector says yes with. */
export interface Ack {
  /** `journal`: fdatasynced; `memory`: in the ring only. */
  durable: 'memory' | 'journal';
  /** Every seq of the batch's epoch up to this one is settled. */
  contiguousSeq: number;
  /** The collector's wall clock when the batch came in, Unix ms; the agent learns its clock skew from it. */
  receivedUnixMs: number;
  /** True when this triple was already known. */
  duplicate: boolean;
}

/**
 * What a client may do after a no: `quota`, `busy`: the same bytes again, later; `never`: not these bytes; `auth`: not
 * with these credentials. `unspecified`: what the status says.
 */
export type RetryClass = 'unspecified' | 'quota' | 'busy' | 'never' | 'auth';

/** What a collector says no with; the same message on the wire as an Ack, other fields of it. */
export interface Refusal {
  retryClass: RetryClass;
  /** Why, for people: one line. */
  message: string;
  /** To wait at least; 0: nothing is said. */
  retryAfterMs: number;
  /** The limit that was met, for people, such as `requests: 100/s`; '' when it was none. */
  limit: string;
}
