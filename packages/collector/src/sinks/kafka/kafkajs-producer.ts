/**
 * Writing to partitions through kafkajs. Owns one kafkajs producer for each partition, because one that is shared holds all
 * partitions up while it waits for a broker that is silent (its metadata come from any connected broker); and the loop
 * around it, because kafkajs's own neither shows a topic that is gone nor ever leaves a silent broker.
 *
 * Promises: one `send` of one partition at a time, never idempotent (that loses messages), acks of all in-sync replicas;
 * `stored` only when the answer names the topic and the partition with error code 0.
 */
import { sleep } from '@metricstream/shared/clock.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { type Log, throttled } from '@metricstream/shared/log.ts';
import kafkajs, { type Message, type Producer, type RecordMetadata } from 'kafkajs';
import type { OutMessage, ProduceOutcome, ProduceRequest, Trouble } from './client.ts';
import { absentReason, faultOf, isAbsent, isAnswer, outcomeOf } from './kafkajs-errors.ts';
import { type KafkaSession, openSession, REQUEST_TIMEOUT_MS, RETRY, within } from './kafkajs-session.ts';
import type { KafkaConnection, KafkaSettings } from './settings.ts';

/** Connections stay few with very many partitions: from here on, some share a producer. */
const CHANNELS_MAX = 64;
/** A broker closes the connection on a request above its socket.request.max.bytes (100 MiB by default), which looks like an outage. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;
/** Below the request's timeout, so that the broker says itself that its replicas are late. */
const ACK_TIMEOUT_MS = REQUEST_TIMEOUT_MS - 1000;
/** A broker that accepts the connection and says nothing is left after this. */
const CONNECT_MS = 2500;
/** Metadata, connecting to the leader, and the request itself. */
const ATTEMPT_MS = REQUEST_TIMEOUT_MS + CONNECT_MS;
/** A topic or partition that is not there for so long is not just new. */
const ABSENT_MS = 3000;
/** After so many answers of one connection that are no success, another one may know better. */
const ANSWERS_MAX = 5;
/** A leader that moves is no news. */
const NEWS_AFTER_MS = 1000;
const LOG_EVERY_MS = 30_000;
const { None: none, GZIP: gzip, ZSTD: zstd } = kafkajs.CompressionTypes;
const CODECS = { none, gzip, zstd };
/** Errors bring new metadata; without one there is nothing to learn. */
const METADATA_MAX_AGE_MS = 3_600_000;

export interface ProducerOptions {
  connection: KafkaConnection;
  compression: KafkaSettings['compression'];
  log: Log;
}

export interface Producers {
  produce(request: ProduceRequest, signal: AbortSignal): Promise<ProduceOutcome>;
  troubles(): Trouble[];
  close(): void;
}

interface Channel {
  session: KafkaSession | undefined;
  producer: Promise<Producer> | undefined;
  /** Answers in a row that were no success. */
  answers: number;
}

/** What one try comes to: an end, or the reason to go on. */
type Tried = { done: ProduceOutcome } | { again: string; absent: 'topic' | 'partition' | undefined };

