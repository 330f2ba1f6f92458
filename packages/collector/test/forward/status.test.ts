import { expect, test } from 'vitest';
import { forwardStatus, newWrites, stalledWhy } from '../../src/forward/status.ts';
import { viewOf } from './views.ts';

const now = Date.now();
const MINUTE = 60_000;
const lag = [{ partition: 3, messages: 40, seconds: 120 }];

function reasonsOf(view: ReturnType<typeof viewOf>, stopping = false): string[] {
  return forwardStatus({ branches: [{ view: () => view }], stopping: () => stopping }).reasons;
}

test('a member without trouble is ready', () => {
  expect(forwardStatus({ branches: [{ view: () => viewOf() }], stopping: () => false })).toMatchObject({
    ready: true,
    reasons: [],
    sinks: { influxdb: { state: 'idle', joined: true, lag_messages: 0, lag_seconds: 0, partitions: [] } },
  });
});

test('stopping is not ready', () => {
  expect(reasonsOf(viewOf(), true)).toEqual(['stopping']);
});

test('trouble and missing membership count from half a minute on', () => {
  const trouble = (ms: number) => viewOf({ pump: { state: 'halted', why: 'wrong token', sinceUnixMs: now - ms } });
  expect(reasonsOf(trouble(20_000))).toEqual([]);
  expect(reasonsOf(trouble(40_000))).toEqual(['sink influxdb is halted: wrong token']);
  const outside = (ms: number) => viewOf({ membership: { joined: false, sinceUnixMs: now - ms } });
  expect(reasonsOf(outside(20_000))).toEqual([]);
  expect(reasonsOf(outside(40_000))).toEqual([expect.stringContaining('no member of the consumer group g-influxdb')]);
});

test('messages that wait while no offset moves and nobody says why are a reason', () => {
  const stalled = (overrides: Parameters<typeof viewOf>[0] = {}) =>
    viewOf({
      lag,
      membership: { joined: true, sinceUnixMs: now - 5 * MINUTE },
      source: { committedUnixMs: now - 2 * MINUTE },
      ...overrides,
    });
  expect(stalledWhy(stalled(), now)).toBe('40 messages wait, the oldest for 120 s, and no offset has moved for 120 s');
  expect(reasonsOf(stalled())).toEqual([expect.stringContaining('sink influxdb makes no progress: 40 messages wait')]);
  for (const fine of [
    stalled({ lag: [] }),
    stalled({ lag: [{ partition: 3, messages: 40, seconds: 5 }] }),
    stalled({ source: { committedUnixMs: now - 1000 } }),
    stalled({ membership: { joined: true, sinceUnixMs: now - 1000 } }),
    stalled({ membership: { joined: false, sinceUnixMs: now - 5 * MINUTE } }),
    stalled({ pump: { state: 'retrying', why: 'away', sinceUnixMs: now - 5 * MINUTE } }),
  ])
    expect(stalledWhy(fine, now)).toBeUndefined();
});

test('lag is summed, and its age the oldest', () => {
  const view = viewOf({ lag: [...lag, { partition: 4, messages: 2, seconds: 7 }] });
  const { influxdb } = forwardStatus({ branches: [{ view: () => view }], stopping: () => false }).sinks;
  expect(influxdb).toMatchObject({ lag_messages: 42, lag_seconds: 120 });
});

test('every outcome of a write has its place', () => {
  expect(newWrites()).toEqual({ stored: 0, rejected: 0, retry: 0, halt: 0 });
});
