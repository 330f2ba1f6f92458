/**
 * Whether the topic can take what is sent to it: looked at before the first message and from time to time. Owns the
 * question; promises that nothing is sent before the topic is known, and that a topic with too few partitions halts
 * everything, loudly, until it has grown, instead of leaving some clients' batches behind in silence.
 */
import { sleep } from '@metricstream/shared/clock.ts';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { Outcome } from '@metricstream/shared/pump/types.ts';
import type { KafkaClient, TopicDescription } from './client.ts';

const LOOK_EVERY_MS = 30_000;
/** While something is wrong; with the pump's backoff this stays below 5 s. */
const LOOK_AGAIN_MS = 500;
/** A request of this size is as good as any larger one. */
const REQUEST_BYTES_MAX = 1024 * 1024;
/** The broker counts its own framing too. */
const BROKER_SHARE = 0.9;

export interface TopicWatchOptions {
  client: Pick<KafkaClient, 'describeTopic'>;
  topic: string;
  /** Partitions it must have: those of the keys and the dedicated one. */
  partitions: number;
  /** So many of them are needed whatever is configured, for batches that were routed to them and wait. */
  partitionsWaiting: number;
  log: Log;
  lookAgainMs?: number;
}

export interface TopicWatch {
  /** Looks until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Waits until the topic is known. @returns what a sink answers while it is unfit, undefined when it is fit. */
  fault(signal: AbortSignal): Promise<Extract<Outcome, { kind: 'retry' | 'halt' }> | undefined>;
  /** Whether anything may have been sent. */
  hasBeenFit(): boolean;
  /** Why nothing is known of the topic yet; '' when something is. */
  waiting(): string;
  /** Of one request, before compression. */
  requestBytesMax(): number;
}

export function createTopicWatch(options: TopicWatchOptions): TopicWatch {
  const { client, topic, partitions: needed, log, lookAgainMs = LOOK_AGAIN_MS } = options;
  const known = Promise.withResolvers<void>();
  let isKnown = false;
  let wrong = '';
  let waiting = `topic ${topic} has not been looked at yet`;
  let bytesMax = REQUEST_BYTES_MAX;
  let partitionsSeen = 0;
  let hasBeenFit = false;

  function judge(found: TopicDescription | undefined): string {
    if (found === undefined) return `topic ${topic} is not there: make it with "metricstream-collector setup kafka"`;
    const has = found.partitions.length;
    if (has < needed)
      return hasBeenFit || needed <= options.partitionsWaiting
        ? `topic ${topic} has ${has} partitions and ${needed} are needed, as batches that wait were routed to them: grow it with ` +
            '"metricstream-collector setup kafka --add-partitions" and sinks.kafka.partitions as it was'
        : `topic ${topic} has ${has} partitions and ${needed} are needed: grow it with ` +
            '"metricstream-collector setup kafka --add-partitions", or lower sinks.kafka.partitions';
    const messageBytesMax = Number(found.config['max.message.bytes'] ?? Number.NaN);
    if (messageBytesMax > 0) bytesMax = Math.min(REQUEST_BYTES_MAX, Math.floor(messageBytesMax * BROKER_SHARE));
    if (has > needed && has !== partitionsSeen)
      log.info('kafka topic has more partitions than are used; raise sinks.kafka.partitions to use them', {
        topic,
        partitions: has,
        used: needed,
      });
    partitionsSeen = has;
    hasBeenFit = true;
    return '';
  }

  async function look(): Promise<void> {
    try {
      wrong = judge(await client.describeTopic(topic));
    } catch (error) {
      // Not to be reached is no fault of the topic: what was known of it still holds.
      if (error instanceof MetricStreamError && error.code === 'config_invalid') wrong = messageOf(error);
      else {
        waiting = messageOf(error);
        return;
      }
    }
    isKnown = true;
    known.resolve();
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        await look();
        await sleep(isKnown && wrong === '' ? LOOK_EVERY_MS : lookAgainMs, signal);
      }
    },
    async fault(signal) {
      if (!isKnown) await unlessAborted(known.promise, signal);
      if (!isKnown) return { kind: 'retry', why: waiting };
      return wrong === '' ? undefined : { kind: 'halt', why: wrong };
    },
    hasBeenFit: () => hasBeenFit,
    waiting: () => (isKnown ? '' : waiting),
    requestBytesMax: () => bytesMax,
  };
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  signal.addEventListener('abort', onAbort);
  await Promise.race([promise, aborted.promise]);
  signal.removeEventListener('abort', onAbort);
}
