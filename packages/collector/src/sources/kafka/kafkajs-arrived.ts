/**
 * What kafkajs calls a batch, as what the product knows. Owns what of its messages is handed on: all of those that were
 * read, those that are passed by, and nothing from a message on that is well and cannot be read.
 */
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { unreadOf } from '../../sinks/kafka/unread.ts';
import type { ConsumedBatch, ConsumedMessage } from './consumer.ts';

/** What a message weighs beside its bytes, so that empty ones weigh something. */
const MESSAGE_OVERHEAD_BYTES = 64;

export type ArrivedBatch = Omit<ConsumedBatch, 'topic' | 'generation'> & { fetchedOffset: number; end: number };

/** A message that is well and cannot be read; the partition stands before it. */
export interface Blocked {
  partition: number;
  offset: number;
  why: string;
}

/** The batch may be empty when there is something blocked. */
export function arrived({ batch }: EachBatchPayload): { batch: ArrivedBatch; blocked: Blocked | undefined } {
  const { partition } = batch;
  const stop = batch.messages.findIndex(({ value }) => unreadOf(value)?.readable === true);
  const at = batch.messages[stop];
  const offset = Number(at?.offset);
  const blocked = at && { partition, offset, why: unreadOf(at.value)?.why ?? '' };
  const messages = (at ? batch.messages.slice(0, stop) : batch.messages).map(toConsumed);
  let bytes = messages.length * MESSAGE_OVERHEAD_BYTES;
  for (const { key, value, headers } of messages) {
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    for (const [name, text] of Object.entries(headers)) bytes += name.length + text.length;
  }
  const arrivedBatch = {
    partition,
    messages,
    bytes,
    nextOffset: at ? offset : Number(batch.lastOffset()) + 1,
    // In every batch of kafkajs, and missing in its types.
    fetchedOffset: Number((batch as typeof batch & { fetchedOffset: string }).fetchedOffset),
    end: Number(batch.highWatermark),
  };
  return { batch: arrivedBatch, blocked };
}

function toConsumed({ offset, timestamp, key, value, headers = {} }: KafkaMessage): ConsumedMessage {
  const texts = Object.entries(headers).map(([name, one]) => [
    name,
    String((Array.isArray(one) ? one.at(-1) : one) ?? ''),
  ]);
  const unread = unreadOf(value);
  return {
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key: key ?? undefined,
    value: unread ? undefined : (value ?? undefined),
    headers: Object.fromEntries(texts),
    ...(unread && { unread: unread.why }),
  };
}
