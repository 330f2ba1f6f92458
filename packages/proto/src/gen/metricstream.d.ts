// Generated from metricstream.proto by generate.ts (pnpm proto). Do not edit.
/** 64 bits as two halves: what decode gives, and what encode takes where a number is too small. */
export interface Bits64 {
  low: number;
  high: number;
  unsigned?: boolean;
}
export namespace metricstream {
  interface IBatch {
    clientId?: string;
    epoch?: number | Bits64;
    seq?: number | Bits64;
    schemaVersion?: number;
    agentVersion?: string;
    configHash?: number | Bits64;
    pointsSampledTotal?: number | Bits64;
    droppedTotal?: ArrayLike<IDropped>;
    symbols?: ArrayLike<string>;
    resource?: ArrayLike<number>;
    series?: ArrayLike<number>;
    timeUnixNano?: ArrayLike<number | Bits64>;
    values?: ArrayLike<number>;
  }
  class Batch {
    clientId: string;
    epoch: Bits64;
    seq: Bits64;
    schemaVersion: number;
    agentVersion: string;
    configHash: Bits64;
    pointsSampledTotal: Bits64;
    droppedTotal: Dropped[];
    symbols: string[];
    resource: number[];
    series: number[];
    timeUnixNano: Bits64[];
    values: number[];
    static encode(message: IBatch): { finish(): Uint8Array };
    static decode(bytes: Uint8Array): Batch;
  }
  interface IDropped {
    epoch?: number | Bits64;
    reason?: string;
    points?: number | Bits64;
    firstSeq?: number | Bits64;
    lastSeq?: number | Bits64;
    firstTimeUnixNano?: number | Bits64;
    lastTimeUnixNano?: number | Bits64;
  }
  class Dropped {
    epoch: Bits64;
    reason: string;
    points: Bits64;
    firstSeq: Bits64;
    lastSeq: Bits64;
    firstTimeUnixNano: Bits64;
    lastTimeUnixNano: Bits64;
    static encode(message: IDropped): { finish(): Uint8Array };
    static decode(bytes: Uint8Array): Dropped;
  }
  interface IAck {
    durable?: number;
    contiguousSeq?: number | Bits64;
    receivedUnixMs?: number | Bits64;
    duplicate?: boolean;
    retryClass?: number;
    message?: string;
    retryAfterMs?: number | Bits64;
    limit?: string;
  }
  class Ack {
    durable: number;
    contiguousSeq: Bits64;
    receivedUnixMs: Bits64;
    duplicate: boolean;
    retryClass: number;
    message: string;
    retryAfterMs: Bits64;
    limit: string;
    static encode(message: IAck): { finish(): Uint8Array };
    static decode(bytes: Uint8Array): Ack;
  }
}
