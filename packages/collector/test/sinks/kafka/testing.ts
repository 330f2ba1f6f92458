/** What tests of Kafka share: clients that end with the test, topics of their own, messages that tell who they are. */
import { randomBytes } from 'node:crypto';
import { type Log, silentLog } from '@metricstream/shared/log.ts';
import { expect, onTestFinished } from 'vitest';
import type { KafkaClient, OutMessage, ProduceOutcome } from '../../../src/sinks/kafka/client.ts';
import { openKafka } from '../../../src/sinks/kafka/kafkajs.ts';
import type { KafkaConnection, KafkaSettings } from '../../../src/sinks/kafka/settings.ts';

export const never = new AbortController().signal;

export interface Open {
  brokers: readonly string[];
  sasl?: KafkaConnection['sasl'];
  tls?: KafkaConnection['tls'];
  compression?: KafkaSettings['compression'];
  log?: Log;
}

export function connectionTo({ brokers, sasl, tls }: Open): KafkaConnection {
  return { brokers, sasl, tls };
}

/** A client that is closed when the test ends. */
export function clientOf({ compression, log = silentLog, ...open }: Open): KafkaClient {
  const client = openKafka({ connection: connectionTo(open), compression, log });
  onTestFinished(() => client.close());
  return client;
}

/** A name that no other test has. */
export function ownName(prefix = 'test'): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** Makes a topic for the test. */
export async function newTopic(
  client: KafkaClient,
  {
    partitions = 1,
    replication = 1,
    config = {},
  }: { partitions?: number; replication?: number; config?: Record<string, string> } = {},
): Promise<string> {
  const topic = ownName();
  await client.createTopic({ topic, partitions, replication, config });
  return topic;
}

export function message(value: string | Uint8Array, headers: Record<string, string> = {}): OutMessage {
  return { key: 'client-1', value: typeof value === 'string' ? Buffer.from(value) : value, headers };
}

export interface Writer {
  /** The numbers whose `produce` said `stored`, in order. */
  readonly acked: number[];
  /** What ended it before its stop: a write that was neither stored nor pending. */
  readonly failures: readonly ProduceOutcome[];
  /** The longest time one number took. */
  readonly slowestMs: number;
  stop(): Promise<void>;
}

/** Writes 0, 1, 2 … to a partition, one at a time, each until it is stored. */
export function startWriter(client: KafkaClient, { topic, partition }: { topic: string; partition: number }): Writer {
  const stop = new AbortController();
  const acked: number[] = [];
  const failures: ProduceOutcome[] = [];
  let slowestMs = 0;
  const work = async (): Promise<void> => {
    for (let number = 0; !stop.signal.aborted; ) {
      const startMs = performance.now();
      const outcome = await client.produce({ topic, partition, messages: [message(String(number))] }, stop.signal);
      if (outcome.kind !== 'stored') {
        if (!stop.signal.aborted) failures.push(outcome);
        return;
      }
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      acked.push(number++);
    }
  };
  const done = work();
  onTestFinished(() => stop.abort());
  return {
    failures,
    acked,
    get slowestMs() {
      return slowestMs;
    },
    async stop() {
      stop.abort();
      await done;
      expect(failures).toEqual([]);
    },
  };
}
