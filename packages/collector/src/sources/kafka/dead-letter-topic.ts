/**
 * The topic for what no sink will ever take: poison messages as they came, and records that a sink rejected. Owns the form
 * of such a message and promises that `bury` and `put` resolve only when the broker has it; until then nothing may pass it,
 * and what hinders it is in the error. Everything goes to partition 0, in the order it was met.
 *
 * Key, value and headers are those of the message; beside them the headers `why`, `topic`, `partition` and `offset`, and for
 * a rejected record `sink`, and where only some of its points are meant `part-points` and `part-lines`. What the topic takes
 * in no other way goes without its value, and then without key and foreign headers: `value-left-out`, `key-left-out` and
 * `headers-left-out` say how many bytes, and of the headers how many.
 */
import { SCHEMA_VERSION } from '@metricstream/proto/encode.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { DeadLetter, LetterPart } from '@metricstream/shared/pump/types.ts';
import type { KafkaClient, OutMessage } from '../../sinks/kafka/client.ts';
import type { KafkaRecord, Poison } from './messages.ts';

const PARTITION = 0;
/** Of one request: far below what brokers take by default. */
const REQUEST_BYTES_MAX = 512 * 1024;
const REQUEST_MESSAGES_MAX = 500;
const WHY_CHARS_MAX = 2000;
const PART_CHARS_MAX = 16 * 1024;

export interface DeadLetterTopicOptions {
  client: Pick<KafkaClient, 'produce'>;
  /** Where dead letters go, and where their messages come from. */
  topics: { to: string; from: string };
  /** Ends all waiting: the program leaves, and what is not buried comes again. */
  abort: AbortSignal;
  log: Log;
}

export interface DeadLetterTopic extends DeadLetter {
  put(record: JournalRecord, sink: string, why: string, part?: LetterPart): Promise<void>;
  /**
   * Takes poison off the front of the list as it is delivered.
   * @throws Error with the broker's words; what is left in the list is not delivered.
   */
  bury(partition: number, poison: Poison[]): Promise<void>;
  /** Delivered since the start. */
  readonly stats: { poison: number; records: number; valuesLeftOut: number };
}

/** A message with the headers that came, and those of its being dead. */
interface Letter extends OutMessage {
  own: Readonly<Record<string, string>>;
}

export function createDeadLetterTopic(options: DeadLetterTopicOptions): DeadLetterTopic {
  const { client, topics, abort, log } = options;
  const stats = { poison: 0, records: 0, valuesLeftOut: 0 };
  /** One request at a time in a partition. */
  let last: Promise<void> = Promise.resolve();

  function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function send(letters: readonly Letter[]): Promise<void> {
    const messages = letters.map(({ own, ...message }) => ({ ...message, headers: { ...message.headers, ...own } }));
    const outcome = await client.produce({ topic: topics.to, partition: PARTITION, messages }, abort);
    if (outcome.kind === 'stored') return;
    const [first] = letters;
    const divisible = outcome.kind === 'too_large' || outcome.kind === 'rejected';
    const less = outcome.kind === 'too_large' && first !== undefined ? lessOf(first) : undefined;
    if (divisible && letters.length > 1) {
      const middle = letters.length >> 1;
      await send(letters.slice(0, middle));
      await send(letters.slice(middle));
    } else if (less !== undefined) {
      // Nothing may pass it, so it must not stay: the message itself is still where its headers say.
      log.error('a dead letter is kept in part: the dead-letter topic takes no message so large', {
        ...less.own,
        'dead-letter-topic': topics.to,
      });
      await send([less]);
      if (first !== undefined && first.value.length > 0) stats.valuesLeftOut++;
    } else {
      throw new Error(`dead-letter topic ${topics.to}: ${outcome.why}`);
    }
  }

  function originHeaders(why: string, partition: number, offset: number): Record<string, string> {
    const text = why.slice(0, WHY_CHARS_MAX);
    return { why: text, topic: topics.from, partition: String(partition), offset: String(offset) };
  }

  function poisonLetter(partition: number, { message, why }: Poison): Letter {
    return {
      key: message.key ?? '',
      value: message.value ?? new Uint8Array(0),
      headers: message.headers,
      own: originHeaders(why, partition, message.offset),
    };
  }

  function recordLetter(record: KafkaRecord, sink: string, why: string, part: LetterPart | undefined): Letter {
    const { origin, epoch, seq, points } = record;
    const [first] = origin.messages;
    const own: Record<string, string> = {
      epoch: String(epoch),
      seq: String(seq),
      schema: String(SCHEMA_VERSION),
      points: String(points),
      sink,
      ...originHeaders(why, origin.partition, first?.offset ?? 0),
    };
    if (origin.messages.length > 1) own['offset-last'] = String(origin.messages.at(-1)?.offset);
    if (part !== undefined) own['part-points'] = String(part.points);
    if (part?.text !== undefined) own['part-lines'] = part.text.slice(0, PART_CHARS_MAX);
    return { key: first?.key ?? record.clientId, value: record.body, headers: first?.headers ?? {}, own };
  }

  return {
    stats,
    put: (record, sink, why, part) =>
      inTurn(async () => {
        // The source gives no others.
        await send([recordLetter(record as KafkaRecord, sink, why, part)]);
        stats.records++;
      }),
    bury: (partition, poison) =>
      inTurn(async () => {
        while (poison.length > 0) {
          const letters = firstRequest(poison).map((one) => poisonLetter(partition, one));
          await send(letters);
          poison.splice(0, letters.length);
          stats.poison += letters.length;
        }
      }),
  };
}

/** @returns the letter without its value, or without all that is foreign; undefined when nothing is left to leave out. */
function lessOf({ key, value, headers, own, ...rest }: Letter): Letter | undefined {
  const empty = new Uint8Array(0);
  if (value.length > 0)
    return { ...rest, key, value: empty, headers, own: { ...own, 'value-left-out': String(value.length) } };
  const names = Object.keys(headers).length;
  if (key.length === 0 && names === 0) return undefined;
  const leftOut: Record<string, string> = {};
  if (key.length > 0) leftOut['key-left-out'] = String(key.length);
  if (names > 0) leftOut['headers-left-out'] = String(names);
  return { ...rest, key: '', value: empty, headers: {}, own: { ...own, ...leftOut } };
}

/** As many as one request may carry, one at least. */
function firstRequest(poison: readonly Poison[]): readonly Poison[] {
  let bytes = 0;
  let count = 0;
  for (const { message } of poison) {
    bytes += (message.value?.length ?? 0) + (message.key?.length ?? 0);
    if (count > 0 && (bytes > REQUEST_BYTES_MAX || count >= REQUEST_MESSAGES_MAX)) break;
    count++;
  }
  return poison.slice(0, count);
}
