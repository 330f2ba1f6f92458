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

/** Who is asked who he is, and by what. `either`: by a certificate or, without one, by a token. */
export const AUTH_MODES = ['none', 'tokens', 'certificate', 'either'] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

/** Which names of a client's certificate are client_ids: its subject alternative names, or the common name. */
export const TLS_CLIENT_IDS = ['san', 'cn'] as const;
export const TLS_VERSIONS = ['1.2', '1.3'] as const;

/** Files are named, not read: they are read at start and again on SIGHUP. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** '' when clients are not asked for a certificate. */
  readonly clientCaFile: string;
  readonly clientId: (typeof TLS_CLIENT_IDS)[number];
  readonly minVersion: (typeof TLS_VERSIONS)[number];
}

/** What the collector runs on; rates are per second, and Infinity means no limit. */
export interface CollectorConfig {
  readonly listen: ListenAddress;
  /** Absent: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  readonly auth: AuthMode;
  readonly tokensFile: string;
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
    /** A body may grow to so many times its size; small ones to more (ingest/decompress.ts). */
    readonly decompressionRatioMax: number;
    readonly seriesPerBatchMax: number;
    /** Infinity: no limit. */
    readonly requestsPerConnectionMax: number;
    readonly pipelinedMax: number;
    readonly headTimeoutMs: number;
    readonly bodyTimeoutMs: number;
    /** 0: no limit. */
    readonly bodyBytesPerSecondMin: number;
    readonly idleTimeoutMs: number;
    readonly perAddress: {
      /** Infinity: no limit. */
      readonly connectionsMax: number;
      /** Requests without a valid token or certificate. */
      readonly unauthenticatedPerSecond: number;
    };
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
