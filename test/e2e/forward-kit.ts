/**
 * What the forwarder's end-to-end tests share: topics and a database of a test's own, forwarders on them, batches put into
 * the topic as a collector does it, and waiting until a group has passed all of them. Judged by Kafka's own admin.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createEncoder } from '@metricstream/collector/sinks/kafka/messages.ts';
import { openKafka } from '@metricstream/collector/sinks/kafka/kafkajs.ts';
import { partitionFor } from '@metricstream/collector/sinks/kafka/murmur2.ts';
import type { KafkaClient, OutMessage } from '@metricstream/collector/sinks/kafka/client.ts';
import { Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { onTestFinished } from 'vitest';
import { type App, type Config, startForwarder } from '../app.ts';
import { kafkaAdmin } from '../services/index.ts';
import { batchOf, POINTS_PER_BATCH } from './clients.ts';
import { keyOf } from './ledger.ts';
import { createDatabase, testDir, until } from './sinks.ts';

export const PARTITIONS = 12;
const MESSAGES_PER_REQUEST = 500;

export interface WorldOptions {
  name: string;
  brokers: string[];
  /** Of an InfluxDB 1.x; without it there is none. */
  influxUrl?: string;
  encoding?: 'batch' | 'json';
  /** Of what is put into the topic. */
  compression?: 'none' | 'zstd';
  /** Whether there is a dead-letter topic from the beginning. */
  deadLetterTopic?: boolean;
}

export interface World {
  readonly dir: string;
  readonly brokers: string[];
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
  readonly db: string;
  readonly client: KafkaClient;
  /** Points by triple that were put into the topic. */
  readonly sent: Map<string, number>;
  /** Starts a forwarder; each name has a directory of its own. */
  start(name: string, options?: { jsonl?: boolean; influxdb?: boolean }): Promise<App>;
  jsonlDir(name: string): string;
  /** Puts the next batches of each client into the topic. */
  feed(options: { clients: number; batches: number }): Promise<void>;
  /** Puts any messages into one partition. */
  put(partition: number, messages: readonly Partial<OutMessage>[]): Promise<void>;
  /** Resolves when the sink's group has committed all that the topic holds. */
  passed(sink: 'influxdb' | 'jsonl'): Promise<void>;
}

export async function createWorld(options: WorldOptions): Promise<World> {
  const { name, brokers, influxUrl, encoding = 'batch', compression = 'zstd' } = options;
  const id = `${name}-${randomUUID().slice(0, 8)}`;
  const topics = { topic: id, deadLetterTopic: `${id}-dead` };
  const db = id.replaceAll('-', '_');
  const dir = testDir(name);
  const admin = kafkaAdmin(brokers);
  await admin.createTopic({ topic: id, partitions: PARTITIONS });
  if (options.deadLetterTopic !== false) await admin.createTopic({ topic: topics.deadLetterTopic, partitions: 1 });
  if (influxUrl !== undefined) await createDatabase({ url: influxUrl, db });
  const connection = { brokers, sasl: undefined, tls: undefined };
  const client = openKafka({ connection, compression, log: silentLog });
  onTestFinished(() => client.close());
  const sent = new Map<string, number>();
  const jsonlDir = (forwarder: string): string => join(dir, forwarder, 'points');

  function configOf(forwarder: string, { jsonl = false, influxdb = influxUrl !== undefined }): Config {
    const kafka = { brokers, topic: id, dead_letter_topic: topics.deadLetterTopic, encoding };
    const influx = { url: influxUrl, database: db, from: 'kafka', timeout: '2s' };
    return {
      sinks: { kafka, ...(influxdb && { influxdb: influx }) },
      forward: { group: id, jsonl: { enabled: jsonl, dir: jsonlDir(forwarder) } },
    };
  }

  return {
    dir,
    brokers,
    ...topics,
    group: id,
    db,
    client,
    sent,
    jsonlDir,
    start: (forwarder, sinks = {}) => startForwarder({ dir: join(dir, forwarder), config: configOf(forwarder, sinks) }),
    feed: createFeeder({ client, topic: id, encoding, sent }),
    async put(partition, messages) {
      const whole = messages.map((one) => ({ key: '', value: new Uint8Array(0), headers: {}, ...one }));
      await produce(client, { topic: id, partition, messages: whole });
    },
    async passed(sink) {
      const judge = { group: `${id}-${sink}`, ends: await client.endOffsets(id) };
      await until(async () => {
        const rows = await admin.describeGroup(judge.group).catch(() => []);
        const committed = new Map(rows.map((row) => [row.partition, row.committed]));
        return judge.ends.every((end, partition) => end === 0 || (committed.get(partition) ?? 0) >= end);
      });
    },
  };
}

interface Request {
  topic: string;
  partition: number;
  messages: OutMessage[];
}

async function produce(client: KafkaClient, request: Request): Promise<void> {
  const outcome = await client.produce(request, new AbortController().signal);
  if (outcome.kind !== 'stored') throw new Error(JSON.stringify(outcome));
}

interface Feed {
  client: KafkaClient;
  topic: string;
  encoding: 'batch' | 'json';
  sent: Map<string, number>;
}

/** @returns what puts batches into the topic, as a collector's sink does. */
function createFeeder({ client, topic, encoding, sent }: Feed): World['feed'] {
  const encoder = createEncoder({ encoding, clientsMax: 1000 });
  const epoch = Date.now() * 1024;
  const beganMs = Date.now() - 3_600_000;
  let seq = 0;

  function* messagesOf(clientId: string, at: number): Iterable<OutMessage> {
    const body = batchOf(clientId, epoch, at, beganMs + at * 1000);
    const head = { kind: RecordKind.batch, lane: Lane.live, clientId, points: POINTS_PER_BATCH, epoch, seq: at };
    const record = { ...head, oldestSeq: at, receivedUnixMs: Date.now(), bodyCrc: 0, body };
    yield* encoder.messages({ ...record, position: 0, key: clientId, part: undefined }, 0);
    sent.set(keyOf({ clientId, epoch, seq: at }), POINTS_PER_BATCH);
  }

  return async ({ clients, batches }) => {
    const partitions: OutMessage[][] = Array.from({ length: PARTITIONS }, () => []);
    for (let batch = 0; batch < batches; batch++) {
      seq++;
      for (let index = 0; index < clients; index++) {
        const clientId = `client-${index}`;
        const partition = partitionFor(clientId, PARTITIONS);
        partitions[partition]!.push(...messagesOf(clientId, seq));
      }
    }
    await Promise.all(
      partitions.map(async (messages, partition) => {
        while (messages.length > 0)
          await produce(client, { topic, partition, messages: messages.splice(0, MESSAGES_PER_REQUEST) });
      }),
    );
  };
}

/** The figures of a forwarder's sink. */
export interface ForwardFigures {
  state: string;
  why: string;
  joined: boolean;
  partitions: { partition: number; lag_messages: number; lag_seconds: number }[];
  lag_messages: number;
  lag_seconds: number;
  points_stored: number;
  points_dead: number;
  poison_messages: number;
  uncommitted_messages: number;
  rebalances: number;
  held_bytes: number;
  retries: number;
}

export async function figuresOf(app: App, sink: 'influxdb' | 'jsonl'): Promise<ForwardFigures> {
  const { sinks = {} } = (await app.status()) as { sinks?: Record<string, ForwardFigures> };
  const figures = sinks[sink];
  if (figures === undefined) throw new Error(`${app.name} has no sink ${sink} (yet)`);
  return figures;
}
