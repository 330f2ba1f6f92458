/** The collector's configuration as the program uses it: names with their unit, everything resolved. Owns the types. */
import type { ListenAddress } from '@metricstream/shared/config/listen.ts';
import type { LogFormat, LogLevel } from '@metricstream/shared/log.ts';
import type { InfluxdbSettings } from '../sinks/influxdb/settings.ts';
import type { KafkaSettings } from '../sinks/kafka/settings.ts';

export interface JsonlFiles {
  readonly enabled: boolean;
  readonly dir: string;
  readonly rotateBytes: number;
  readonly keepMs: number;
}

export interface Required {
  /** True: a full journal refuses ingest rather than dropping what this sink has not stored. */
  readonly required: boolean;
}

/** What the collector runs on; rates are per second, and Infinity means no limit. */
export interface CollectorConfig {
  readonly listen: ListenAddress;
  readonly admin: { readonly listen: ListenAddress };
  readonly stateDir: string;
  readonly workers: number;
  readonly ack: 'journal' | 'memory';
  readonly journal: {
    readonly dir: string;
    readonly bytesMax: number;
    readonly segmentBytes: number;
    /** Per worker, a power of two. */
    readonly ringBytes: number;
  };
  readonly limits: {
    readonly connectionsMax: number;
    readonly clientsMax: number;
    readonly headBytesMax: number;
    readonly bodyBytesMax: number;
    readonly decompressedBytesMax: number;
    readonly seriesPerBatchMax: number;
    readonly headTimeoutMs: number;
    readonly bodyTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly perClient: {
      readonly requestsPerSecond: number;
      readonly bytesPerSecond: number;
      readonly pointsPerSecond: number;
      /** A client that was silent may use up this much time's worth at once. */
      readonly burstMs: number;
    };
  };
  readonly sinks: {
    readonly jsonl: JsonlFiles & Required;
    /** Absent: not in the file, or not enabled. */
    readonly kafka: (KafkaSettings & Required) | undefined;
    readonly influxdb: (InfluxdbSettings & Required & { readonly from: 'journal' | 'kafka' }) | undefined;
  };
  /** The consumer that `forward` runs: what it reads is sinks.kafka, what it writes sinks.influxdb and these files. */
  readonly forward: {
    /** Each sink's consumers have a group of their own, `<group>-<sink>`. */
    readonly group: string;
    readonly admin: { readonly listen: ListenAddress };
    readonly jsonl: JsonlFiles;
  };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}
