/**
 * Messages of the topic as the records that sinks know, one stretch of a partition at a time. Owns what a message must be
 * and promises that nothing is taken on trust: a batch is walked, its identity is the one in its bytes, and key and headers
 * that say something else make it poison. Whatever a message holds, it becomes a record, a part of one, or poison with
 * its reason; nothing throws.
 *
 * A batch begins with the tag of its client_id, JSON with a brace that no batch begins with: so both may be in one topic,
 * and a change of `encoding` spoils nothing.
 */
import { crc32 } from 'node:zlib';
import { SCHEMA_VERSION } from '@metricstream/proto/encode.ts';
import type { WireLimits } from '@metricstream/proto/limits.ts';
import { clientIdOf, createWalker, type Walker } from '@metricstream/proto/walk.ts';
import { type JournalRecord, Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import type { ConsumedMessage } from './consumer.ts';
import { createJsonBatches } from './json-batches.ts';

/** A record, and the messages it was made of: one batch, or the JSON points of one. */
export interface KafkaRecord extends JournalRecord {
  readonly origin: { readonly partition: number; readonly messages: readonly ConsumedMessage[] };
}

/** A message that no sink can be given. */
export interface Poison {
  message: ConsumedMessage;
  why: string;
}

export interface Stretch {
  records: KafkaRecord[];
  poison: Poison[];
}

/** Reads messages that follow each other in one partition. */
export type MessageReader = (partition: number, messages: readonly ConsumedMessage[]) => Stretch;

const BRACE = 0x7b;

/** @returns a reader with a walker and caches of its own. */
export function createMessageReader(limits: WireLimits): MessageReader {
  const walk = createWalker(limits);
  const json = createJsonBatches(walk);
  return (partition, messages) => {
    const stretch: Stretch = { records: [], poison: [] };
    for (const message of messages) {
      if (message.value?.[0] === BRACE) {
        json.add(message, partition, stretch);
        continue;
      }
      json.flush(partition, stretch);
      const read = readBatchMessage(walk, message);
      if ('why' in read) stretch.poison.push(read);
      else stretch.records.push({ ...read, origin: { partition, messages: [message] } });
    }
    json.flush(partition, stretch);
    return stretch;
  };
}

function readBatchMessage(walk: Walker, message: ConsumedMessage): JournalRecord | Poison {
  const { value, headers, timestampMs, unread } = message;
  if (unread !== undefined) return { message, why: unread };
  if (value === undefined || value.length === 0) return { message, why: 'the message has no value' };
  const walked = walk(value);
  if (!walked.ok)
    return { message, why: `neither a batch nor JSON: as a batch, ${walked.reason} at byte ${walked.offset}` };
  const { epoch, seq, points } = walked;
  const clientId = clientIdOf(walked, value);
  const why = foreignIdentity(message, { clientId, epoch, seq });
  if (why !== undefined) return { message, why };
  const schema = countOf(headers['schema']);
  if (schema !== undefined && schema > SCHEMA_VERSION)
    return { message, why: `a batch of schema ${schema}; this version reads up to ${SCHEMA_VERSION}: update it` };
  return {
    kind: RecordKind.batch,
    lane: headers['lane'] === 'backlog' ? Lane.backlog : Lane.live,
    clientId,
    points,
    epoch,
    seq,
    oldestSeq: countOf(headers['oldest-seq']) ?? 0,
    receivedUnixMs: countOf(headers['received']) ?? timestampMs,
    bodyCrc: crc32(value),
    body: value,
  };
}

/** @returns why key or headers are not those of this batch; where they say nothing, nothing is wrong. */
export function foreignIdentity(
  { key, headers }: Pick<ConsumedMessage, 'key' | 'headers'>,
  of: Pick<JournalRecord, 'clientId' | 'epoch' | 'seq'>,
): string | undefined {
  const { clientId } = of;
  if (key !== undefined && key.length > 0) {
    const text = key.toString('utf8');
    if (text !== clientId && !text.startsWith(`${clientId}:`)) return 'the key is not of the client_id inside';
  }
  for (const name of ['epoch', 'seq'] as const)
    if (headers[name] !== undefined && countOf(headers[name]) !== of[name])
      return `the header ${name} is not the ${name} inside`;
  return undefined;
}

/** @returns a header as a whole number below 2^53, or undefined. */
export function countOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const count = Number(text);
  return Number.isSafeInteger(count) ? count : undefined;
}
