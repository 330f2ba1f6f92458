import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beginEpoch, epochAfter } from '../src/epoch.ts';
import { seeded, tempDir } from './support.ts';

const NOW_MS = 1_795_446_662_804;

describe('the epoch', () => {
  it('is the time in ms × 1024 and ten random bits, and on disk when it is returned', () => {
    const stateDir = tempDir();
    const epoch = beginEpoch({ stateDir, nowUnixMs: NOW_MS, atLeastAbove: 0 });
    expect(Math.floor(epoch / 1024)).toBe(NOW_MS);
    expect(readFileSync(join(stateDir, 'epoch'), 'utf8')).toBe(`${epoch}\n`);
  });

  it('grows over restarts whatever the wall clock does (seed 7)', () => {
    const stateDir = tempDir();
    const random = seeded(7);
    let last = 0;
    for (let run = 0; run < 50; run++) {
      const nowUnixMs = NOW_MS + (random.below(3) - 1) * random.below(1e9);
      const epoch = beginEpoch({ stateDir, nowUnixMs, atLeastAbove: 0 });
      expect(epoch).toBeGreaterThan(last);
      expect(Number.isSafeInteger(epoch)).toBe(true);
      last = epoch;
    }
  });

  it('is above what the spool holds, also when its own file is lost or damaged', () => {
    const stateDir = tempDir();
    const above = NOW_MS * 1024 * 2;
    writeFileSync(join(stateDir, 'epoch'), 'garbage');
    expect(beginEpoch({ stateDir, nowUnixMs: NOW_MS, atLeastAbove: above })).toBe(above + 1);
  });

  it('stays below 2^53 until the year 2248, and what is not is an error', () => {
    expect(Number.isSafeInteger(epochAfter(0, Date.UTC(2248, 0), 1023))).toBe(true);
    const options = { stateDir: tempDir(), nowUnixMs: NOW_MS, atLeastAbove: Number.MAX_SAFE_INTEGER };
    expect(() => beginEpoch(options)).toThrow('not below 2^53');
  });
});
