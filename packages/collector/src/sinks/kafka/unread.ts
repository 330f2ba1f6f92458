/**
 * How much one fetch may become once decompressed, and what stands for the messages that are not read. kafkajs decompresses
 * all that a fetch brings, and asks a codec for bytes only: so a record batch that may not be read becomes empty records
 * with the offsets of its own, known by their memory, which no producer can forge. Promises that nothing else is changed:
 * what goes beyond the fetch, and not beyond the batch, is left for the next fetch.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Twice the largest message of ours. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Reached by the last batch that begins below it. */
const FETCH_BYTES_MAX = 16 * 1024 * 1024;
/** What a message weighs in memory beside its bytes. */
const RECORD_OVERHEAD_BYTES = 512;
/** kafkajs fails at some more. */
const RECORDS_MAX = 100_000;

/** Of a record batch as stored, before its compressed records. */
const HEADER_BYTES = 61;
const MAGIC = 2;
/** Length, attributes, time, offset (5 at most), no key, an empty value, no headers. */
const STAND_IN_BYTES_MAX = 11;

export interface Unread {
  why: string;
  /** Nothing is wrong with the messages: they must not be passed by. */
  readable: boolean;
}

interface Fetch {
  bytes: number;
  /** Of a batch that nothing can stand for. */
  tell(why: string): void;
}

interface BatchHeader {
  baseOffset: number;
  lastOffsetDelta: number;
  records: number;
}

const fetches = new AsyncLocalStorage<Fetch>();
const standIns = new WeakMap<ArrayBufferLike, Unread>();

/** What is decompressed from here on, by who called, is one fetch. */
export function beginFetch(tell: Fetch['tell']): void {
  fetches.enterWith({ bytes: 0, tell });
}

/** @returns why this value stands for one that was not read; undefined for all others. */
export function unreadOf(value: Buffer | null | undefined): Unread | undefined {
  return value ? standIns.get(value.buffer) : undefined;
}

/**
 * The bytes of a record batch, or what stands for them.
 * @throws Error when they are not to be had, or cannot be stood for; nothing is lost by it.
 */
export async function readBatch(
  compressed: Buffer,
  unpack: (bounds: { maxOutputLength: number }) => Promise<Buffer>,
): Promise<Buffer> {
  const fetch = fetches.getStore() ?? { bytes: 0, tell: () => undefined };
  if (fetch.bytes >= FETCH_BYTES_MAX) throw leftForNextFetch();
  const header = headerBefore(compressed);
  fetch.bytes += boundedRecords(header, fetch) * RECORD_OVERHEAD_BYTES;
  try {
    const bytes = await unpack({ maxOutputLength: BATCH_BYTES_MAX });
    fetch.bytes += bytes.length;
    return bytes;
  } catch (error) {
    if (header === undefined || (error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    fetch.bytes += BATCH_BYTES_MAX;
    const why = `the record batch comes to more than ${BATCH_BYTES_MAX} bytes decompressed: it was not read`;
    return standInFor(header, { why, readable: false });
  }
}

/** @returns what stands for a batch in a compression that is not known here. */
export async function unknownCompression(name: string, compressed: Buffer): Promise<Buffer> {
  const header = headerBefore(compressed);
  const why = `compressed by ${name}`;
  if (header === undefined) throw Object.assign(new Error(why), { name: 'KafkaJSNotImplemented' });
  boundedRecords(header, fetches.getStore());
  return standInFor(header, { why, readable: true });
}

function boundedRecords(header: BatchHeader | undefined, fetch: Fetch | undefined): number {
  if (header === undefined || header.records <= RECORDS_MAX) return header?.records ?? 0;
  const { records, baseOffset, lastOffsetDelta } = header;
  fetch?.tell(
    `the record batch at offset ${baseOffset} has ${records} messages, more than ${RECORDS_MAX}: its partition stands ` +
      `still until the group's offset there is set to ${baseOffset + lastOffsetDelta + 1}`,
  );
  throw leftForNextFetch();
}

/** kafkajs knows this as the end of what a partition sent. */
function leftForNextFetch(): Error {
  return Object.assign(new Error('left for the next fetch'), { name: 'KafkaJSPartialMessageError' });
}

/** @returns undefined when it is no record batch of a fetch: the formats of before Kafka 0.11. */
function headerBefore(compressed: Buffer): BatchHeader | undefined {
  const start = compressed.byteOffset - HEADER_BYTES;
  if (start < 0) return undefined;
  const header = Buffer.from(compressed.buffer, start, HEADER_BYTES);
  const [lastOffsetDelta, records] = [header.readInt32BE(23), header.readInt32BE(57)];
  const isWhole = header.readInt32BE(8) === HEADER_BYTES - 12 + compressed.length && header[16] === MAGIC;
  if (!isWhole || lastOffsetDelta < records - 1) return undefined;
  return { baseOffset: Number(header.readBigInt64BE(0)), lastOffsetDelta, records };
}

function standInFor({ records, lastOffsetDelta }: BatchHeader, unread: Unread): Buffer {
  const bytes = Buffer.alloc(records * STAND_IN_BYTES_MAX);
  let end = 0;
  for (let number = 0; number < records; number++) {
    const start = end;
    end += 3;
    let delta = 2 * (number === records - 1 ? lastOffsetDelta : number);
    for (; delta > 0x7f; delta = Math.floor(delta / 128)) bytes[end++] = (delta % 128) | 0x80;
    bytes[end++] = delta;
    bytes[end++] = 1;
    end += 2;
    bytes[start] = 2 * (end - start - 1);
  }
  standIns.set(bytes.buffer, unread);
  return bytes.subarray(0, end);
}
