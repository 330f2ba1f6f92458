/**
 * What the tests of the Kafka sink share: a journal of real batches, a Kafka in memory that fails when told to (for what a
 * real one cannot be made to do at a given moment), and the sink on both.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import { openJournal } from '@metricstream/shared/journal/journal.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import type { CursorAlarm } from '@metricstream/shared/journal/source.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { onTestFinished } from 'vitest';
import type { RunningSink, SinkContext, SinkProgress } from '../../../src/sinks/context.ts';
import type { KafkaClient, OutMessage, ProduceOutcome, ProduceRequest } from '../../../src/sinks/kafka/client.ts';
import { type KafkaTiming, startKafkaSink } from '../../../src/sinks/kafka/kafka-sink.ts';
import type { LaneRecord } from '../../../src/sinks/kafka/messages.ts';
import type { KafkaSettings } from '../../../src/sinks/kafka/settings.ts';

const LOOK_EVERY_MS = 5;

export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-kafka-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Resolves when it holds; the test's own time limit ends a wait in vain. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(LOOK_EVERY_MS);
}

export const EPOCH = 1_832_960_000_000_517;

export interface BatchSpec {
  clientId: string;
  seq: number;
  metrics?: readonly string[];
  sweeps?: number;
  receivedUnixMs?: number;
}

/** One series a metric; the value of a point is the batch's seq. */
export function bodyOf({ clientId, seq, metrics = ['cpu.usage', 'mem.used'], sweeps = 1 }: BatchSpec): Uint8Array {
  return encodeBatch({
    clientId,
    epoch: EPOCH,
    seq,
    schemaVersion: 1,
    agentVersion: 'test',
    configHash: 0n,
    pointsSampledTotal: seq * metrics.length,
    droppedTotal: [],
    resource: [['host', clientId]],
    series: metrics.map((name) => ({ name, unit: 'percent', kind: 'float', labels: [] })),
    timesUnixNano: Array.from({ length: sweeps }, (_, sweep) => 1_790_000_000_000_000_000n + BigInt(sweep) * 10n ** 9n),
    values: new Float64Array(metrics.length * sweeps).fill(seq),
  });
}

export function recordOf(spec: BatchSpec): JournalRecord {
  const { clientId, seq, metrics = ['cpu.usage', 'mem.used'], sweeps = 1, receivedUnixMs = 1_790_000_000_000 } = spec;
  const head = { kind: RecordKind.batch, lane: 0, clientId, epoch: EPOCH, seq, oldestSeq: 1, receivedUnixMs } as const;
  return { ...head, points: metrics.length * sweeps, body: bodyOf(spec), bodyCrc: 0 };
}

export function laneRecordOf(spec: BatchSpec, more: Partial<LaneRecord> = {}): LaneRecord {
  return { ...recordOf(spec), position: 0, key: spec.clientId, part: undefined, ...more };
}

export function openTestJournal(dir: string, segmentBytesMax = 1 << 20): Journal {
  return openJournal({ dir, segmentBytesMax, replay: 'all', onRecord: () => {}, nowUnixMs: () => 1 });
}

export function append(journal: Journal, specs: readonly BatchSpec[]): void {
  const records = specs.map(recordOf);
  const views = records.map(({ body, ...head }) => {
    const bytes = new Uint8Array(recordLength(head.clientId.length, body.length));
    writeRecord(bytes, new DataView(bytes.buffer), 0, head, body);
    return bytes;
  });
  const bytes = views.reduce((sum, view) => sum + view.length, 0);
  const points = records.reduce((sum, record) => sum + record.points, 0);
  const appended = journal.append(views, { bytes, records: views.length, points });
  if (!appended.ok) throw new Error(appended.why);
}

export interface Stored {
  partition: number;
  key: string;
  headers: Readonly<Record<string, string>>;
  value: Uint8Array;
}

/** What becomes of a request; a promise holds it up. `lost_answer`: stored, and the sender is told `retry`. */
export type Answer = 'stored' | 'lost_answer' | Exclude<ProduceOutcome, { kind: 'stored' }>;

export interface MemoryKafka {
  client: KafkaClient;
  /** In the order of their arrival. */
  stored: Stored[];
  partitions: number;
  messageBytesMax: number;
  /** Why it cannot be asked about its topics; undefined when it can. */
  away: Error | undefined;
  /** Asked for each request. */
  answer(request: ProduceRequest): Answer | Promise<Answer>;
}

