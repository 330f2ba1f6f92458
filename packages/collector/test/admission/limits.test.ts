import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { ClientTable } from '../../src/admission/client-table.ts';
import { createClientTable, openClientTable } from '../../src/admission/client-table.ts';
import type { ClientLimits, Limiter, LimitKind } from '../../src/admission/limits.ts';
import { createLimiter } from '../../src/admission/limits.ts';
import { TICKS_PER_MS, TICKS_PER_SECOND } from '../../src/admission/monotonic.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { between } from '../rings/random.ts';
import type { TableData, TableResult } from './admission-worker.ts';

const START = 3_600 * TICKS_PER_SECOND;
const OFF: ClientLimits = {
  requestsPerSecond: Infinity,
  bytesPerSecond: Infinity,
  pointsPerSecond: Infinity,
  burstMs: 1000,
};

interface Limited {
  table: ClientTable;
  limiter: Limiter;
  slot: number;
}

function limited(limits: Partial<ClientLimits>, startTicks = START): Limited {
  const table = openClientTable(createClientTable(4));
  const limiter = createLimiter(table, { ...OFF, ...limits });
  return { table, limiter, slot: table.find('client', startTicks) };
}

/** Uses up the burst, then asks for `amount` whenever it would be let through. @returns what was admitted per second. */
function longRunRate({ limiter, slot }: Limited, kind: LimitKind, amount: number, seconds: number): number {
  let now = START;
  let admitted = 0;
  while (limiter.charge(slot, kind, amount, now) === 0);
  const end = START + seconds * TICKS_PER_SECOND;
  while (now < end) {
    const waitMs = limiter.charge(slot, kind, amount, now);
    if (waitMs === 0) admitted += amount;
    else now += waitMs * TICKS_PER_MS;
  }
  return admitted / seconds;
}

describe('a limit', () => {
  test('admits a burst, then refuses and says when to come again', () => {
    const { limiter, slot } = limited({ requestsPerSecond: 10, burstMs: 1000 });
    expect(limiter.remaining(slot, 'requests', START)).toBe(10);
    for (let i = 0; i < 10; i++) expect(limiter.charge(slot, 'requests', 1, START), `request ${i}`).toBe(0);
    expect(limiter.remaining(slot, 'requests', START)).toBe(0);
    expect(limiter.charge(slot, 'requests', 1, START)).toBe(100);
    expect(limiter.charge(slot, 'requests', 1, START + 99 * TICKS_PER_MS)).toBe(1);
    expect(limiter.charge(slot, 'requests', 1, START + 100 * TICKS_PER_MS)).toBe(0);
    expect(limiter.charge(slot, 'requests', 1, START + 100 * TICKS_PER_MS)).toBe(100);
  });

  test('that is off costs nothing and never refuses', () => {
    const { limiter, slot, table } = limited({ requestsPerSecond: 1 });
    const before = [...table.words];
    for (let i = 0; i < 1000; i++) expect(limiter.charge(slot, 'bytes', 1e9, START)).toBe(0);
    limiter.owe(slot, 'points', 1e9, START);
    limiter.refund(slot, 'points', 1e9, START);
    expect(limiter.remaining(slot, 'points', START)).toBe(Infinity);
    expect([...table.words]).toEqual(before);
  });

  test('of one client or kind does not touch another', () => {
    const { limiter, slot, table } = limited({ requestsPerSecond: 1, bytesPerSecond: 1, burstMs: 1000 });
    const other = table.find('other', START);
    expect(limiter.charge(slot, 'requests', 1, START)).toBe(0);
    expect(limiter.charge(slot, 'requests', 1, START)).toBeGreaterThan(0);
    expect(limiter.charge(other, 'requests', 1, START)).toBe(0);
    expect(limiter.charge(slot, 'bytes', 1, START)).toBe(0);
  });

  test('lets an amount larger than the burst through when nothing is owed, and makes it pay', () => {
    const { limiter, slot } = limited({ bytesPerSecond: 1000, burstMs: 1000 });
    expect(limiter.charge(slot, 'bytes', 5000, START)).toBe(0);
    expect(limiter.charge(slot, 'bytes', 5000, START)).toBe(5000);
    expect(limiter.charge(slot, 'bytes', 500, START)).toBe(4500);
    expect(limiter.charge(slot, 'bytes', 5000, START + 5 * TICKS_PER_SECOND)).toBe(0);
  });

  test('takes points as debt: the request that brings them passes, the next one waits', () => {
    const { limiter, slot } = limited({ pointsPerSecond: 100, burstMs: 1000 });
    expect(limiter.charge(slot, 'points', 0, START)).toBe(0);
    limiter.owe(slot, 'points', 300, START);
    expect(limiter.charge(slot, 'points', 0, START)).toBe(2000);
    expect(limiter.charge(slot, 'points', 0, START + 2 * TICKS_PER_SECOND)).toBe(0);
  });

  test('never makes anybody wait longer than 60 s', () => {
    const { limiter, slot } = limited({ pointsPerSecond: 1, burstMs: 0 });
    for (let i = 0; i < 10; i++) limiter.owe(slot, 'points', 1e6, START);
    expect(limiter.charge(slot, 'points', 0, START)).toBe(60_000);
    expect(limiter.charge(slot, 'points', 0, START + 60 * TICKS_PER_SECOND)).toBe(0);
  });

  test('takes a refund back exactly, and a refund beyond what is owed is no credit', () => {
    const { limiter, slot } = limited({ bytesPerSecond: 1000, burstMs: 1000 });
    limiter.charge(slot, 'bytes', 400, START);
    limiter.refund(slot, 'bytes', 400, START);
    expect(limiter.remaining(slot, 'bytes', START)).toBe(1000);
    limiter.refund(slot, 'bytes', 100_000, START);
    expect(limiter.remaining(slot, 'bytes', START)).toBe(1000);
    expect(limiter.charge(slot, 'bytes', 1000, START)).toBe(0);
    expect(limiter.charge(slot, 'bytes', 1, START)).toBe(1);
  });

  test.each([
    [{ requestsPerSecond: 0 }, /requestsPerSecond is 0/],
    [{ bytesPerSecond: Number.NaN }, /bytesPerSecond is NaN/],
    [{ pointsPerSecond: -1 }, /pointsPerSecond is -1/],
    [{ burstMs: 30_001 }, /burstMs is 30001/],
    [{ burstMs: -1 }, /burstMs is -1/],
  ])('is not made of %j', (limits, message) => {
    expect(() => limited(limits)).toThrow(message);
  });
});

