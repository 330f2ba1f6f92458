/**
 * From a record to Kafka messages. Owns their keys, headers and values: with `encoding: batch` the batch's bytes as they
 * came, with `json` one message per point, whose value is byte for byte the line that JSONL has (without the newline).
 * Messages are made one by one as they are asked for, so that a batch of a million points is never text all at once.
 */
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import { readVarint } from '@metricstream/proto/wire.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { Lane } from '@metricstream/shared/journal/record.ts';
import { NUMBER_BYTES_MAX, writeNumber } from '../jsonl/number.ts';
import { createPartsCache } from '../jsonl/parts.ts';
import { createTimeFormatter } from '../jsonl/time.ts';
import type { OutMessage } from './client.ts';
import type { KafkaSettings } from './settings.ts';

/** A record, or a part of one, on its way to a partition. */
export interface LaneRecord extends JournalRecord {
  /** Where the record stands in the journal. */
  position: number;
  /** `client_id`, or `client_id:metric`. */
  key: string;
  /** `i/n`; undefined when it is the whole batch. */
  part: string | undefined;
}

export interface Encoder {
  /**
   * The record's messages from number `skip` on.
   * @throws RangeError when the body cannot be read, before the first message.
   */
  messages(record: LaneRecord, skip: number): Iterable<OutMessage>;
  /** About how many bytes they come to. */
  bytes(record: LaneRecord): number;
}

/** What a message takes in a record batch beside key, value and headers. */
const MESSAGE_OVERHEAD_BYTES = 24;
const HEADER_OVERHEAD_BYTES = 4;
const BATCH_HEADERS_BYTES = 160;
/** Of a typical line; only sizes of deliveries depend on it. */
const JSON_POINT_BYTES = 280;

export function createEncoder(options: { encoding: KafkaSettings['encoding']; clientsMax: number }): Encoder {
  return options.encoding === 'json' ? createJsonEncoder(options.clientsMax) : batchEncoder;
}

/** Bytes of a message before compression, as the broker's limits count them. */
export function messageBytes({ key, value, headers }: OutMessage): number {
  let bytes = MESSAGE_OVERHEAD_BYTES + key.length + value.length;
  for (const [name, text] of Object.entries(headers)) bytes += HEADER_OVERHEAD_BYTES + name.length + text.length;
  return bytes;
}

const batchEncoder: Encoder = {
  messages: (record, skip) => (skip > 0 ? [] : [batchMessage(record)]),
  bytes: ({ body, key }) => body.length + key.length + BATCH_HEADERS_BYTES,
};

function batchMessage(record: LaneRecord): OutMessage {
  const headers: Record<string, string> = {
    epoch: String(record.epoch),
    seq: String(record.seq),
    'oldest-seq': String(record.oldestSeq),
    schema: String(schemaVersionOf(record.body)),
    points: String(record.points),
    lane: record.lane === Lane.backlog ? 'backlog' : 'live',
    received: String(record.receivedUnixMs),
  };
  if (record.part !== undefined) headers.part = record.part;
  return { key: record.key, value: record.body, headers };
}

/** The batch's schema_version, found without reading the rest: it stands before all that is long. 0 when it says none. */
export function schemaVersionOf(body: Uint8Array): number {
  const cursor = { at: 0 };
  for (;;) {
    const tag = readVarint(body, cursor, body.length);
    if (tag === 0x11) {
      cursor.at += 8;
      continue;
    }
    if (tag !== 0x0a && tag !== 0x18 && tag !== 0x20) return 0;
    const value = readVarint(body, cursor, body.length);
    if (value < 0) return 0;
    if (tag === 0x20) return value;
    if (tag === 0x0a) cursor.at += value;
  }
}

function createJsonEncoder(clientsMax: number): Encoder {
  const seriesSets = createSeriesSetCache({ clientsMax });
  const partsOf = createPartsCache();
  const formatTime = createTimeFormatter();
  const number = Buffer.alloc(NUMBER_BYTES_MAX);

  function* messages(record: LaneRecord, skip: number): Generator<OutMessage> {
    const { clientId, epoch, seq, seriesSet, timesUnixNano, values } = readBatch(record.body, seriesSets);
    const { before, after, makeAfter, tags } = partsOf(clientId, seriesSet);
    const headers = { epoch: String(epoch), seq: String(seq) };
    const end = Buffer.from(`${tags},"epoch":${epoch},"seq":${seq}}`);
    const sweeps = timesUnixNano.length;
    let left = skip;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const start = Buffer.from(`{"timestamp":"${formatTime(timesUnixNano[sweep]!)}`);
      for (const [index, { name }] of seriesSet.series.entries()) {
        const value = values[index * sweeps + sweep]!;
        // NaN is no point, and an infinity has no JSON.
        if (value - value !== 0 || left-- > 0) continue;
        const digits = number.subarray(0, writeNumber(number, 0, value));
        const line = Buffer.concat([start, before[index]!, digits, after[index] ?? makeAfter(index), end]);
        yield { key: record.part === undefined ? record.key : `${clientId}:${name}`, value: line, headers };
      }
    }
  }

  return { messages, bytes: ({ points }) => Math.max(1, points) * JSON_POINT_BYTES };
}
