import { join } from 'node:path';
import type { JournalReader } from '@metricstream/shared/journal/reader.ts';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import { expect, onTestFinished, test } from 'vitest';
import { createFanOut } from '../../../src/sinks/kafka/fan-out.ts';
import { createHomes } from '../../../src/sinks/kafka/homes.ts';
import { createLane } from '../../../src/sinks/kafka/lane.ts';
import { createRouter } from '../../../src/sinks/kafka/router.ts';
import { createWaker } from '../../../src/sinks/kafka/waker.ts';
import { append, openTestJournal, temporaryDirectory } from './kit.ts';

const PARTITIONS = 6;
const BATCHES = 9000;

/** Six lanes on a journal of several stretches; nobody takes anything from them but the test. */
function setUp(bytesMax: number) {
  const dir = join(temporaryDirectory(), 'journal');
  const journal = openTestJournal(dir, 64 << 20);
  for (let from = 0; from < BATCHES; from += 1000)
    append(
      journal,
      Array.from({ length: 1000 }, (_, index) => ({
        clientId: `web-${index % 50}`,
        seq: from + index + 1,
        sweeps: 40,
      })),
    );
  const reads = { count: 0, failing: false };
  const counting = (): JournalReader => {
    const reader = openJournalReader(dir);
    return {
      ...reader,
      read(...args) {
        if (reads.failing) throw new Error('EIO: made by the test');
        reads.count++;
        return reader.read(...args);
      },
    };
  };
  const place = { position: 0, records: 0, points: 0 };
  const lanes = Array.from({ length: PARTITIONS }, (_, partition) => {
    return { lane: createLane({ partition, place, bytesMax }), waker: createWaker() };
  });
  const router = createRouter({
    homes: createHomes({ partitions: PARTITIONS, clientsMax: 100 }),
    partitions: PARTITIONS,
  });
  const waker = createWaker();
  const troubles: string[] = [];
  const front = { position: 0, points: 0 };
  const fanOut = createFanOut({
    readers: { front: counting(), behind: counting() },
    durable: journal.durable,
    lanes,
    front,
    lingerMs: 0,
    waker,
    route: (record) => router.route(record, { from: 0, partitions: PARTITIONS, answer: 'off', hot: [] }),
    onFresh: () => {},
    onDropped: (reason) => expect.unreachable(reason),
    onAlarm: ({ alarm }) => expect.unreachable(alarm),
    onMoved: () => {},
    onTrouble: (why) => troubles.push(why),
  });
  const drain = new AbortController();
  const abort = new AbortController();
  const running = fanOut.run(drain.signal, abort.signal);
  onTestFinished(async () => {
    abort.abort();
    await running;
  });
  return { journal, lanes, front, waker, reads, troubles, drain, running };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const ALL = { recordsMax: 1e9, bytesMax: 1e12, bytesOf: () => 1 };

test('lanes that are together are read for once, and once more when an outage of all is over', async () => {
  const { journal, lanes, front, waker, reads, drain, running } = setUp(1 << 18);
  const end = journal.durable.get();
  while (front.position < end) await turn();
  const stretches = Math.ceil(end / (1024 * 1024));
  expect(stretches).toBeGreaterThan(6);
  expect(reads.count).toBeLessThanOrEqual(stretches + 1);
  expect(lanes.every(({ lane }) => lane.readAt < end)).toBe(true);
  drain.abort();
  const seqs: number[] = [];
  for (let over = false; !over; await turn()) {
    over = lanes.every(({ lane }) => lane.readAt >= end);
    for (const { lane } of lanes) {
      for (const { seq } of lane.begin(ALL)) seqs.push(seq);
      lane.finish();
    }
    waker.wake();
  }
  await running;
  expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: BATCHES }, (_, index) => index + 1));
  // Twice the journal for all; a reading of its own for each lane would be seven times.
  expect(reads.count).toBeLessThanOrEqual(4 * stretches);
});

test('while one lane catches up, the others get what is new', async () => {
  const { journal, lanes, front, waker } = setUp(1 << 16);
  const empty = ({ lane }: (typeof lanes)[number]): void => {
    lane.begin(ALL);
    lane.finish();
    waker.wake();
  };
  const [slow, ...others] = lanes as [(typeof lanes)[number], ...typeof lanes];
  while (front.position < journal.durable.get() || others.some(({ lane }) => lane.readAt < front.position)) {
    others.forEach(empty);
    await turn();
  }
  const before = front.position;
  expect(slow.lane.readAt).toBeLessThan(before / 2);
  append(journal, [{ clientId: 'web-1', seq: BATCHES + 1 }]);
  while (front.position === before) {
    lanes.forEach(empty);
    await turn();
  }
  expect(slow.lane.readAt).toBeLessThan(before);
});

test('a journal that cannot be read is told of, tried again, and given whole', async () => {
  const { journal, lanes, front, reads, troubles } = setUp(64 << 20);
  reads.failing = true;
  while (!troubles.some((why) => /cannot be read: EIO/.test(why))) await turn();
  reads.failing = false;
  while (front.position < journal.durable.get()) await turn();
  expect(troubles.at(-1)).toBe('');
  expect(lanes.reduce((sum, { lane }) => sum + lane.lag().records, 0)).toBe(BATCHES);
});
