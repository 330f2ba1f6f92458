/**
 * A topic as the source of a pump: the messages of all partitions that are this member's, pooled into deliveries. Owns what
 * lies between the consumer and the pump, and promises: an offset is committed only when every message before it is stored,
 * dead or in the dead-letter topic; nothing is committed for a partition that was lost (its messages come again); memory
 * holds one delivery beside what the consumer holds.
 */
import { type Clock, systemClock } from '@metricstream/shared/clock.ts';
import type { Committed, Delivery, Source } from '@metricstream/shared/pump/types.ts';
import type { ConsumedBatch, ConsumedMessage, KafkaConsumer } from './consumer.ts';
import type { DeadLetterTopic } from './dead-letter-topic.ts';
import type { KafkaRecord, MessageReader, Poison } from './messages.ts';

const DELIVERY_BYTES_MAX = 4 * 1024 * 1024;
const LINGER_MS = 200;
/** After a pause of any length: partitions that have something come one after the other. */
const GATHER_MS = 5;
/** What a message weighs beside its bytes, so that empty ones weigh something. */
const MESSAGE_OVERHEAD_BYTES = 64;

export interface KafkaSourceOptions {
  consumer: Pick<KafkaConsumer, 'take' | 'owns' | 'commit'>;
  read: MessageReader;
  deadLetters: Pick<DeadLetterTopic, 'bury'>;
  /** Ends the waiting of commits: the program leaves. */
  abort: AbortSignal;
  /** What must be durable before offsets move: an append-only sink's state. */
  beforeCommit?(done: Committed): void;
  deliveryBytesMax?: number;
  lingerMs?: number;
  clock?: Clock;
}

export interface KafkaSourceFigures {
  /** Read, those that came again included. */
  messages: number;
  bytes: number;
  /** Stored, and not committed because their partition was lost: they come again. */
  messagesUncommitted: number;
  /** When offsets moved last; 0 for never. */
  committedUnixMs: number;
  /** By partition: when the oldest message taken and not committed was written. */
  oldestUnixMs: ReadonlyMap<number, number>;
  /** By partition: when the newest message committed was written. */
  passedUnixMs: ReadonlyMap<number, number>;
}

export interface KafkaSource extends Source {
  figures(): KafkaSourceFigures;
}

/** Messages that follow each other in one partition. */
interface Piece {
  batch: ConsumedBatch;
  nextOffset: number;
  messages: number;
  bytes: number;
  oldestUnixMs: number;
  newestUnixMs: number;
  records: KafkaRecord[];
  /** Not yet in the dead-letter topic. */
  poison: Poison[];
}

export function createKafkaSource(options: KafkaSourceOptions): KafkaSource {
  const { consumer, read, deadLetters, abort, clock = systemClock } = options;
  const { deliveryBytesMax = DELIVERY_BYTES_MAX, lingerMs = LINGER_MS } = options;
  const passedUnixMs = new Map<number, number>();
  const totals = { messages: 0, bytes: 0, messagesUncommitted: 0, committedUnixMs: 0 };
  let gathered: Piece[] = [];
  let inFlight: Piece[] = [];
  /** The end of a batch that was too much for one delivery. */
  let rest: { batch: ConsumedBatch; at: number } | undefined;
  let lastTakeMs = Number.NEGATIVE_INFINITY;

  function cut(batch: ConsumedBatch, at: number, bytesMax: number): Piece {
    const { messages } = batch;
    let bytes = 0;
    let end = at;
    while (end < messages.length && (end === at || bytes < bytesMax)) bytes += bytesOf(messages[end++]!);
    const part = messages.slice(at, end);
    rest = end < messages.length ? { batch, at: end } : undefined;
    totals.messages += part.length;
    totals.bytes += bytes;
    return {
      batch,
      nextOffset: messages[end]?.offset ?? batch.nextOffset,
      messages: part.length,
      bytes,
      oldestUnixMs: part[0]?.timestampMs ?? 0,
      newestUnixMs: part.at(-1)?.timestampMs ?? 0,
      ...read(batch.partition, part),
    };
  }

  /** Waits for the first messages, and a little longer for more. @returns false when there will be none. */
  async function gather(signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    const end = (): void => over.abort();
    signal.addEventListener('abort', end, { once: true });
    let bytes = sumOf(gathered, 'bytes');
    let lingering = false;
    while (bytes < deliveryBytesMax) {
      if (bytes > 0 && !lingering) {
        lingering = true;
        const waitMs = Math.max(GATHER_MS, lastTakeMs + lingerMs - clock.monotonicMs());
        void clock.sleep(waitMs, over.signal).then(end);
      }
      if (rest !== undefined && !consumer.owns(rest.batch)) rest = undefined;
      const batch = rest?.batch ?? (await consumer.take(lingering ? over.signal : signal));
      if (batch === undefined) break;
      const piece = cut(batch, rest?.at ?? 0, deliveryBytesMax - bytes);
      gathered.push(piece);
      bytes += piece.bytes;
    }
    end();
    signal.removeEventListener('abort', end);
    lastTakeMs = clock.monotonicMs();
    return bytes > 0;
  }

  /** Of every partition only the last piece: it passes those before it. */
  async function commitAll(pieces: readonly Piece[]): Promise<void> {
    const byPartition = Map.groupBy(pieces, ({ batch }) => batch.partition);
    await Promise.all([...byPartition.values()].map(commitPartition));
  }

  async function commitPartition(pieces: readonly Piece[]): Promise<void> {
    const last = pieces.at(-1)!;
    const moved = await consumer.commit(last.batch, { nextOffset: last.nextOffset, signal: abort });
    if (!moved) {
      totals.messagesUncommitted += sumOf(pieces, 'messages');
      return;
    }
    totals.committedUnixMs = clock.unixMs();
    passedUnixMs.set(last.batch.partition, last.newestUnixMs);
  }

  /** @returns false when the signal was aborted before all poison was delivered. */
  async function buryPoison(signal: AbortSignal): Promise<boolean> {
    for (const { batch, poison } of gathered) {
      if (poison.length === 0) continue;
      try {
        await deadLetters.bury(batch.partition, poison);
      } catch (error) {
        if (signal.aborted) return false;
        throw error;
      }
    }
    return true;
  }

  return {
    async take(signal) {
      while (!signal.aborted) {
        // After a failure with the poison, what was gathered waits for it.
        if (gathered.every(({ poison }) => poison.length === 0) && !(await gather(signal))) return undefined;
        gathered = gathered.filter(({ batch }) => consumer.owns(batch));
        if (!(await buryPoison(signal))) return undefined;
        inFlight = gathered;
        gathered = [];
        const records = inFlight.flatMap((piece) => piece.records);
        if (records.length > 0) return { records, bytes: records.reduce((sum, { body }) => sum + body.length, 0) };
        await commitAll(inFlight);
        inFlight = [];
      }
      return undefined;
    },
    async commit(_delivery: Delivery, done: Committed) {
      options.beforeCommit?.(done);
      await commitAll(inFlight);
      inFlight = [];
    },
    figures() {
      const oldestUnixMs = new Map<number, number>();
      for (const piece of [...inFlight, ...gathered])
        if (!oldestUnixMs.has(piece.batch.partition)) oldestUnixMs.set(piece.batch.partition, piece.oldestUnixMs);
      return { ...totals, oldestUnixMs, passedUnixMs };
    },
  };
}

function bytesOf({ key, value }: ConsumedMessage): number {
  return MESSAGE_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
}

function sumOf(pieces: readonly Piece[], what: 'bytes' | 'messages'): number {
  return pieces.reduce((sum, piece) => sum + piece[what], 0);
}