describe('the long-run rate', () => {
  test('is exact within 1 % for every rate and cost, over many turns of the 32-bit tick', () => {
    const cases: [rate: number, amount: number, seconds: number][] = [
      [0.1, 1, 20_000],
      [1, 1, 5000],
      [3, 1, 3000],
      [99.7, 1, 600],
      [5000, 1, 60],
      [333_333, 1, 0.5],
      [700_001, 1, 0.3],
      [1_000_000, 60, 5],
      [3_000_000, 60, 3],
      [65_536, 4096, 2000],
      [16 * 1024 * 1024, 1266, 5],
      [1_000_000_000, 600, 0.2],
      [1000, 7000, 10_000],
    ];
    for (const [rate, amount, seconds] of cases) {
      const found = longRunRate(limited({ bytesPerSecond: rate, burstMs: 100 }), 'bytes', amount, seconds);
      expect(Math.abs(found / rate - 1), `${amount} at ${rate}/s: ${found}/s`).toBeLessThan(0.01);
    }
  });

  test('is exact within 1 % for points, which are charged afterwards', () => {
    const { limiter, slot } = limited({ pointsPerSecond: 5000, burstMs: 500 });
    const random = mulberry32(5);
    let points = 0;
    let now = START;
    const seconds = 2000;
    while (now < START + seconds * TICKS_PER_SECOND) {
      const waitMs = limiter.charge(slot, 'points', 0, now);
      now += waitMs * TICKS_PER_MS;
      if (waitMs > 0) continue;
      const amount = between(random, 1, 6000);
      limiter.owe(slot, 'points', amount, now);
      points += amount;
    }
    expect(Math.abs(points / seconds / 5000 - 1)).toBeLessThan(0.01);
  });
});

describe('an idle client', () => {
  const idleSeconds = [
    60,
    60.999,
    61,
    62,
    120,
    134,
    134.217728,
    134.3,
    135,
    268,
    268.435456,
    268.5,
    300,
    402.653184,
    536.870912,
    71.582788 * 60,
    134 * 60,
    7200,
    86_400,
    30 * 86_400,
  ];

  test.each(idleSeconds)('is let through after %d s, in credit or in debt before', (seconds) => {
    for (const owed of [0, 1, 500, 1e6]) {
      const { limiter, slot } = limited({ bytesPerSecond: 100, requestsPerSecond: 10, burstMs: 1000 });
      limiter.charge(slot, 'requests', 1, START);
      limiter.owe(slot, 'bytes', owed, START);
      const now = START + Math.round(seconds * TICKS_PER_SECOND);
      // The rest of the burst is what a worker may not have charged yet.
      expect(limiter.charge(slot, 'bytes', 96, now), `owed ${owed}`).toBe(0);
      const waitMs = limiter.charge(slot, 'bytes', 100, now);
      expect(waitMs).toBeGreaterThanOrEqual(960);
      expect(waitMs).toBeLessThanOrEqual(1000);
      expect(limiter.remaining(slot, 'requests', now)).toBe(10);
    }
  });

  test('whose one limit is used all the time finds the other fresh after hours', () => {
    const { limiter, slot } = limited({ requestsPerSecond: 10, bytesPerSecond: 100 });
    limiter.charge(slot, 'bytes', 100, START);
    const left = new Set<number>();
    for (let second = 1; second < 3 * 3600; second++) {
      const now = START + second * TICKS_PER_SECOND;
      expect(limiter.charge(slot, 'requests', 1, now)).toBe(0);
      left.add(limiter.remaining(slot, 'bytes', now));
    }
    expect([...left]).toEqual([100]);
  });

  test('that begins at any place of the 32-bit tick is admitted its burst', () => {
    for (let turn = 0; turn < 64; turn++) {
      const start = START + turn * 2 ** 26;
      const { limiter, slot } = limited({ requestsPerSecond: 10, burstMs: 1000 }, start);
      for (let i = 0; i < 10; i++) expect(limiter.charge(slot, 'requests', 1, start), `turn ${turn}`).toBe(0);
      expect(limiter.charge(slot, 'requests', 1, start)).toBe(100);
    }
  });
});

