import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { expect, test } from 'vitest';
import { partitionFor } from '../../../src/sinks/kafka/murmur2.ts';
import type { KafkaSettings } from '../../../src/sinks/kafka/settings.ts';
import type { Answer, BatchSpec, Rig } from './kit.ts';
import {
  append,
  contentOf,
  kafkaSettings,
  memoryKafka,
  openTestJournal,
  startRig,
  temporaryDirectory,
  until,
} from './kit.ts';

function setUp({ partitions = 4, segmentBytesMax = 1 << 20 } = {}) {
  const dir = temporaryDirectory();
  const journalDir = join(dir, 'journal');
  const cursorPath = join(dir, 'cursors', 'kafka.json');
  const journal = openTestJournal(journalDir, segmentBytesMax);
  const kafka = memoryKafka(partitions);
  const start = (more: Partial<KafkaSettings> = {}) =>
    startRig({
      journal,
      journalDir,
      cursorPath,
      settings: kafkaSettings({ partitions, ...more }),
      client: kafka.client,
    });
  return { journal, cursorPath, kafka, start };
}

/** Batches of 40 clients in turn, two points of 40 sweeps each: about 800 bytes. */
function fleet(rounds: number, firstRound = 0): BatchSpec[] {
  return Array.from({ length: rounds * 40 }, (_, index) => ({
    clientId: `web-${index % 40}`,
    seq: firstRound + Math.floor(index / 40) + 1,
    sweeps: 40,
  }));
}

const figure = (rig: Rig, name: string, partition?: number): number =>
  rig.sink
    .figures()
    .find((one) => one.name === name && (partition === undefined || one.labels?.partition === String(partition)))
    ?.value ?? Number.NaN;

const pointsOf = (specs: readonly BatchSpec[]) => specs.length * 80;

test('every batch goes to the partition of its client, once and in order; a second start sends nothing again', async () => {
  const { journal, kafka, start } = setUp();
  append(journal, fleet(5));
  const first = start();
  await until(() => kafka.stored.length === 200);
  append(journal, fleet(5, 5));
  await first.drain();
  expect(first.progress()).toMatchObject({ position: journal.durable.get(), pointsPassed: pointsOf(fleet(10)) });
  const second = start();
  await second.drain();
  const seqs = new Map<string, number[]>();
  for (const message of kafka.stored) {
    const { clientId, seq } = contentOf(message);
    expect(message.partition).toBe(partitionFor(clientId, 4));
    seqs.set(clientId, [...(seqs.get(clientId) ?? []), seq]);
  }
  expect(seqs.size).toBe(40);
  for (const list of seqs.values()) expect(list).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a dead partition delays only itself; back again, it gets what it missed, in order', async () => {
  const { journal, kafka, start } = setUp();
  const revived = Promise.withResolvers<Answer>();
  kafka.answer = ({ partition }) => (partition === 2 ? revived.promise : 'stored');
  const rig = start();
  // Four times what the sink may hold, so that the dead partition's share is long full.
  const specs = fleet(120);
  for (let at = 0; at < specs.length; at += 400) append(journal, specs.slice(at, at + 400));
  const others = specs.filter(({ clientId }) => partitionFor(clientId, 4) !== 2);
  await until(() => kafka.stored.length === others.length);
  expect(figure(rig, 'kafka_lanes_behind')).toBe(1);
  await until(() => figure(rig, 'kafka_lag_records', 2) === specs.length - others.length);
  expect(figure(rig, 'kafka_lag_seconds', 2)).toBeGreaterThan(1000);
  expect(rig.progress().position).toBeLessThan(journal.durable.get() / 2);
  revived.resolve('stored');
  await rig.drain();
  const late = kafka.stored.slice(others.length).map(contentOf);
  expect(late.map(({ clientId, seq }) => `${clientId} ${seq}`)).toEqual(
    specs.filter(({ clientId }) => partitionFor(clientId, 4) === 2).map(({ clientId, seq }) => `${clientId} ${seq}`),
  );
  expect(figure(rig, 'kafka_lanes_behind')).toBe(0);
  expect(rig.progress().pointsPassed).toBe(pointsOf(specs));
});

test('what the journal’s bound takes from a partition that lags is counted, to the point', async () => {
  const { journal, kafka, start } = setUp({ segmentBytesMax: 100_000 });
  const revived = Promise.withResolvers<Answer>();
  kafka.answer = ({ partition }) => (partition === 2 ? revived.promise : 'stored');
  const rig = start({ inFlightBytesMax: 1 << 18 });
  const specs = fleet(60);
  append(journal, specs);
  for (let at = 60; at < 120; at += 10) append(journal, fleet(10, at));
  const all = [...specs, ...fleet(60, 60)];
  const mine = all.filter(({ clientId }) => partitionFor(clientId, 4) === 2);
  await until(
    () => figure(rig, 'kafka_lag_records', 2) === mine.length && kafka.stored.length === all.length - mine.length,
  );
  journal.retainFrom(journal.durable.get());
  revived.resolve('stored');
  await rig.drain();
  const stored = kafka.stored.filter(({ partition }) => partition === 2).length;
  expect(stored).toBeLessThan(mine.length);
  const { totals, pointsPassed, position } = rig.progress();
  expect(totals.pointsDropped).toEqual({ journal_full: (mine.length - stored) * 80 });
  expect([pointsPassed, position]).toEqual([pointsOf(all), journal.durable.get()]);
  expect(rig.alarms).toMatchObject([{ alarm: 'skipped', skipped: { why: 'retention' } }]);
});

