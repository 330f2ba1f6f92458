/**
 * The one clock of admission. Owns the unit of limits, the tick of 1/16 µs, and promises the same reading in every
 * thread of the process: process.hrtime counts from the machine's start, where performance.now() counts from each
 * thread's own. Reading costs about 50 ns, so a worker reads once per event-loop turn and passes the value on.
 */

export const TICKS_PER_MS = 16_000;
export const TICKS_PER_SECOND = 16_000_000;

/** @returns whole ticks since an arbitrary start: an exact number for 17 years; its low 32 bits are what memory shares. */
export function monotonicTicks(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * TICKS_PER_SECOND + Math.floor((nanoseconds * 16) / 1000);
}

/** @returns whole seconds, the table's unit of idleness. */
export function ticksToSeconds(ticks: number): number {
  return Math.floor(ticks / TICKS_PER_SECOND);
}

/** @returns milliseconds in 32 bits, the decisions' unit of time. */
export function ticksToMs32(ticks: number): number {
  return Math.floor(ticks / TICKS_PER_MS) >>> 0;
}
