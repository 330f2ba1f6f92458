/** The pump against sinks that answer everything a sink may answer: nothing lost, nothing twice, nothing given up. */
import { expect, test } from 'vitest';
import type { JournalRecord } from '../../src/journal/record.ts';
import type { PumpStats } from '../../src/pump/pump.ts';
import { createPump } from '../../src/pump/pump.ts';
import type { Committed, DeadLetter, Delivery, Outcome, Sink, Source } from '../../src/pump/types.ts';
import { seeded } from '../../src/testing/seeded.ts';

function record(seq: number): JournalRecord {
  const head = { kind: 1, lane: 0, clientId: 'c', points: 10, epoch: 1, seq, oldestSeq: 0, receivedUnixMs: 0 } as const;
  return { ...head, bodyCrc: 0, body: new Uint8Array(8) };
}

const seqsOf = (records: readonly JournalRecord[]): number[] => records.map(({ seq }) => seq);

/** Gives these deliveries in order, again from the first uncommitted one when run again. */
function sourceOf(deliveries: number[][]): Source & { committed: Committed[]; left(): number } {
  const committed: Committed[] = [];
  return {
    committed,
    left: () => deliveries.length - committed.length,
    async take(signal) {
      const seqs = deliveries[committed.length];
      if (signal.aborted || !seqs) return undefined;
      return { records: seqs.map(record), bytes: seqs.length * 8 };
    },
    commit(_delivery, done) {
      committed.push(done);
    },
  };
}

function sinkOf(write: (delivery: Delivery) => Outcome | Promise<Outcome>): Sink {
  return { name: 'fake', write: async (delivery) => write(delivery), close: async () => {} };
}

function deadLetters(): DeadLetter & { kept: { seq: number; why: string }[] } {
  const kept: { seq: number; why: string }[] = [];
  return { kept, put: ({ seq }, _sink, why) => void kept.push({ seq, why }) };
}

const FAST = { initialMs: 1, maxMs: 2 };

async function runToEnd(source: Source, sink: Sink, deadLetter: DeadLetter = deadLetters()): Promise<PumpStats> {
  const pump = createPump({ source, sink, deadLetter, backoff: FAST });
  await pump.run(new AbortController().signal, new AbortController().signal);
  return pump.stats;
}

test('what is stored is committed once, in order, with the last state the sink gave', async () => {
  const source = sourceOf([[1, 2], [3]]);
  const written: number[][] = [];
  const sink = sinkOf(({ records }) => {
    written.push(seqsOf(records));
    return { kind: 'stored', state: { upTo: records.at(-1)?.seq } };
  });
  const stats = await runToEnd(source, sink);
  expect(written).toEqual([[1, 2], [3]]);
  expect(source.committed.map(({ pointsStored, state }) => [pointsStored, state])).toEqual([
    [20, { upTo: 2 }],
    [10, { upTo: 3 }],
  ]);
  expect(stats).toMatchObject({ recordsStored: 3, pointsStored: 30, retries: 0, state: 'stopped' });
});

