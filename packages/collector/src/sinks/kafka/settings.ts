/** What a configuration says of Kafka, in the program's names. Owns these types only. */

export const KAFKA_ENCODINGS = ['batch', 'json'] as const;
export const KAFKA_COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
/** What is done about a client with a large share (ADR-004): nothing, its option A, its option B. */
export const HOT_ANSWERS = ['off', 'split_by_metric', 'dedicated_partition'] as const;

/** How to reach the brokers; what every connection needs. */
export interface KafkaConnection {
  /** `host:port`, one at least. */
  readonly brokers: readonly string[];
  readonly sasl:
    | { readonly mechanism: (typeof SASL_MECHANISMS)[number]; readonly username: string; readonly password: string }
    | undefined;
  readonly tls:
    | {
        /** Empty: the system's certificate authorities. */
        readonly caFile: string;
        /** Of this client; both or neither empty. */
        readonly certFile: string;
        readonly keyFile: string;
        readonly verify: boolean;
      }
    | undefined;
}

export interface KafkaSettings {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Where forwarders put what is no batch. */
  readonly deadLetterTopic: string;
  /** Keys are spread over this many partitions, murmur2(key) % partitions. A dedicated partition comes on top. */
  readonly partitions: number;
  /** Copies of each partition, for a topic that `setup kafka` makes. */
  readonly replication: number;
  readonly encoding: (typeof KAFKA_ENCODINGS)[number];
  readonly compression: (typeof KAFKA_COMPRESSIONS)[number];
  readonly hot: {
    readonly answer: (typeof HOT_ANSWERS)[number];
    /** Of all bytes within the window, from which on a client is hot; 0 to 1. */
    readonly share: number;
    readonly windowMs: number;
  };
  /** Bytes read from the journal and not yet confirmed by a broker, all partitions together. */
  readonly inFlightBytesMax: number;
}