test('what is gone before the sink comes to it is counted too', async () => {
  const { journal, kafka, start } = setUp({ segmentBytesMax: 50_000 });
  append(journal, fleet(1));
  await start().drain();
  for (let at = 1; at < 20; at++) append(journal, fleet(1, at));
  journal.retainFrom(journal.durable.get());
  const rig = start();
  await rig.drain();
  const { totals, pointsPassed } = rig.progress();
  expect(pointsPassed).toBe(pointsOf(fleet(20)));
  expect(totals.pointsDropped.journal_full).toBe((800 - kafka.stored.length) * 80);
  expect(kafka.stored.length).toBeLessThan(800);
});

test('a topic with too few partitions halts everything and says what to do, and goes on when it has grown', async () => {
  const { journal, kafka, start } = setUp();
  kafka.partitions = 3;
  append(journal, fleet(1));
  const rig = start();
  await until(() => rig.states.length > 0);
  expect(rig.states[0]).toMatch(
    /^halted: topic metrics-raw has 3 partitions and 4 are needed: grow it with "metricstream-collector setup kafka --add/,
  );
  expect(kafka.stored).toEqual([]);
  kafka.partitions = 4;
  await until(() => kafka.stored.length === 40);
  await until(() => !(rig.states.at(-1) ?? '').startsWith('halted'));
});

test('brokers that are away from the start are waited for, and it says so', async () => {
  const { journal, kafka, start } = setUp();
  kafka.away = new MetricStreamError('unreachable', 'nobody answers');
  append(journal, fleet(1));
  const rig = start();
  await until(() => rig.states.includes('retrying: nobody answers'));
  expect(kafka.stored).toEqual([]);
  kafka.away = undefined;
  await until(() => kafka.stored.length === 40 && !(rig.states.at(-1) ?? '').includes('nobody'));
  expect(rig.progress().stats.sinceUnixMs).toBe(0);
});

test('a batch that the broker will never take becomes a dead letter, and the others go on', async () => {
  const { journal, kafka, start } = setUp();
  kafka.messageBytesMax = 3000;
  append(journal, [...fleet(1), { clientId: 'huge', seq: 1, sweeps: 400 }, ...fleet(1, 1)]);
  const rig = start();
  await rig.drain();
  expect(rig.dead).toEqual([
    { clientId: 'huge', seq: 1, points: 800, why: expect.stringMatching(/bytes/) as string, text: undefined },
  ]);
  expect(kafka.stored).toHaveLength(80);
  expect(rig.progress().totals).toMatchObject({ recordsStored: 80, recordsDead: 1, pointsDead: 800 });
});

test('while the cursor cannot be saved, it says so, promises nothing to the journal, and then goes on', async () => {
  const { journal, cursorPath, kafka, start } = setUp();
  mkdirSync(`${cursorPath}.new`, { recursive: true });
  append(journal, fleet(1));
  const rig = start();
  await until(() => rig.states.some((state) => /cursor cannot be saved/.test(state)));
  append(journal, fleet(1, 1));
  expect(rig.progress().position).toBe(0);
  rmdirSync(`${cursorPath}.new`);
  await until(() => rig.progress().position === journal.durable.get());
  expect(kafka.stored).toHaveLength(80);
});

test('a hot client is split by metric, or moved aside, and the others stay where they were', async () => {
  for (const answer of ['split_by_metric', 'dedicated_partition'] as const) {
    const { journal, kafka, start } = setUp();
    kafka.partitions = 5;
    const rig = start({ hot: { answer, share: 0.3, windowMs: 1000 } });
    const metrics = Array.from({ length: 20 }, (_, index) => `m${index}`);
    for (let second = 0; second < 8; second++) {
      const receivedUnixMs = 1_790_000_000_000 + second * 500;
      const small = Array.from({ length: 10 }, (_, index) => ({
        clientId: `c${index}`,
        seq: second + 1,
        receivedUnixMs,
      }));
      append(journal, [...small, { clientId: 'hot', seq: second + 1, metrics, sweeps: 200, receivedUnixMs }]);
      await until(() => kafka.stored.some((message) => contentOf(message).seq === second + 1));
    }
    await rig.drain();
    expect(figure(rig, 'kafka_hot_clients')).toBe(1);
    const ofHot = kafka.stored.filter((message) => contentOf(message).clientId === 'hot');
    const last = ofHot.filter((message) => contentOf(message).seq === 8);
    if (answer === 'dedicated_partition') expect(last.map(({ partition }) => partition)).toEqual([4]);
    else {
      expect(new Set(last.map(({ headers }) => headers.part))).toEqual(new Set(['1/4', '2/4', '3/4', '4/4']));
      expect(last.flatMap((message) => contentOf(message).metrics).sort()).toEqual(metrics.toSorted());
      expect(last.every(({ key }) => key.startsWith('hot:m'))).toBe(true);
    }
    for (const message of kafka.stored) {
      const { clientId } = contentOf(message);
      if (clientId !== 'hot') expect(message.partition).toBe(partitionFor(clientId, 4));
    }
    expect(rig.progress().pointsPassed).toBe(8 * (10 * 2 + 20 * 200));
  }
});
