import { createPump } from '@metricstream/shared/pump/pump.ts';
import type { DeadLetter, Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import { type Seeded, seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, test } from 'vitest';
import { createKafkaSource } from '../../../src/sources/kafka/kafka-source.ts';
import type { KafkaRecord, Poison } from '../../../src/sources/kafka/messages.ts';
import { bodyOf, jsonOf, memoryTopic, never, newReader } from './kafka-source-kit.ts';

const RUNS = 25;
const PARTITIONS = 4;
const BATCHES = 120;
const STORM_TURNS = 30;

const read = newReader();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What became of each message, by `partition:offset`. */
interface Account {
  stored: Set<string>;
  dead: Set<string>;
}

const placesOf = ({ origin }: KafkaRecord): string[] =>
  origin.messages.map(({ offset }) => `${origin.partition}:${offset}`);

/** Batches, JSON and poison at random; some batches are such that the sink will never take them. */
function filledTopic(random: Seeded) {
  const topic = memoryTopic({ partitions: PARTITIONS, messagesMax: () => 1 + random.int(6) });
  const rejectable = new Set<number>();
  for (let seq = 1; seq <= BATCHES; seq++) {
    const partition = random.int(PARTITIONS);
    const clientId = `c${partition}`;
    const kind = random.next();
    if (kind < 0.1) topic.append(partition, { value: `poison ${seq}` });
    else if (kind < 0.5) topic.append(partition, { value: bodyOf({ clientId, seq }) });
    else
      for (const name of ['a.a', 'a.b', 'a.c'])
        topic.append(partition, { value: jsonOf({ client_id: clientId, seq, name }) });
    if (kind > 0.9) rejectable.add(seq);
  }
  return { topic, rejectable };
}

/** Away now and then; otherwise it stores all but what it will never take. */
function moodySink(random: Seeded, account: Account, rejectable: ReadonlySet<number>): Sink {
  return {
    name: 'model',
    async write(delivery): Promise<Outcome> {
      await turn();
      if (random.next() < 0.2) return { kind: 'retry', why: 'away' };
      const records = delivery.records as KafkaRecord[];
      const bad = records.flatMap(({ seq }, index) => (rejectable.has(seq) ? [index] : []));
      for (const [index, record] of records.entries())
        if (!bad.includes(index)) for (const place of placesOf(record)) account.stored.add(place);
      return bad.length === 0 ? { kind: 'stored' } : { kind: 'rejected', which: bad, why: 'never' };
    },
    close: () => Promise.resolve(),
  };
}

/** Takes letters one by one, and fails now and then. */
function moodyDeadLetters(
  random: Seeded,
  account: Account,
): DeadLetter & Pick<Parameters<typeof createKafkaSource>[0]['deadLetters'], 'bury'> {
  return {
    async bury(partition: number, poison: Poison[]) {
      await turn();
      while (poison.length > 0) {
        if (random.next() < 0.2) throw new Error('no dead-letter topic');
        account.dead.add(`${partition}:${poison.shift()!.message.offset}`);
      }
    },
    put(record) {
      if (random.next() < 0.2) throw new Error('no dead-letter topic');
      for (const place of placesOf(record as KafkaRecord)) account.dead.add(place);
    },
  };
}

/** @returns what was passed too early, what was passed, and what there was. */
async function play(random: Seeded) {
  const { topic, rejectable } = filledTopic(random);
  const account: Account = { stored: new Set(), dead: new Set() };
  const passedTooEarly: string[] = [];
  const consumer: typeof topic = {
    ...topic,
    commit(batch, options = {}) {
      for (let offset = 0; offset < (options.nextOffset ?? batch.nextOffset); offset++) {
        const place = `${batch.partition}:${offset}`;
        if (!account.stored.has(place) && !account.dead.has(place)) passedTooEarly.push(place);
      }
      return topic.commit(batch, options);
    },
  };
  const deadLetter = moodyDeadLetters(random, account);
  const deliveryBytesMax = 200 + random.int(3000);
  const source = createKafkaSource({
    consumer,
    read,
    deadLetters: deadLetter,
    abort: never,
    lingerMs: 0,
    deliveryBytesMax,
  });
  const sink = moodySink(random, account, rejectable);
  const pump = createPump({ source, sink, deadLetter, backoff: { initialMs: 0, maxMs: 0 } });
  const drain = new AbortController();
  const running = pump.run(drain.signal, never);
  for (let at = 0; at < STORM_TURNS; at++) {
    await turn();
    if (random.next() < 0.3) topic.rebalance();
  }
  const message = `seed ${random.seed}`;
  const ends = topic.log.map(({ length }) => length);
  await expect.poll(() => topic.committed, { timeout: 10_000, message }).toEqual(ends);
  drain.abort();
  await running;
  const messages = ends.reduce((sum, end) => sum + end, 0);
  return { passedTooEarly, passed: new Set([...account.stored, ...account.dead]).size, messages };
}

test('whatever happens, no offset passes what is neither stored nor dead, and in the end all is passed', {
  timeout: 60_000,
}, async () => {
  for (let run = 0; run < RUNS; run++) {
    const random = seeded(4000 + run);
    const { passedTooEarly, passed, messages } = await play(random);
    expect(passedTooEarly, `seed ${random.seed}`).toEqual([]);
    expect(passed, `seed ${random.seed}`).toBe(messages);
  }
});
