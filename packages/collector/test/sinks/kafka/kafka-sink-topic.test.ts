import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { partitionFor } from '../../../src/sinks/kafka/murmur2.ts';
import type { KafkaSettings } from '../../../src/sinks/kafka/settings.ts';
import type { BatchSpec } from './kit.ts';
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

function setUp(partitions: number) {
  const dir = temporaryDirectory();
  const journalDir = join(dir, 'journal');
  const cursorPath = join(dir, 'kafka.json');
  const journal = openTestJournal(journalDir);
  const kafka = memoryKafka(partitions);
  const start = (settings: Partial<KafkaSettings>) =>
    startRig({ journal, journalDir, cursorPath, settings: kafkaSettings(settings), client: kafka.client });
  const figure = (rig: ReturnType<typeof start>, name: string): number =>
    rig.sink
      .figures()
      .filter((one) => one.name === name)
      .reduce((sum, { value }) => sum + value, 0);
  return { journal, cursorPath, kafka, start, figure };
}

function fleet(seq: number): BatchSpec[] {
  return Array.from({ length: 40 }, (_, index) => ({ clientId: `web-${index}`, seq }));
}

const namesOf = (specs: readonly Pick<BatchSpec, 'clientId' | 'seq'>[]) =>
  specs.map(({ clientId, seq }) => `${clientId} ${seq}`).sort();

/** All of the journal has been read for its partitions, and the sink has halted. @returns what it says. */
async function haltedAtTheEnd({ start, figure }: ReturnType<typeof setUp>, settings: Partial<KafkaSettings>) {
  const rig = start(settings);
  await until(() => figure(rig, 'kafka_lag_records') > 0 && (rig.states.at(-1) ?? '').startsWith('halted'));
  const state = rig.states.at(-1);
  await rig.abort();
  return state;
}

test('fewer partitions, as a topic that is too small advises, are enough: nothing was sent to the others', async () => {
  const first = setUp(4);
  append(first.journal, fleet(1));
  const halted = await haltedAtTheEnd(first, { partitions: 8 });
  expect(halted).toMatch(/has 4 partitions and 8 are needed: .*, or lower sinks.kafka.partitions/);
  expect([first.kafka.stored, existsSync(first.cursorPath)]).toEqual([[], false]);
  append(first.journal, fleet(2));
  const lowered = first.start({ partitions: 4 });
  await lowered.drain();
  expect(namesOf(first.kafka.stored.map(contentOf))).toEqual(namesOf([...fleet(1), ...fleet(2)]));
  for (const message of first.kafka.stored)
    expect(message.partition).toBe(partitionFor(contentOf(message).clientId, 4));
  expect(lowered.progress()).toMatchObject({ position: first.journal.durable.get(), pointsPassed: 160 });
});

test('partitions that were raised too early can be lowered again, and each batch is sent once', async () => {
  const kit = setUp(4);
  append(kit.journal, fleet(1));
  await kit.start({ partitions: 4 }).drain();
  append(kit.journal, fleet(2));
  for (const hot of [
    { answer: 'off', share: 0.3, windowMs: 6000 },
    { answer: 'dedicated_partition', share: 0.3, windowMs: 6000 },
  ] as const)
    await haltedAtTheEnd(kit, { partitions: 8, hot });
  expect(kit.kafka.stored).toHaveLength(40);
  const lowered = kit.start({ partitions: 4 });
  await lowered.drain();
  expect(namesOf(kit.kafka.stored.map(contentOf))).toEqual(namesOf([...fleet(1), ...fleet(2)]));
  expect(lowered.progress()).toMatchObject({ position: kit.journal.durable.get(), pointsPassed: 160 });
});

test('where batches wait that were routed to more partitions than a topic has left, it does not advise to lower them', async () => {
  const kit = setUp(8);
  kit.kafka.answer = () => ({ kind: 'retry', why: 'made by the test' });
  append(kit.journal, fleet(1));
  const first = kit.start({ partitions: 8 });
  await until(() => existsSync(kit.cursorPath));
  await first.abort();
  kit.kafka.answer = () => 'stored';
  kit.kafka.partitions = 4;
  for (const partitions of [8, 4]) {
    const halted = await haltedAtTheEnd(kit, { partitions });
    expect(halted).toMatch(/8 are needed, .* wait .*: grow it/);
    expect(halted).not.toContain('lower');
  }
  kit.kafka.partitions = 8;
  await kit.start({ partitions: 4 }).drain();
  expect(namesOf(kit.kafka.stored.map(contentOf))).toEqual(namesOf(fleet(1)));
});
