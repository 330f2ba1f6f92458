/**
 * How long to wait before trying again: exponential, with full jitter, so that a fleet that failed together does not
 * come back together. Pure; the caller brings the attempt and the randomness.
 */

export interface BackoffOptions {
  /** Ceiling of the first wait. */
  initialMs: number;
  /** Ceiling of every wait. */
  maxMs: number;
  /** The other side's Retry-After: never sooner than this. */
  floorMs?: number;
}

/**
 * Full jitter, drawn after the cap, so that waits stay spread at the cap too: uniform in
 * [0, min(maxMs, initialMs × 2^attempt)), on top of the floor (else everybody told the same second comes in it).
 * @param attempt 0 for the first retry; any number is fine.
 * @param random uniform in [0, 1).
 * @returns milliseconds, fractions included.
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number = Math.random): number {
  const ceilingMs = Math.min(options.maxMs, options.initialMs * 2 ** attempt);
  return Math.max(0, options.floorMs ?? 0) + random() * ceilingMs;
}
