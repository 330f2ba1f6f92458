/**
 * What the product asks of a Kafka client. Owns these types only: kafkajs.ts fills them in, and nothing of kafkajs shows.
 * Promises of every implementation: `produce` says `stored` only after the broker named this very (topic, partition)
 * without an error, with acks of all in-sync replicas; a slow or dead broker delays only the partitions it leads.
 */

export interface OutMessage {
  /** Text is sent as UTF-8. */
  key: Uint8Array | string;
  value: Uint8Array;
  headers: Readonly<Record<string, string>>;
  /** Default: now. */
  timestampMs?: number;
}

export interface ProduceRequest {
  topic: string;
  partition: number;
  /** In the order the partition shall have; one at least. */
  messages: readonly OutMessage[];
}

/**
 * What became of one `produce`, for all of its messages together.
 * - `stored`: durable by the topic's own measure (min.insync.replicas); `baseOffset` is the first message's offset.
 * - `retry`: not known to be stored; may be stored (a later duplicate is absorbed by its identity). Send the same again.
 *   `suspect`: the broker may choke on these very messages.
 * - `too_large`: more bytes than the broker takes at once. Halve; one message alone will never be taken.
 * - `rejected`: the broker will never take one of these; nothing of the request is stored.
 * - `halt`: a fault of configuration or permission; `why` says what to do. The same again may pass once it is mended.
 */
export type ProduceOutcome =
  | { kind: 'stored'; baseOffset: number }
  | { kind: 'retry'; why: string; suspect?: boolean }
  | { kind: 'too_large'; why: string }
  | { kind: 'rejected'; why: string }
  | { kind: 'halt'; why: string };

export interface BrokerDescription {
  id: number;
  /** host:port as the cluster advertises it. */
  address: string;
}

export interface ClusterDescription {
  /** The cluster's own name for itself. */
  id: string;
  /** Those that are up now. */
  brokers: BrokerDescription[];
  /** Undefined while there is none. */
  controller: number | undefined;
}

export interface PartitionDescription {
  partition: number;
  /** Undefined while there is none. */
  leader: number | undefined;
  replicas: number[];
  inSync: number[];
}

export interface TopicDescription {
  topic: string;
  /** By number, from 0. */
  partitions: PartitionDescription[];
  /** Copies of each partition; the smallest when they differ. */
  replication: number;
  /** Every setting as the broker applies it, defaults included (`min.insync.replicas`, `retention.ms`, …). */
  config: Readonly<Record<string, string>>;
}

export interface NewTopic {
  topic: string;
  partitions: number;
  replication: number;
  config: Readonly<Record<string, string>>;
}

export interface GroupLag {
  partition: number;
  /** Undefined: the group has committed nothing here yet. */
  committed: number | undefined;
  /** The oldest message that the partition still holds; what lies between `committed` and this is gone. */
  begin: number;
  /** The offset that the next message will get. */
  end: number;
  /** Messages not yet committed; all that the partition still holds when nothing is. */
  lag: number;
}

/** A partition that is being tried again and again. */
export interface Trouble {
  topic: string;
  partition: number;
  why: string;
  sinceUnixMs: number;
}

/** What one broker of the list answers when it is asked alone. */
export type BrokerAnswer = { up: true; cluster: ClusterDescription } | { up: false; why: string; fix: string };

/**
 * A client of one cluster. Connections are made when needed and kept. Questions (everything but `produce`) reject with a
 * MetricStreamError within seconds: `unreachable` when nobody answers, `config_invalid` when the cluster says no.
 */
export interface KafkaClient {
  /** Resolves once a broker has answered (credentials are good then); tries until the signal is aborted, then rejects. */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Writes to one partition. At most one call per partition at a time: a second one is a fault of the program, and the only
   * thing that rejects. Stays pending through an outage, trying several times a second, and answers soon after the
   * broker's return; `troubles` tells meanwhile. An aborted signal ends the wait at once with `retry`.
   */
  produce(request: ProduceRequest, signal: AbortSignal): Promise<ProduceOutcome>;
  /** Partitions whose `produce` is pending because it failed at least once. */
  troubles(): Trouble[];
  cluster(): Promise<ClusterDescription>;
  /** Undefined: there is no such topic. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>;
  /** False: it is there already. */
  createTopic(spec: NewTopic): Promise<boolean>;
  /** Grows a topic to so many partitions in all. */
  addPartitions(grown: { topic: string; partitions: number }): Promise<void>;
  /** Whether these credentials may write to a topic; asks the broker without writing anything. */
  mayWrite(topic: string): Promise<boolean>;
  /** Offset of the next message, by partition. */
  endOffsets(topic: string): Promise<number[]>;
  groupLag(asked: { group: string; topic: string }): Promise<GroupLag[]>;
  /** Asks one broker of the list, alone. Never rejects. */
  probe(address: string): Promise<BrokerAnswer>;
  /** Ends what is pending with `retry` and closes the connections; takes a second at most. */
  close(): Promise<void>;
}
