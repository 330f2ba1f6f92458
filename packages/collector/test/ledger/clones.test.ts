/** The clone alarm against a model: agents that restart never raise it, two agents with one id always do, memory is bounded. */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, test } from 'vitest';
import { ALARMS_TOLD_MAX, type CloneAlarm, createClones, QUIET_MS } from '../../src/ledger/clones.ts';
import { createLedger } from '../../src/ledger/ledger.ts';

/** Live-lane batches as the journal thread sees them. */
function watch() {
  let nowMs = 1_764_000_000_000;
  const clones = createClones(() => nowMs);
  const ledger = createLedger();
  let seq = 0;
  return {
    clones,
    pass: (ms: number) => void (nowMs += ms),
    live(clientId: string, epoch: number): CloneAlarm | undefined {
      ledger.offer(clientId, epoch, ++seq, 0, seq);
      ledger.confirm();
      const before = ledger.wentLive(clientId, epoch);
      return before === epoch ? undefined : clones.switched(clientId, before, epoch);
    },
  };
}

/** @returns at which of these batches, counted from 1, the alarm began; 0 when it did not. */
function beganAt(epochs: readonly number[], clientId = 'c', gapMs = 1000): number {
  const { live, pass } = watch();
  for (const [index, epoch] of epochs.entries()) {
    if (live(clientId, epoch) !== undefined) return index + 1;
    pass(gapMs);
  }
  return 0;
}

test.each<[string, readonly number[], number]>([
  ['one agent', [1, 1, 1, 1, 1, 1], 0],
  ['an agent that starts again', [1, 1, 2, 2, 3, 3], 0],
  ['what it had in flight comes late', [1, 1, 2, 1, 2, 2], 0],
  ['the same at each of many starts', [1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5], 0],
  ['a clock that was set back', [5, 5, 3, 3, 3, 1, 1], 0],
  ['two agents that take turns', [1, 2, 1, 2, 1, 2], 5],
  ['two agents, one of them seldom', [1, 2, 2, 2, 2, 1, 2, 2, 2, 1], 10],
  ['two agents that begin with the newer epoch', [2, 1, 2, 1], 4],
  ['three agents', [1, 2, 3, 1, 2, 3, 1], 7],
  ['one of two starts again and again', [1, 2, 1, 3, 1, 4, 1], 5],
])('%s', (_, epochs, at) => {
  expect(beganAt(epochs)).toBe(at);
});

test('two returns that lie further apart than ten minutes are two restarts of something, not an alarm', () => {
  expect(beganAt([1, 2, 1, 2, 1, 2], 'c', QUIET_MS)).toBe(0);
  expect(beganAt([1, 2, 1, 2, 1, 2], 'c', QUIET_MS / 2 - 1)).toBe(5);
});

test("the collector's own clients have several epochs and no alarm", () => {
  expect(beganAt([1, 2, 1, 2, 1, 2, 1], 'jsonl:curl')).toBe(0);
});

test('an alarm names the client, the epoch returned to and the newest, is told once, and ends ten quiet minutes later', () => {
  const { clones, live, pass } = watch();
  const told: CloneAlarm[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const alarm = live('copied', 7 + (turn % 2));
    if (alarm !== undefined) told.push(alarm);
    pass(60_000);
  }
  expect(told).toMatchObject([{ clientId: 'copied', olderEpoch: 7, newerEpoch: 8 }]);
  expect(clones.alarms()).toEqual(told);
  expect(clones.count()).toBe(1);
  pass(QUIET_MS - 2 * 60_000);
  expect(clones.ended()).toEqual([]);
  for (let turn = 0; turn < 5; turn++) live('copied', 8);
  pass(1);
  expect(clones.ended()).toEqual(told);
  expect([clones.alarms(), clones.count(), clones.ended()]).toEqual([[], 0, []]);
  expect(live('copied', 7), 'it begins anew').toBe(undefined);
});

test('random fleets: whoever shares an id is found, whoever does not is not', () => {
  const random = seeded(4711);
  for (let round = 0; round < 200; round++) {
    const { live, pass } = watch();
    const alarmed = new Set<string>();
    const shared = new Set<string>();
    const epochs = Array.from({ length: 12 }, (_, host) => ({
      id: `host-${host}`,
      epoch: 1 + random.int(50),
      late: 0,
    }));
    for (const host of epochs)
      if (random.int(4) === 0) {
        shared.add(host.id);
        epochs.push({ ...host, epoch: host.epoch + 1 + random.int(50) });
        if (epochs.length > 20) break;
      }
    for (let sweep = 0; sweep < 8; sweep++) {
      for (const host of epochs.toSorted(() => random.int(3) - 1)) {
        // A restart: what was in flight may come after the first batch of the next epoch.
        const restarts = !shared.has(host.id) && random.int(3) === 0;
        const before = host.epoch;
        if (restarts) host.epoch += 1 + random.int(50);
        for (const epoch of restarts && random.int(2) === 0 ? [host.epoch, before] : [host.epoch])
          if (live(host.id, epoch) !== undefined) alarmed.add(host.id);
      }
      pass(10_000);
    }
    expect([...alarmed].toSorted(), `seed ${random.seed}, round ${round}`).toEqual([...shared].toSorted());
  }
});

test('however many ids are shared, memory and what is told are bounded, and the figures stay right', () => {
  const { clones, live, pass } = watch();
  const clients = 6000;
  for (const epoch of [1, 2, 1, 2, 1]) for (let client = 0; client < clients; client++) live(`client-${client}`, epoch);
  expect(clones.alarms()).toHaveLength(0);
  for (let client = 0; client < 100; client++) for (const epoch of [2, 1, 2, 1]) live(`client-${client}`, epoch);
  expect(clones.count()).toBe(100);
  expect(clones.alarms()).toHaveLength(ALARMS_TOLD_MAX);
  for (let client = 1000; client < clients; client++) for (const epoch of [2, 1, 2, 1]) live(`client-${client}`, epoch);
  expect(clones.count()).toBe(4096);
  pass(QUIET_MS + 1);
  expect(clones.ended()).toHaveLength(4096);
  expect(clones.count()).toBe(0);
});
