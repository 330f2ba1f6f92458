import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import { expect, test } from 'vitest';
import { sumStats } from '../../../src/sinks/kafka/pump-stats.ts';

const stats = (more: Partial<PumpStats>): PumpStats => ({
  sink: 'kafka',
  state: 'idle',
  why: '',
  sinceUnixMs: 0,
  lastStoredUnixMs: 0,
  retries: 0,
  halts: 0,
  recordsStored: 0,
  pointsStored: 0,
  recordsDead: 0,
  pointsDead: 0,
  pointsDropped: 0,
  ...more,
});

test('of many pumps the worst speaks; counts are summed, times are the extremes', () => {
  const retrying = stats({ state: 'retrying', why: 'no leader', sinceUnixMs: 50, retries: 3, lastStoredUnixMs: 7 });
  const halted = stats({ state: 'halted', why: 'no topic', sinceUnixMs: 60, halts: 2, lastStoredUnixMs: 9 });
  expect(sumStats([stats({ state: 'writing' }), retrying, halted], [])).toEqual({
    state: 'halted',
    why: 'no topic',
    sinceUnixMs: 50,
    retries: 3,
    halts: 2,
    lastStoredUnixMs: 9,
    others: 1,
  });
});

test('what no pump knows counts as retrying', () => {
  expect(sumStats([stats({ state: 'writing' })], [{ why: 'broker away', sinceUnixMs: 5 }])).toMatchObject({
    state: 'retrying',
    why: 'broker away',
    sinceUnixMs: 5,
    others: 0,
  });
  expect(sumStats([stats({ state: 'stopped' }), stats({})], [])).toMatchObject({ state: 'idle', others: 0 });
});