export function createProducers({ connection, compression, log }: ProducerOptions): Producers {
  const channels: Channel[] = [];
  const busy = new Set<string>();
  const troubles = new Map<string, Trouble>();
  const closing = new AbortController();
  const seldom = throttled(log, LOG_EVERY_MS);
  const codec = CODECS[compression];
  let firstSeed = 0;

  function channelOf(partition: number): Channel {
    return (channels[partition % CHANNELS_MAX] ??= { session: undefined, producer: undefined, answers: 0 });
  }

  async function openProducer(channel: Channel): Promise<Producer> {
    const session = await openSession({ connection, first: firstSeed, retries: 0, log });
    channel.session = session;
    const producer = session.kafka.producer({
      idempotent: false,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
    });
    try {
      await within(CONNECT_MS, producer.connect(), 'connecting to Kafka');
    } catch (error) {
      firstSeed++;
      drop(channel);
      throw error;
    }
    return producer;
  }

  function drop(channel: Channel): void {
    channel.session?.kill();
    channel.session = undefined;
    channel.producer = undefined;
    channel.answers = 0;
  }

  /** One try. Its session is gone afterwards, unless the broker answered. */
  async function attempt(channel: Channel, request: ProduceRequest, stop: AbortSignal): Promise<Tried> {
    const { topic, partition } = request;
    const name = `topic ${topic}, partition ${partition}`;
    try {
      const send = async (): Promise<RecordMetadata[]> => {
        channel.producer ??= openProducer(channel);
        const producer = await channel.producer;
        const messages = request.messages.map((message) => toKafkajs(message, partition));
        return producer.send({ topic, messages, acks: -1, timeout: ACK_TIMEOUT_MS, compression: codec });
      };
      const answer = await unlessStopped(within(ATTEMPT_MS, send(), name), stop);
      const baseOffset = confirmedOffset(answer, request);
      if (baseOffset !== undefined) {
        channel.answers = 0;
        return { done: { kind: 'stored', baseOffset } };
      }
      drop(channel);
      return { again: `${name} is not named by the broker's answer: it may not be there`, absent: 'partition' };
    } catch (error) {
      const fault = faultOf(error);
      if (!isAnswer(fault) || ++channel.answers >= ANSWERS_MAX) drop(channel);
      const outcome = outcomeOf(fault, { connection, topic, partition });
      if (outcome.kind !== 'retry' || outcome.suspect === true) return { done: outcome };
      return { again: outcome.why, absent: isAbsent(fault) ? 'topic' : undefined };
    }
  }

  /** Tries until there is an outcome or a reason to stop. */
  async function insist(request: ProduceRequest, stop: AbortSignal): Promise<ProduceOutcome> {
    const { topic, partition } = request;
    const channel = channelOf(partition);
    let absentMs = 0;
    let waitMs = RETRY.initialRetryTime;
    for (let why = `${nameOf(topic, partition)}: not tried`; ; ) {
      if (stop.aborted) return { kind: 'retry', why: `${why} (given up)` };
      const triedMs = performance.now();
      const tried = await attempt(channel, request, stop);
      if ('done' in tried) return tried.done;
      why = tried.again;
      noteTrouble(request, why);
      await sleep(waitMs * (1 + RETRY.factor * (2 * Math.random() - 1)), stop);
      waitMs = Math.min(waitMs * RETRY.multiplier, RETRY.maxRetryTime);
      absentMs = tried.absent === undefined ? 0 : absentMs + performance.now() - triedMs;
      if (absentMs >= ABSENT_MS)
        return { kind: 'halt', why: absentReason(topic, tried.absent === 'partition' ? partition : undefined) };
    }
  }

  function noteTrouble({ topic, partition }: ProduceRequest, why: string): void {
    const name = nameOf(topic, partition);
    const trouble = troubles.get(name) ?? { topic, partition, why, sinceUnixMs: Date.now() };
    troubles.set(name, { ...trouble, why });
    if (Date.now() - trouble.sinceUnixMs >= NEWS_AFTER_MS)
      seldom.warn('kafka partition is not written, trying on', { topic, partition, why });
  }

  function endTrouble({ topic, partition }: ProduceRequest, outcome: ProduceOutcome): void {
    const name = nameOf(topic, partition);
    const trouble = troubles.get(name);
    if (trouble === undefined) return;
    troubles.delete(name);
    const outageMs = Date.now() - trouble.sinceUnixMs;
    if (outcome.kind === 'stored' && outageMs >= NEWS_AFTER_MS)
      seldom.info('kafka partition is written again', { topic, partition, outage_ms: outageMs });
  }

  return {
    async produce(request, signal) {
      const { topic, partition, messages } = request;
      const name = nameOf(topic, partition);
      if (busy.has(name)) throw new MetricStreamError('bug', `topic ${topic}, partition ${partition} is being written`);
      const bytes = messages.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      if (bytes > REQUEST_BYTES_MAX) return { kind: 'too_large', why: `${bytes} bytes at once for ${name}` };
      busy.add(name);
      const stop = new AbortController();
      const onAbort = () => stop.abort();
      for (const one of [signal, closing.signal]) one.addEventListener('abort', onAbort);
      if (signal.aborted || closing.signal.aborted) stop.abort();
      try {
        const outcome = await insist(request, stop.signal);
        endTrouble(request, outcome);
        return outcome;
      } finally {
        for (const one of [signal, closing.signal]) one.removeEventListener('abort', onAbort);
        busy.delete(name);
      }
    },
    troubles: () => [...troubles.values()],
    close() {
      closing.abort();
      for (const channel of channels) if (channel !== undefined) drop(channel);
    },
  };
}

function nameOf(topic: string, partition: number): string {
  return `topic ${topic}, partition ${partition}`;
}

/** No copies of what is large. */
function toKafkajs({ key, value, headers, timestampMs }: OutMessage, partition: number): Message {
  return {
    key: typeof key === 'string' ? key : asBuffer(key),
    value: asBuffer(value),
    headers: { ...headers },
    partition,
    timestamp: timestampMs === undefined ? undefined : String(timestampMs),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The offset, when the answer is about this very partition and says that it is stored. A resolved `send` alone says neither. */
export function confirmedOffset(
  answer: readonly RecordMetadata[],
  { topic, partition }: Pick<ProduceRequest, 'topic' | 'partition'>,
): number | undefined {
  const own = answer.find((one) => one.topicName === topic && one.partition === partition);
  const baseOffset = Number(own?.baseOffset);
  return own?.errorCode === 0 && baseOffset >= 0 ? baseOffset : undefined;
}

/** The promise, or a rejection as soon as the signal is aborted. */
async function unlessStopped<T>(promise: Promise<T>, stop: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => stopped.reject(new Error('stopped'));
  stop.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, stopped.promise]);
  } finally {
    stop.removeEventListener('abort', onAbort);
  }
}
