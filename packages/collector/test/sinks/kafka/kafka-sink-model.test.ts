/**
 * The sink against a model: random batches, hot clients, configurations, failures and crashes, with the cursor as it was
 * last saved. Whatever happens, every point of every batch reaches the topic, each key in order while one program runs.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { seeded, type Seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, test } from 'vitest';
import { HOT_ANSWERS } from '../../../src/sinks/kafka/settings.ts';
import type { Answer, BatchSpec, Stored } from './kit.ts';
import { append, contentOf, kafkaSettings, memoryKafka, openTestJournal, startRig, temporaryDirectory } from './kit.ts';

const CLIENTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const METRICS = Array.from({ length: 9 }, (_, index) => `m${index}`);

/** Traffic in which one client after another is large for a while; a second passes with every 20 batches. */
function* traffic(random: Seeded): Generator<BatchSpec> {
  const seqs = new Map<string, number>();
  let large = random.pick(CLIENTS);
  for (let count = 0; ; count++) {
    if (random.next() < 0.01) large = random.pick(CLIENTS);
    const clientId = random.next() < 0.5 ? large : random.pick(CLIENTS);
    const seq = (seqs.get(clientId) ?? 0) + 1;
    seqs.set(clientId, seq);
    const metrics = METRICS.slice(0, 1 + random.int(METRICS.length));
    yield { clientId, seq, metrics, sweeps: 40, receivedUnixMs: 1_790_000_000_000 + count * 50 };
  }
}

function answerFor(random: Seeded, isDead: boolean): Answer | Promise<Answer> {
  const luck = random.next();
  if (isDead) return new Promise<Answer>(() => {});
  if (luck < 0.08) return { kind: 'retry', why: 'made by the test', suspect: luck < 0.02 };
  if (luck < 0.12) return 'lost_answer';
  if (luck < 0.14) return { kind: 'halt', why: 'made by the test' };
  if (luck < 0.3) return new Promise((resolve) => setTimeout(() => resolve('stored'), 1 + random.int(4)));
  return 'stored';
}

/** Within one run, a partition has each client's batches in order; only what was sent again comes again. */
function checkOrder(stored: readonly Stored[], run: string): void {
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  for (const message of stored) {
    const { clientId, seq } = contentOf(message);
    const name = `${message.partition} ${clientId}`;
    if (seen.has(`${name} ${seq}`)) continue;
    seen.add(`${name} ${seq}`);
    expect(seq, `${run}: ${name}`).toBeGreaterThan(newest.get(name) ?? 0);
    newest.set(name, seq);
  }
}

async function play(seed: number): Promise<{ parts: number; lagged: number; duplicates: number }> {
  const random = seeded(seed);
  const dir = temporaryDirectory();
  const journalDir = join(dir, 'journal');
  const cursorPath = join(dir, 'kafka.json');
  const journal = openTestJournal(journalDir, 64 * 1024);
  const kafka = memoryKafka(30);
  const batches = traffic(random);
  const specs: BatchSpec[] = [];
  const seen = { parts: 0, lagged: 0, duplicates: 0 };
  const more = (count: number): void => {
    const next = Array.from({ length: count }, () => batches.next().value as BatchSpec);
    specs.push(...next);
    append(journal, next);
  };
  for (let run = 0; run < 8; run++) {
    const settings = kafkaSettings({
      partitions: 1 + random.int(12),
      hot: { answer: random.pick(HOT_ANSWERS), share: 0.3, windowMs: 6000 },
      inFlightBytesMax: random.pick([1 << 14, 1 << 17, 1 << 20]),
    });
    const deadPartition = random.next() < 0.5 ? random.int(settings.partitions) : -1;
    kafka.answer = ({ partition }) => answerFor(random, partition === deadPartition);
    const from = kafka.stored.length;
    const rig = startRig({ journal, journalDir, cursorPath, settings, client: kafka.client });
    const steps = 3 + random.int(10);
    const crashAt = random.int(steps);
    for (let step = 0; step < steps; step++) {
      more(20 + random.int(120));
      await new Promise((resolve) => setTimeout(resolve, random.int(6)));
      const behind = rig.sink.figures().find(({ name }) => name === 'kafka_lanes_behind')?.value ?? 0;
      if (behind > 0) seen.lagged++;
      if (step === crashAt && existsSync(cursorPath)) copyFileSync(cursorPath, `${cursorPath}.crash`);
    }
    await rig.abort();
    checkOrder(kafka.stored.slice(from), `seed ${seed}, run ${run}`);
    // As if it had crashed back then: what it has sent since is in the topic, and not in the cursor.
    if (existsSync(`${cursorPath}.crash`)) copyFileSync(`${cursorPath}.crash`, cursorPath);
    rmSync(`${cursorPath}.crash`, { force: true });
  }
  kafka.answer = () => 'stored';
  const last = startRig({ journal, journalDir, cursorPath, settings: kafkaSettings(), client: kafka.client });
  await last.drain();
  journal.close();

  const points = new Map<string, Set<string>>();
  for (const message of kafka.stored) {
    const { clientId, seq, metrics } = contentOf(message);
    const triple = `${clientId} ${seq}`;
    const found = points.get(triple) ?? new Set();
    points.set(triple, found);
    for (const metric of metrics) {
      if (found.has(metric)) seen.duplicates++;
      found.add(metric);
    }
    if (message.headers.part !== undefined) seen.parts++;
  }
  const missing = specs.filter(
    ({ clientId, seq, metrics }) => points.get(`${clientId} ${seq}`)?.size !== metrics?.length,
  );
  expect(missing, `seed ${seed}`).toEqual([]);
  expect(last.progress().position).toBe(journal.durable.get());
  expect(last.progress().pointsPassed).toBe(specs.reduce((sum, { metrics = [] }) => sum + metrics.length * 40, 0));
  expect([...last.dead, ...last.alarms]).toEqual([]);
  const left = last.sink.figures().filter(({ name, value }) => name === 'kafka_lag_records' && value !== 0);
  expect(left, `seed ${seed}`).toEqual([]);
  return seen;
}

test('no batch is lost to changes of partitions and hot clients, failures and crashes, and keys stay in order', async () => {
  const sums = { parts: 0, lagged: 0, duplicates: 0 };
  for (const seed of [1, 2, 3, 4]) {
    const seen = await play(seed);
    sums.parts += seen.parts;
    sums.lagged += seen.lagged;
    sums.duplicates += seen.duplicates;
  }
  // What the model is about has happened.
  expect(sums.parts).toBeGreaterThan(100);
  expect(sums.lagged).toBeGreaterThan(10);
  expect(sums.duplicates).toBeGreaterThan(100);
}, 120_000);