describe('what workers keep to themselves', () => {
  const THREADS = 4;

  /** A limiter of each of four threads, on one slot. */
  function fourLimiters(limits: Partial<ClientLimits>): { limiters: Limiter[]; slot: number } {
    const shared = createClientTable(4, { threads: THREADS });
    const tables = Array.from({ length: THREADS }, (_, i) => openClientTable(shared, i + 1));
    const limiters = tables.map((table) => createLimiter(table, { ...OFF, ...limits }));
    return { limiters, slot: (tables[0] as ClientTable).find('client', START) };
  }

  test.each([1, 7, 60])('never lets more than the burst through at once, nor much less, by %i', (amount) => {
    const { limiters, slot } = fourLimiters({ bytesPerSecond: 10_000, burstMs: 1000 });
    let admitted = 0;
    for (let refused = 0, i = 0; refused < THREADS; i++) {
      const isIn = (limiters[i % THREADS] as Limiter).charge(slot, 'bytes', amount, START) === 0;
      admitted += isIn ? amount : 0;
      refused = isIn ? 0 : refused + 1;
    }
    expect(admitted).toBeLessThanOrEqual(10_000);
    expect(admitted).toBeGreaterThan(10_000 * (1 - 1 / 32) - amount);
  });

  test('leaves the long-run rate exact within 1 %, whichever of them is asked', () => {
    const { limiters, slot } = fourLimiters({ requestsPerSecond: 997, bytesPerSecond: 600_000, burstMs: 1000 });
    const random = mulberry32(6);
    const seconds = 300;
    let [requests, now] = [0, START];
    for (let i = 0; i < 5000; i++) limiters[i % THREADS]?.charge(slot, 'requests', 1, now);
    while (now < START + seconds * TICKS_PER_SECOND) {
      const limiter = limiters[between(random, 0, THREADS - 1)] as Limiter;
      if (limiter.tryAdmit(slot, 60, now) || limiter.charge(slot, 'requests', 1, now) === 0) requests++;
      now += between(random, 0, TICKS_PER_MS);
    }
    expect(Math.abs(requests / seconds / 997 - 1), `${requests / seconds}/s`).toBeLessThan(0.01);
  });

  test('is charged before anybody is refused, so that the wait is the true one', () => {
    const { limiters, slot } = fourLimiters({ bytesPerSecond: 1000, burstMs: 10_000 });
    const [one, two] = limiters as [Limiter, Limiter];
    one.owe(slot, 'bytes', 50, START);
    expect(two.remaining(slot, 'bytes', START), 'kept by the first').toBeGreaterThan(9700);
    one.owe(slot, 'bytes', 9950, START);
    const waitMs = two.charge(slot, 'bytes', 100, START);
    expect(waitMs).toBeGreaterThanOrEqual(100);
    expect(two.charge(slot, 'bytes', 100, START + waitMs * TICKS_PER_MS)).toBe(0);
  });

  test('is nothing of a request when one of the limits must be looked at', () => {
    const { limiter, slot } = limited({ requestsPerSecond: 1000, bytesPerSecond: 1000, burstMs: 10_000 });
    expect(limiter.tryAdmit(slot, 100, START)).toBe(true);
    expect(limiter.tryAdmit(slot, 9950, START)).toBe(false);
    expect(limiter.remaining(slot, 'requests', START)).toBe(9999);
    expect(limiter.remaining(slot, 'bytes', START)).toBe(9900);
  });
});

test('three threads on one client are admitted exactly what one would be', async () => {
  const shared = createClientTable(4, { threads: 3 });
  const gate = new SharedArrayBuffer(8);
  const rounds = 160_000;
  const url = new URL('./admission-worker.ts', import.meta.url);
  const base = { work: 'hammer', shared, gate, threads: 3, clients: 1, rounds, nowTicks: START } as const;
  const results = await Promise.all(
    [1, 2, 3].map(async (holder) => {
      const worker = new Worker(url, { workerData: { ...base, holder } satisfies TableData });
      const [result] = (await once(worker, 'message')) as [TableResult];
      return result;
    }),
  );
  const admitted = results.reduce((sum, result) => sum + result.admitted, 0);
  // 10 s less one millisecond at 5000/s, and a burst of 500.
  const exact = (rounds / 16 - 1) * 5 + 500;
  expect(admitted).toBeLessThanOrEqual(exact + 3);
  expect(admitted).toBeGreaterThanOrEqual(exact * 0.99);
});
