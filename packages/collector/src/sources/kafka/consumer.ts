/**
 * What the product asks of a Kafka group consumer. Owns these types only: kafkajs-consumer.ts fills them in, and nothing
 * of kafkajs shows. Promises of every implementation: offsets move only by `commit`; per partition, batches come in order
 * without a hole; a batch may be held for minutes while the membership stays alive; what is held is bounded in bytes; the
 * consumer never ends by itself.
 */
import type { Log } from '@metricstream/shared/log.ts';
import type { KafkaConnection } from '../../sinks/kafka/settings.ts';

export interface ConsumedMessage {
  offset: number;
  timestampMs: number;
  /** Undefined: the message has none. */
  key: Buffer | undefined;
  value: Buffer | undefined;
  /** Values as UTF-8 text; of a name that comes twice, the last. */
  headers: Readonly<Record<string, string>>;
  /** Why its record batch was not read: the bytes are in the topic only, and key, value and headers are not known. */
  unread?: string;
}

/** Messages of one partition, in order. */
export interface ConsumedBatch {
  readonly topic: string;
  readonly partition: number;
  /** One at least. */
  readonly messages: readonly ConsumedMessage[];
  /** What `commit` of the whole batch passes: the offset after the last message. */
  readonly nextOffset: number;
  /** Of keys, values and headers, decompressed, and 64 for each message. */
  readonly bytes: number;
  /** The group's generation that it was fetched in; compared, never computed with. */
  readonly generation: number;
}

export interface PartitionProgress {
  partition: number;
  /** Undefined until this consumer has committed something. */
  committed: number | undefined;
  /** The offset that the partition's next message will get, as of the last fetch that brought something. */
  end: number;
  /** Messages between the two, as of then; `groupLag` of a KafkaClient asks the cluster itself. */
  lag: number;
}

export interface KafkaConsumerFigures {
  /** How often the group was joined anew after the first time. */
  rebalances: number;
  /** How often the connection was rebuilt: crashes of the library, no progress. */
  restarts: number;
  /** Messages that were gone (retention) before they were read. */
  missed: number;
  /** Held now: queued or taken and not yet committed. */
  heldBytes: number;
  /** Assigned now. */
  partitions: PartitionProgress[];
}

export interface KafkaConsumerOptions {
  connection: KafkaConnection;
  group: string;
  topic: string;
  log: Log;
  /** Fetching pauses when so many bytes are held; one fetch per broker may come on top, of 24 MiB decompressed. Default 16 MiB. */
  heldBytesMax?: number;
  /** Of one fetch from one partition, as stored (compressed). Default 1 MiB. */
  partitionBytesMax?: number;
  /** How long a member that vanished keeps its partitions. Default 10 s. */
  sessionTimeoutMs?: number;
  /** Partitions that are this consumer's now. Called after every (re)join. */
  onAssigned?: (partitions: readonly number[]) => void;
  /**
   * Partitions that are no longer this consumer's, or are anew from their committed offset: what was taken of them and
   * not committed will come again, here or elsewhere. Always called before the next `onAssigned`.
   */
  onRevoked?: (partitions: readonly number[]) => void;
}

export interface KafkaConsumer {
  /**
   * The next batch, partitions taking turns; waits for one. Undefined once the signal is aborted or the consumer closed.
   * A second batch of a partition may be taken before the first is committed.
   */
  take(signal: AbortSignal): Promise<ConsumedBatch | undefined>;
  /** Whether the batch still belongs to an assignment that is ours: if not, it comes again and may be thrown away. */
  owns(batch: ConsumedBatch): boolean;
  /**
   * Passes everything of the batch's partition before `nextOffset` (default: the whole batch), durably in the group. Ascending
   * within a partition. False: the partition is not ours any more, or was lost while trying, or the signal was aborted;
   * the messages come again, unless only the broker's answer was lost: so store first. A batch is held until its last offset is committed or its partition lost.
   */
  commit(batch: ConsumedBatch, options?: { nextOffset?: number; signal?: AbortSignal }): Promise<boolean>;
  figures(): KafkaConsumerFigures;
  /** Leaves the group; takes 5 s at most. */
  close(): Promise<void>;
}
