/** What the bench `kafka` puts under load: a journal of a fleet's batches, the sink on it, and kafkajs as its manual shows it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import { openJournal } from '@metricstream/shared/journal/journal.ts';
import { Lane, RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import kafkajs from 'kafkajs';
import { hostBatch } from '../../proto/bench/host-batch.ts';
import type { RunningSink, SinkProgress } from '../src/sinks/context.ts';
import type { KafkaClient } from '../src/sinks/kafka/client.ts';
import { startKafkaSink } from '../src/sinks/kafka/kafka-sink.ts';
import { openKafka } from '../src/sinks/kafka/kafkajs.ts';
import type { KafkaSettings } from '../src/sinks/kafka/settings.ts';

export const POINTS_PER_BATCH = 60;
export const PARTITIONS = 12;
const HOSTS = 500;

export interface BatchBytes {
  clientId: string;
  body: Uint8Array;
}

/** One sweep of each of 500 hosts, to be sent over and over. */
export function fleetBatches(): BatchBytes[] {
  return Array.from({ length: HOSTS }, (_, host) => {
    const batch = hostBatch(host, 1, 1);
    return { clientId: batch.clientId, body: encodeBatch(batch) };
  });
}

export interface BenchJournal {
  journal: Journal;
  dir: string;
  /** Appends the next so many batches, received now. */
  append(count: number): void;
  remove(): void;
}

export function createBenchJournal(batches: readonly BatchBytes[]): BenchJournal {
  const dir = mkdtempSync(join(tmpdir(), 'ms-bench-kafka-'));
  const sizes = { segmentBytesMax: 64 * 1024 * 1024, replay: 'all', onRecord: () => {} } as const;
  const journal = openJournal({ dir: join(dir, 'journal'), ...sizes, nowUnixMs: Date.now });
  let next = 0;
  return {
    journal,
    dir,
    append(count) {
      const views = Array.from({ length: count }, () => {
        const { clientId, body } = batches[next % batches.length] as BatchBytes;
        const bytes = new Uint8Array(recordLength(clientId.length, body.length));
        const numbers = {
          points: POINTS_PER_BATCH,
          epoch: 1,
          seq: 1 + Math.floor(next++ / batches.length),
          oldestSeq: 1,
        };
        const head = { kind: RecordKind.batch, lane: Lane.live, clientId, ...numbers, receivedUnixMs: Date.now() };
        writeRecord(bytes, new DataView(bytes.buffer), 0, head, body);
        return bytes;
      });
      const bytes = views.reduce((sum, view) => sum + view.length, 0);
      const appended = journal.append(views, { bytes, records: count, points: count * POINTS_PER_BATCH });
      if (!appended.ok) throw new Error(appended.why);
    },
    remove() {
      journal.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export interface BenchSink {
  sink: RunningSink;
  progress(): SinkProgress;
  drain(): Promise<void>;
}

export interface BenchSinkOptions {
  brokers: readonly string[];
  topic: string;
  compression: KafkaSettings['compression'];
  /** Told of each batch that a broker has confirmed: the time since it was received. */
  onStored?(ageMs: number): void;
}

/** The sink as the program runs it, on the journal from its beginning. */
export function startBenchSink({ journal, dir }: BenchJournal, options: BenchSinkOptions): BenchSink {
  const { brokers, topic, compression, onStored } = options;
  const connection = { brokers, sasl: undefined, tls: undefined };
  const settings: KafkaSettings = {
    connection,
    topic,
    deadLetterTopic: `${topic}-dead`,
    partitions: PARTITIONS,
    replication: 1,
    encoding: 'batch',
    compression,
    hot: { answer: 'off', share: 0.2, windowMs: 60_000 },
    inFlightBytesMax: 32 * 1024 * 1024,
  };
  const client = openKafka({ connection, compression, log: silentLog });
  let published: SinkProgress | undefined;
  const sink = startKafkaSink(
    { settings, clientsMax: 10_000, client: onStored === undefined ? client : timed(client, onStored) },
    {
      journal: { dir: join(dir, 'journal'), id: journal.id, durable: journal.durable },
      cursorPath: join(dir, `${topic}.json`),
      deadLetter: {
        put(_record, _sink, why) {
          throw new Error(`a batch was refused: ${why}`);
        },
      },
      log: silentLog,
      onAlarm: ({ alarm }) => {
        throw new Error(alarm);
      },
      publish: (progress) => {
        published = progress;
      },
      onState: () => {},
    },
  );
  const drain = new AbortController();
  const running = sink.run(drain.signal, new AbortController().signal);
  return {
    sink,
    progress: () => published as SinkProgress,
    async drain() {
      drain.abort();
      await running;
    },
  };
}

function timed(client: KafkaClient, onStored: (ageMs: number) => void): KafkaClient {
  return {
    ...client,
    async produce(request, signal) {
      const outcome = await client.produce(request, signal);
      const nowMs = Date.now();
      if (outcome.kind === 'stored')
        for (const { headers } of request.messages) onStored(nowMs - Number(headers['received']));
      return outcome;
    },
  };
}

/** `producer.send` of each batch by itself, key and value, its partitioner, acks of all, so many under way at a time. */
export async function sendPerBatch(
  batches: readonly BatchBytes[],
  options: { brokers: readonly string[]; topic: string; count: number; atOnce: number },
): Promise<void> {
  const { brokers, topic, count, atOnce } = options;
  const kafka = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < count) {
      const { clientId, body } = batches[next++ % batches.length] as BatchBytes;
      await producer.send({ topic, acks: -1, messages: [{ key: clientId, value: Buffer.from(body) }] });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  await producer.disconnect();
}