export function memoryKafka(partitions: number): MemoryKafka {
  const busy = new Set<number>();
  const kafka: MemoryKafka = {
    stored: [],
    partitions,
    messageBytesMax: 1_048_588,
    away: undefined,
    answer: () => 'stored',
    client: {
      produce,
      troubles: () => [],
      async describeTopic(topic) {
        if (kafka.away !== undefined) throw kafka.away;
        const partitions = Array.from({ length: kafka.partitions }, (_, partition) => {
          return { partition, leader: 1, replicas: [1], inSync: [1] };
        });
        return { topic, partitions, replication: 1, config: { 'max.message.bytes': String(kafka.messageBytesMax) } };
      },
      close: async () => {},
    } as Partial<KafkaClient> as KafkaClient,
  };

  async function produce(request: ProduceRequest, signal: AbortSignal): Promise<ProduceOutcome> {
    const { partition, messages } = request;
    if (busy.has(partition)) throw new Error(`two requests at once for partition ${partition}`);
    busy.add(partition);
    const stopped = Promise.withResolvers<Answer>();
    signal.addEventListener('abort', () => stopped.resolve({ kind: 'retry', why: 'aborted' }));
    const answer = await Promise.race([kafka.answer(request), stopped.promise]);
    busy.delete(partition);
    if (answer !== 'stored' && answer !== 'lost_answer') return answer;
    const size = messages.reduce((sum, { value }) => sum + value.length, 0);
    if (size > kafka.messageBytesMax) return { kind: 'too_large', why: `${size} bytes` };
    for (const message of messages) kafka.stored.push(storedOf(partition, message));
    return answer === 'stored' ? { kind: 'stored', baseOffset: 0 } : { kind: 'retry', why: 'no answer came' };
  }

  return kafka;
}

function storedOf(partition: number, { key, value, headers }: OutMessage): Stored {
  return { partition, key: Buffer.from(key).toString(), headers, value: value.slice() };
}

const seriesSets = createSeriesSetCache({ clientsMax: 1000 });

/** What a message of encoding batch holds. */
export function contentOf({ value }: Pick<Stored, 'value'>) {
  const { clientId, seq, seriesSet, values } = readBatch(value, seriesSets);
  return { clientId, seq, metrics: seriesSet.series.map(({ name }) => name), points: values.length };
}

export const QUICK: KafkaTiming = { lingerMs: 0, saveEveryMs: 2, backoff: { initialMs: 1, maxMs: 2 } };

export function kafkaSettings(more: Partial<KafkaSettings> = {}): KafkaSettings {
  return {
    connection: { brokers: ['127.0.0.1:9'], sasl: undefined, tls: undefined },
    topic: 'metrics-raw',
    deadLetterTopic: 'metrics-dead',
    partitions: 4,
    replication: 1,
    encoding: 'batch',
    compression: 'none',
    hot: { answer: 'off', share: 0.3, windowMs: 6000 },
    inFlightBytesMax: 1 << 20,
    ...more,
  };
}

export interface DeadRecord {
  clientId: string;
  seq: number;
  points: number;
  why: string;
  text: string | undefined;
}

export interface Rig {
  sink: RunningSink;
  dead: DeadRecord[];
  alarms: CursorAlarm[];
  states: string[];
  /** What was last published. */
  progress(): SinkProgress;
  /** Everything read and confirmed. */
  drain(): Promise<void>;
  /** At once; what is under way is left. */
  abort(): Promise<void>;
}

export interface RigOptions {
  journal: Journal;
  journalDir: string;
  cursorPath: string;
  settings: KafkaSettings;
  client?: KafkaClient;
  timing?: KafkaTiming;
}

/** Starts the sink; it ends with the test at the latest. */
export function startRig({ journal, journalDir, cursorPath, settings, client, timing = QUICK }: RigOptions): Rig {
  const dead: DeadRecord[] = [];
  const alarms: CursorAlarm[] = [];
  const states: string[] = [];
  let published: SinkProgress | undefined;
  const context: SinkContext = {
    journal: { dir: journalDir, id: journal.id, durable: journal.durable },
    cursorPath,
    deadLetter: {
      put({ clientId, seq, points }, _sink, why, part) {
        dead.push({ clientId, seq, points: part?.points ?? points, why, text: part?.text });
      },
    },
    log: silentLog,
    onAlarm: (alarm) => alarms.push(alarm),
    publish: (progress) => {
      published = structuredClone(progress);
    },
    onState: (state, why) => states.push(why === '' ? state : `${state}: ${why}`),
  };
  const sink = startKafkaSink({ settings, clientsMax: 1000, client, timing }, context);
  const drain = new AbortController();
  const abort = new AbortController();
  const running = sink.run(drain.signal, abort.signal);
  const end = async (): Promise<void> => {
    drain.abort();
    abort.abort();
    await running;
  };
  onTestFinished(end);
  return {
    sink,
    dead,
    alarms,
    states,
    progress: () => published as SinkProgress,
    async drain() {
      drain.abort();
      await running;
    },
    abort: end,
  };
}
