/**
 * A topic and a consumer in memory for the tests of the source: one group member that keeps the consumer's promises (in
 * order, from the committed offset after every rebalance), and can lose everything at any await. Owns no judgement.
 */
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import type { ConsumedBatch, ConsumedMessage, KafkaConsumer } from '../../../src/sources/kafka/consumer.ts';
import { createMessageReader } from '../../../src/sources/kafka/messages.ts';

export const never = new AbortController().signal;

/** With tables of its own: some milliseconds to make. */
export const newReader = () => createMessageReader(DEFAULT_WIRE_LIMITS);

export interface MessageOptions {
  offset?: number;
  key?: string;
  value?: Uint8Array | string;
  headers?: Record<string, string>;
  timestampMs?: number;
}

export function messageOf({ offset = 0, key, value, headers = {}, timestampMs = 1000 }: MessageOptions) {
  return {
    offset,
    timestampMs,
    key: key === undefined ? undefined : Buffer.from(key),
    value: value === undefined ? undefined : Buffer.from(value),
    headers,
  } satisfies ConsumedMessage;
}

export interface BatchOptions {
  clientId?: string;
  epoch?: number;
  seq?: number;
  /** One point each, in one sweep. */
  values?: number[];
}

export function bodyOf({ clientId = 'web-1', epoch = 7, seq = 1, values = [1.5, 2] }: BatchOptions = {}): Uint8Array {
  return encodeBatch({
    clientId,
    epoch,
    seq,
    schemaVersion: 1,
    agentVersion: 'test',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource: [['host', clientId]],
    series: values.map((_, at) => ({ name: `test.value${at}`, unit: 'count', kind: 'float', labels: [] })),
    timesUnixNano: [1_759_579_200_000_000_000n + BigInt(seq) * 1_000_000_000n],
    values: Float64Array.from(values),
  });
}

/** A line as `encoding: json` has it. */
export function jsonOf(point: Record<string, unknown> = {}): string {
  return JSON.stringify({
    timestamp: '2025-10-04T12:00:00.123Z',
    name: 'mem.used_percent',
    value: 75.5,
    unit: 'percent',
    client_id: 'web-1',
    host: 'web-1',
    datacenter: 'fra',
    epoch: 7,
    seq: 1,
    ...point,
  });
}

export interface MemoryTopic extends KafkaConsumer {
  /** By partition: everything, offset = index. */
  readonly log: ConsumedMessage[][];
  /** By partition: the group's offset. */
  readonly committed: number[];
  readonly commits: { partition: number; nextOffset: number }[];
  append(partition: number, message: MessageOptions): void;
  /** All partitions are lost and come again from their committed offsets. */
  rebalance(): void;
}

/** @param options.messagesMax how many messages one batch has at most, drawn anew for each. */
export function memoryTopic(options: { partitions: number; messagesMax?: () => number }): MemoryTopic {
  const { partitions, messagesMax = () => 100 } = options;
  const log: ConsumedMessage[][] = Array.from({ length: partitions }, () => []);
  const committed = Array.from({ length: partitions }, () => 0);
  const commits: MemoryTopic['commits'] = [];
  let positions = [...committed];
  let generation = 1;
  let turn = 0;
  let changed = Promise.withResolvers<void>();
  const wake = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  function next(): ConsumedBatch | undefined {
    for (let tried = 0; tried < partitions; tried++) {
      const partition = turn++ % partitions;
      const from = positions[partition]!;
      const messages = log[partition]!.slice(from, from + messagesMax());
      if (messages.length === 0) continue;
      const nextOffset = from + messages.length;
      positions[partition] = nextOffset;
      const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      return { topic: 'metrics-raw', partition, messages, nextOffset, bytes, generation };
    }
    return undefined;
  }

  const owns = (batch: ConsumedBatch): boolean => batch.generation === generation;
  return {
    log,
    committed,
    commits,
    append(partition, message) {
      log[partition]!.push(messageOf({ ...message, offset: log[partition]!.length }));
      wake();
    },
    rebalance() {
      generation++;
      positions = [...committed];
      wake();
    },
    async take(signal) {
      while (!signal.aborted) {
        const batch = next();
        if (batch !== undefined) return batch;
        const aborted = Promise.withResolvers<void>();
        signal.addEventListener('abort', () => aborted.resolve(), { once: true });
        await Promise.race([changed.promise, aborted.promise]);
      }
      return undefined;
    },
    owns,
    async commit(batch, { nextOffset = batch.nextOffset } = {}) {
      await Promise.resolve();
      if (!owns(batch)) return false;
      if (nextOffset < committed[batch.partition]!) throw new Error(`partition ${batch.partition} goes back`);
      committed[batch.partition] = nextOffset;
      commits.push({ partition: batch.partition, nextOffset });
      return true;
    },
    figures: () => ({ rebalances: generation - 1, restarts: 0, missed: 0, heldBytes: 0, partitions: [] }),
    close: () => Promise.resolve(),
  };
}