test('retry, halt and a throwing sink give the same records again until they are stored', async () => {
  const answers: (Outcome | Error)[] = [
    { kind: 'retry', why: 'busy' },
    { kind: 'halt', why: 'wrong token' },
    new Error('socket hang up'),
    { kind: 'stored' },
  ];
  const written: number[][] = [];
  const sink = sinkOf(({ records }) => {
    written.push(seqsOf(records));
    const answer = answers.shift() as Outcome | Error;
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const stats = await runToEnd(sourceOf([[1, 2]]), sink);
  expect(written).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  expect(stats).toMatchObject({ retries: 2, halts: 1, recordsStored: 2, why: '' });
});

test('a halt ends at once when what was wrong has changed, however long the wait would be', async () => {
  const mended = new AbortController();
  let writes = 0;
  const sink = sinkOf(() => {
    if (++writes > 1) return { kind: 'stored' };
    setImmediate(() => mended.abort());
    return { kind: 'halt', why: 'wrong token', changed: mended.signal };
  });
  const hour = { initialMs: 3_600_000, maxMs: 3_600_000 };
  const pump = createPump({
    source: sourceOf([[1]]),
    sink,
    deadLetter: deadLetters(),
    backoff: hour,
    random: () => 0.9,
  });
  await pump.run(new AbortController().signal, new AbortController().signal);
  expect(pump.stats).toMatchObject({ halts: 1, recordsStored: 1 });
});

test('rejected records that the sink names become dead letters, and the others count as stored', async () => {
  const dead = deadLetters();
  const source = sourceOf([[1, 2, 3]]);
  const sink = sinkOf(() => ({ kind: 'rejected', which: [1], why: 'type conflict', state: 's' }));
  await runToEnd(source, sink, dead);
  expect(dead.kept).toEqual([{ seq: 2, why: 'type conflict' }]);
  expect(source.committed).toEqual([
    { recordsStored: 2, pointsStored: 20, recordsDead: 1, pointsDead: 10, pointsDropped: {}, state: 's' },
  ]);
});

test('when the sink cannot say which record is bad, halving finds exactly the bad ones', async () => {
  const random = seeded(4);
  for (let round = 0; round < 30; round++) {
    const seqs = Array.from({ length: 1 + random.int(40) }, (_, i) => i + 1);
    const bad = new Set(seqs.filter(() => random.int(10) === 0));
    const dead = deadLetters();
    const stored: number[] = [];
    const sink = sinkOf(({ records }) => {
      if (records.some(({ seq }) => bad.has(seq))) return { kind: 'rejected', which: 'unknown', why: 'bad line' };
      stored.push(...seqsOf(records));
      return { kind: 'stored' };
    });
    await runToEnd(sourceOf([seqs]), sink, dead);
    expect(stored, `seed ${random.seed}, round ${round}`).toEqual(seqs.filter((seq) => !bad.has(seq)));
    expect(dead.kept.map(({ seq }) => seq)).toEqual([...bad]);
  }
});

test('the same suspicious answer to one record becomes a dead letter only because its neighbours were stored', async () => {
  const dead = deadLetters();
  const sink = sinkOf(({ records }) =>
    records.some(({ seq }) => seq === 3) ? { kind: 'retry', why: '500', suspect: true } : { kind: 'stored' },
  );
  const source = sourceOf([[1, 2, 3, 4]]);
  await runToEnd(source, sink, dead);
  expect(dead.kept).toEqual([{ seq: 3, why: '500' }]);
  expect(source.committed).toMatchObject([{ recordsStored: 3, recordsDead: 1 }]);
});

test('a server that suspects everything is a server that is down: nothing is buried', async () => {
  const dead = deadLetters();
  let answers = 0;
  const sink = sinkOf(() => (answers++ < 40 ? { kind: 'retry', why: '500', suspect: true } : { kind: 'stored' }));
  const stats = await runToEnd(sourceOf([[1, 2, 3, 4]]), sink, dead);
  expect(dead.kept).toEqual([]);
  expect(stats.recordsStored).toBe(4);
});

test('aborting in the middle of an outage commits nothing, and the next run starts with the same records', async () => {
  const source = sourceOf([[1, 2], [3]]);
  const abort = new AbortController();
  const down = createPump({
    source,
    sink: sinkOf(() => ({ kind: 'retry', why: 'down' })),
    deadLetter: deadLetters(),
    backoff: { initialMs: 50, maxMs: 50 },
    onState: () => abort.abort(),
  });
  await down.run(new AbortController().signal, abort.signal);
  expect(source.committed).toEqual([]);
  const written: number[] = [];
  await runToEnd(
    source,
    sinkOf(({ records }) => {
      written.push(...seqsOf(records));
      return { kind: 'stored' };
    }),
  );
  expect(written).toEqual([1, 2, 3]);
});

test('a cursor that cannot be saved is saved again; the delivery is not written twice', async () => {
  const source = sourceOf([[1]]);
  let refusals = 3;
  const { commit } = source;
  source.commit = (delivery, done) => {
    if (refusals-- > 0) throw new Error('ENOSPC');
    return commit(delivery, done);
  };
  let writes = 0;
  const stats = await runToEnd(
    source,
    sinkOf(() => {
      writes++;
      return { kind: 'stored' };
    }),
  );
  expect(writes).toBe(1);
  expect(stats).toMatchObject({ retries: 3, recordsStored: 1 });
});

test('a trouble is told when it begins and when it ends, not once per attempt', async () => {
  const told: string[] = [];
  let answers = 0;
  const pump = createPump({
    source: sourceOf([[1]]),
    sink: sinkOf(() => (answers++ < 5 ? { kind: 'halt', why: 'no bucket' } : { kind: 'stored' })),
    deadLetter: deadLetters(),
    backoff: FAST,
    onState: ({ state, why }) => void told.push(`${state} ${why}`.trim()),
  });
  await pump.run(new AbortController().signal, new AbortController().signal);
  expect(told).toEqual(['halted no bucket', 'writing']);
});

test('a source that cannot be read is asked again until it can, and the state says why', async () => {
  const source = sourceOf([[1]]);
  const { take } = source;
  let faults = 3;
  source.take = async (signal) => {
    if (faults-- > 0) throw new Error('EMFILE: too many open files');
    return take(signal);
  };
  const whys: string[] = [];
  const sink = sinkOf(() => ({ kind: 'stored' }));
  const onState = ({ why }: PumpStats): void => void whys.push(why);
  const pump = createPump({ source, sink, deadLetter: deadLetters(), backoff: FAST, onState });
  await pump.run(new AbortController().signal, new AbortController().signal);
  expect(source.left()).toBe(0);
  expect(pump.stats.retries).toBe(3);
  expect(whys[0]).toMatch(/^the source cannot be read: EMFILE/);
});

test('a source that can never be read does not keep a pump from being stopped', async () => {
  const source = sourceOf([[1]]);
  source.take = async () => {
    throw new Error('EIO');
  };
  const stop = new AbortController();
  const onState = (): void => stop.abort();
  const sink = sinkOf(() => ({ kind: 'stored' }));
  const pump = createPump({ source, sink, deadLetter: deadLetters(), backoff: FAST, onState });
  await pump.run(stop.signal, stop.signal);
  expect(pump.stats.state).toBe('stopped');
});

test('points that a stored record lacks become a dead letter or are counted with their reason', async () => {
  const source = sourceOf([[1, 2]]);
  const kept: unknown[] = [];
  const letters: DeadLetter = { put: ({ seq }, _sink, why, part) => void kept.push({ seq, why, part }) };
  const losses = [
    { index: 1, points: 3, why: 'type conflict', text: 'm v=1' },
    { index: 0, points: 4, why: 'too old', dropped: 'retention' },
  ];
  const stats = await runToEnd(
    source,
    sinkOf(() => ({ kind: 'stored', losses })),
    letters,
  );
  expect(kept).toEqual([{ seq: 2, why: 'type conflict', part: { points: 3, text: 'm v=1' } }]);
  expect(source.committed).toEqual([
    { recordsStored: 2, pointsStored: 13, recordsDead: 0, pointsDead: 3, pointsDropped: { retention: 4 } },
  ]);
  expect(stats).toMatchObject({ pointsStored: 13, pointsDead: 3, pointsDropped: 4 });
});
