import { join } from 'node:path';
import { SINK_BACKOFF } from '../../../src/sinks/context.ts';
import type { KafkaSettings } from '../../../src/sinks/kafka/settings.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { startSinkThread } from '../../../src/sinks/start.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  available,
  javaPartitions,
  type Message,
  readTopic,
  sharedKafka,
  startKafka,
} from '../../../../../test/services/index.ts';
import {
  append,
  type BatchSpec,
  contentOf,
  EPOCH,
  kafkaSettings,
  openTestJournal,
  startRig,
  temporaryDirectory,
  until,
} from './kit.ts';
import { clientOf, connectionTo, ownName } from './testing.ts';

const CLIENTS = Array.from({ length: 100 }, (_, index) => `web-${index}.fra1`);
const TIMING = { lingerMs: 100, saveEveryMs: 500, backoff: SINK_BACKOFF };

/** So many batches of each client, in turn. */
function fleet(rounds: number, firstRound = 0): BatchSpec[] {
  return Array.from({ length: rounds }, (_, round) =>
    CLIENTS.map((clientId) => ({ clientId, seq: firstRound + round + 1 })),
  ).flat();
}

function setUp(brokers: string[]) {
  const dir = temporaryDirectory();
  const journalDir = join(dir, 'journal');
  const journal = openTestJournal(journalDir);
  const topic = ownName('raw');
  const connection = connectionTo({ brokers });
  const client = clientOf({ brokers });
  const start = (more: Partial<KafkaSettings> = {}) => {
    const settings = kafkaSettings({ connection, topic, partitions: 12, compression: 'zstd', ...more });
    return startRig({ journal, journalDir, cursorPath: join(dir, 'kafka.json'), settings, timing: TIMING });
  };
  return { journal, topic, client, start, dir };
}

const headerOf = ({ headers }: Message, name: string) => headers.find(([own]) => own === name)?.[1]?.toString();

const contentsOf = (messages: readonly Message[]) =>
  messages.map((message) => ({ ...contentOf({ value: message.value ?? new Uint8Array() }), message }));

/** Every partition holds its clients' batches in order, whatever came twice. */
function checkOrder(contents: ReturnType<typeof contentsOf>): void {
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  for (const { clientId, seq, message } of contents) {
    const name = `${message.partition} ${clientId}`;
    if (seen.has(`${name} ${seq}`)) continue;
    seen.add(`${name} ${seq}`);
    expect(seq, name).toBeGreaterThan(newest.get(name) ?? 0);
    newest.set(name, seq);
  }
}

