/** From a request to its answer over a real ring, journal and group commit: who is told what, and not before when. */
import { setImmediate as turnEnd } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { onePointBatch } from '../one-point-batch.ts';
import { rig } from './rig.ts';

test('no yes leaves before the sync has returned', async () => {
  const { send, turn, round, events } = rig();
  send('first', onePointBatch(1));
  send('second', onePointBatch(2));
  turn();
  for (let i = 0; i < 20; i++) await turnEnd();
  expect(events).toEqual([]);
  await round();
  // The journal's first segment is synced when it is begun.
  expect(events).toEqual(['sync', 'sync', 'first: 200', 'second: 200']);
});

test('when the sync fails everybody gets 503, and the same bytes are taken as new when they come again', async () => {
  const { send, turn, round, events, failSyncs, seqsOnDisk, counters } = rig();
  send('one', onePointBatch(1));
  turn();
  await round();
  failSyncs(true);
  send('two', onePointBatch(2));
  send('two again', onePointBatch(2));
  send('two, other bytes', onePointBatch(2, { value: 99 }));
  turn();
  events.length = 0;
  await round();
  expect(events).toEqual(['sync', 'two: 503', 'two again: 503', 'two, other bytes: 503']);
  expect(seqsOnDisk()).toEqual([1]);
  failSyncs(false);
  send('two', onePointBatch(2));
  turn();
  await round();
  expect(events.at(-1)).toBe('two: 200');
  expect(seqsOnDisk()).toEqual([1, 2]);
  expect([counters.get('accepted'), counters.get('duplicates'), counters.get('points')]).toEqual([2, 0, 2]);
});

test('each exchange of a mixed group gets its own verdict, also behind one whose client is gone', async () => {
  const { send, turn, round, events, seqsOnDisk } = rig();
  send('new', onePointBatch(1));
  send('broken', onePointBatch(2).subarray(0, 30));
  send('gone', onePointBatch(2), true);
  send('duplicate', onePointBatch(1));
  send('conflict', onePointBatch(1, { value: 99 }));
  send('last', onePointBatch(3));
  turn();
  expect(events).toEqual(['broken: 400']);
  await round();
  expect(events.slice(1)).toEqual(['sync', 'sync', 'new: 200', 'duplicate: 200', 'conflict: 409', 'last: 200']);
  expect(seqsOnDisk(), 'the batch of a client that left is kept: it was whole').toEqual([1, 2, 3]);
});

test('a full ring is 503 at once, holds nothing of the batch, and takes it when there is room', async () => {
  const { send, turn, round, events, counters, seqsOnDisk } = rig('journal', 4096);
  let seq = 0;
  while (counters.get('refused_ring_full') === 0) send(`${++seq}`, onePointBatch(seq));
  expect(events).toEqual([`${seq}: 503`]);
  turn();
  await round();
  expect(events.filter((event) => event.endsWith('200'))).toHaveLength(seq - 1);
  send('again', onePointBatch(seq));
  turn();
  await round();
  expect(events.at(-1)).toBe('again: 200');
  expect(seqsOnDisk()).toEqual(Array.from({ length: seq }, (_, i) => i + 1));
});

test('many laps of a small ring: every answer is that of its own batch', async () => {
  const { send, turn, round, events } = rig('journal', 4096);
  for (let seq = 1; seq <= 200; seq += 4) {
    for (let i = 0; i < 4; i++) send(`${seq + i}`, onePointBatch(seq + i));
    send(`${seq} once more`, onePointBatch(seq));
    send(`not ${seq}`, onePointBatch(seq, { value: 0.5 }));
    turn();
    events.length = 0;
    await round();
    const yes = [0, 1, 2, 3].map((i) => `${seq + i}: 200`);
    expect(events.filter((event) => event !== 'sync')).toEqual([...yes, `${seq} once more: 200`, `not ${seq}: 409`]);
  }
});

test('with ack: memory the yes leaves at once, and what the journal could not take then is counted as lost', async () => {
  const { send, turn, round, events, failSyncs, counters, seqsOnDisk } = rig('memory');
  failSyncs(true);
  send('one', onePointBatch(1));
  turn();
  expect(events).toEqual(['one: 200']);
  await round();
  expect([counters.get('lostBatches'), counters.get('lostPoints')]).toEqual([1, 1]);
  failSyncs(false);
  send('two', onePointBatch(2));
  turn();
  await round();
  expect(counters.get('lostBatches')).toBe(1);
  expect(seqsOnDisk()).toEqual([2]);
});

test('what we could not take is given back in bytes, what we took is owed in points', async () => {
  // What comes back by itself while the test runs is far less than a batch.
  const limits = { requestsPerSecond: 1000, bytesPerSecond: 100, pointsPerSecond: 0.1, burstMs: 30_000 };
  const { send, turn, round, events, failSyncs, left } = rig('journal', 64 * 1024, limits);
  const batch = onePointBatch(1);
  const [bytes, points] = [left('bytes'), left('points')];
  const half = batch.length / 2;
  failSyncs(true);
  send('one', batch);
  expect(left('bytes')).toBeLessThan(bytes - half);
  turn();
  await round();
  expect(events.at(-1)).toBe('one: 503');
  expect(left('bytes')).toBeGreaterThan(bytes - half);
  failSyncs(false);
  send('one', batch);
  turn();
  await round();
  expect(events.at(-1)).toBe('one: 200');
  expect(left('bytes')).toBeLessThan(bytes - half);
  expect(left('points')).toBeLessThan(points);
});
