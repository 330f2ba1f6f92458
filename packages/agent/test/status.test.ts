import { describe, expect, it } from 'vitest';
import { notReadyReasons } from '../src/status.ts';

const well = { intervalMs: 10_000, sinceSweepMs: 9000, spool: { oldestAgeMs: 12_000 }, lastError: '', halted: false };

describe('readiness', () => {
  it('is no reasons while sampling goes on and nothing is late', () => {
    expect(notReadyReasons(well)).toEqual([]);
    expect(notReadyReasons({ ...well, spool: { oldestAgeMs: 60_000 } })).toEqual([]);
  });

  it('names each thing that is wrong', () => {
    const ill = {
      ...well,
      sinceSweepMs: 61_000,
      spool: { oldestAgeMs: 90_000 },
      lastError: 'status 401',
      halted: true,
    };
    expect(notReadyReasons(ill)).toEqual([
      'nothing was sampled for 1m1s',
      'nothing can be sent: status 401',
      'the oldest unsent batch is 1m30s old (status 401)',
    ]);
  });
});