describe.runIf(await available('kafka'))('the Kafka sink on a real broker', () => {
  test('every batch is in the topic once, in the partition that Kafka’s own client picks, in order of its client', async () => {
    const { brokers } = await sharedKafka();
    const { journal, topic, client, start } = setUp(brokers);
    await client.createTopic({ topic, partitions: 12, replication: 1, config: {} });
    const rig = start();
    append(journal, fleet(3));
    await until(() => rig.progress().totals.recordsStored === 300);
    append(journal, fleet(2, 3));
    await rig.drain();
    await start().drain();

    const contents = contentsOf(await readTopic(brokers, topic));
    const java = new Map((await javaPartitions(CLIENTS, 12)).map((partition, index) => [CLIENTS[index], partition]));
    expect(contents).toHaveLength(500);
    expect(new Set(contents.map(({ clientId, seq }) => `${clientId} ${seq}`)).size).toBe(500);
    for (const { clientId, seq, message } of contents) {
      expect(message.partition).toBe(java.get(clientId));
      expect(message.key?.toString()).toBe(clientId);
      expect(message.headers.map(([name]) => name)).toEqual([
        'epoch',
        'seq',
        'oldest-seq',
        'schema',
        'points',
        'lane',
        'received',
      ]);
      expect([headerOf(message, 'epoch'), headerOf(message, 'seq')]).toEqual([String(EPOCH), String(seq)]);
    }
    checkOrder(contents);
  });

  test('partitions are added: the topic first, then the configuration, then a restart; batches before keep theirs', async () => {
    const { brokers } = await sharedKafka();
    const { journal, topic, client, start } = setUp(brokers);
    await client.createTopic({ topic, partitions: 12, replication: 1, config: {} });
    append(journal, fleet(3));
    await start().drain();
    // The wrong order is noticed, loses nothing, and goes on once the topic has grown.
    append(journal, fleet(1, 3));
    const early = start({ partitions: 24 });
    await until(() => early.states.some((state) => /has 12 partitions and 24 are needed/.test(state)));
    expect(early.progress().totals.recordsStored).toBe(300);
    await client.addPartitions({ topic, partitions: 24 });
    const grownMs = performance.now();
    await until(() => early.progress().totals.recordsStored === 400);
    expect(performance.now() - grownMs).toBeLessThan(5000);
    append(journal, fleet(2, 4));
    await early.drain();

    const contents = contentsOf(await readTopic(brokers, topic));
    expect(contents).toHaveLength(600);
    const [before, after] = await Promise.all([javaPartitions(CLIENTS, 12), javaPartitions(CLIENTS, 24)]);
    for (const { clientId, seq, message } of contents) {
      const index = CLIENTS.indexOf(clientId);
      expect(message.partition).toBe(seq <= 3 ? before[index] : after[index]);
    }
    checkOrder(contents);
  });

  test('as JSON every point is a message of its own, compressed, with its client’s key', async () => {
    const { brokers } = await sharedKafka();
    const { journal, topic, client, start } = setUp(brokers);
    await client.createTopic({ topic, partitions: 12, replication: 1, config: {} });
    append(journal, fleet(2));
    await start({ encoding: 'json' }).drain();
    const points = (await readTopic(brokers, topic)).map(({ key, value }) => {
      const point = JSON.parse(value?.toString() ?? '') as { client_id: string; name: string; value: number };
      expect(key?.toString()).toBe(point.client_id);
      return `${point.client_id} ${point.name} ${point.value}`;
    });
    const expected = fleet(2).flatMap(({ clientId, seq }) =>
      ['cpu.usage', 'mem.used'].map((name) => `${clientId} ${name} ${seq}`),
    );
    expect(points.sort()).toEqual(expected.sort());
  });

  test('it runs in a thread of its own, and tells main its figures', async () => {
    const { brokers } = await sharedKafka();
    const { journal, topic, client, dir } = setUp(brokers);
    await client.createTopic({ topic, partitions: 13, replication: 1, config: {} });
    append(journal, fleet(2));
    const settings = kafkaSettings({
      connection: connectionTo({ brokers }),
      topic,
      partitions: 12,
      compression: 'gzip',
    });
    const position = createDurablePosition();
    const thread = startSinkThread(
      {
        sink: {
          kind: 'kafka',
          settings: { ...settings, hot: { ...settings.hot, answer: 'dedicated_partition' } },
          clientsMax: 1000,
        },
        journal: { dir: join(dir, 'journal'), id: journal.id, durable: journal.durable.memory },
        cursorPath: join(dir, 'thread.json'),
        deadLetter: { dir: join(dir, 'dead'), bytesMax: 1 << 20 },
        log: { level: 'error', format: 'json' },
      },
      position,
      silentLog,
    );
    await until(() => position.get() === journal.durable.get());
    await thread.stop(5000);
    expect(thread.counters.get('recordsStored')).toBe(200);
    const messages = thread.figures().filter(({ name }) => name === 'kafka_messages_total');
    expect(messages).toHaveLength(13);
    expect(messages.reduce((sum, { value }) => sum + value, 0)).toBe(200);
    expect(contentsOf(await readTopic(brokers, topic))).toHaveLength(200);
  });

  test('a broker that dies delays only its own partitions, which have everything 5 s after its return', async () => {
    const cluster = await startKafka({ nodes: 3 });
    onTestFinished(() => cluster.stop());
    const { journal, topic, client, start } = setUp(cluster.brokers);
    await client.createTopic({ topic, partitions: 12, replication: 1, config: {} });
    const rig = start();
    append(journal, fleet(2));
    await until(() => rig.progress().totals.recordsStored === 200);
    const { partitions } = (await client.describeTopic(topic)) ?? { partitions: [] };
    const dead = new Set(partitions.filter(({ leader }) => leader === 3).map(({ partition }) => partition));
    const homes = await javaPartitions(CLIENTS, 12);
    const alive = homes.filter((partition) => !dead.has(partition)).length;
    expect(alive).toBeGreaterThan(40);
    expect(alive).toBeLessThan(100);

    await cluster.kill9(3);
    append(journal, fleet(3, 2));
    await until(() => rig.progress().totals.recordsStored === 200 + 3 * alive);
    await until(() => rig.states.some((state) => state.startsWith('retrying: ')));
    expect(rig.progress().position).toBeLessThan(journal.durable.get());
    await cluster.start(3);
    const backMs = performance.now();
    await until(() => rig.progress().totals.recordsStored === 500);
    expect(performance.now() - backMs).toBeLessThan(5000);
    await rig.drain();
    expect(rig.states.at(-1)).not.toMatch(/:/);

    const contents = contentsOf(await readTopic(cluster.brokers, topic));
    expect(new Set(contents.map(({ clientId, seq }) => `${clientId} ${seq}`)).size).toBe(500);
    checkOrder(contents);
  }, 60_000);
});
