import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import {
  monotonicTicks,
  TICKS_PER_MS,
  TICKS_PER_SECOND,
  ticksToMs32,
  ticksToSeconds,
} from '../../src/admission/monotonic.ts';

test('the clock is one clock in all threads', async () => {
  const module = new URL('../../src/admission/monotonic.ts', import.meta.url).href;
  const before = monotonicTicks();
  const code = `import(${JSON.stringify(module)}).then(({ monotonicTicks }) =>
    require('node:worker_threads').parentPort.postMessage(monotonicTicks()))`;
  const [there] = (await once(new Worker(code, { eval: true }), 'message')) as [number];
  const after = monotonicTicks();
  expect(there).toBeGreaterThanOrEqual(before);
  expect(there).toBeLessThanOrEqual(after);
});

test('a tick is 1/16 µs, whole, and exact far beyond 2^32', () => {
  const hr = process.hrtime();
  const ticks = monotonicTicks();
  expect(Number.isSafeInteger(ticks)).toBe(true);
  expect(ticks - hr[0] * TICKS_PER_SECOND - (hr[1] * 16) / 1000).toBeGreaterThanOrEqual(-1);
  expect(ticks - hr[0] * TICKS_PER_SECOND - (hr[1] * 16) / 1000).toBeLessThan(TICKS_PER_SECOND);
});

test('seconds and milliseconds are cut, and milliseconds stay in 32 bits', () => {
  expect(ticksToSeconds(TICKS_PER_SECOND * 90 - 1)).toBe(89);
  expect(ticksToMs32(TICKS_PER_MS * 7 + 15_999)).toBe(7);
  expect(ticksToMs32(TICKS_PER_MS * (4294967296 + 5))).toBe(5);
});
