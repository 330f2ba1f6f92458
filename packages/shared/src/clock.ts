/**
 * Time, as everything that waits or measures takes it: an object passed in, so that tests own the time. Promises that
 * durations come from the monotonic clock (a stepped wall clock changes no timeout) and that a sleep never rejects.
 */

/** setTimeout takes no more; a longer sleep is cut into pieces. */
const TIMER_MS_MAX = 2_147_483_647;

export interface Clock {
  /** Wall clock, whole Unix milliseconds; may step in either direction. */
  unixMs(): number;
  /** Never goes back; only differences mean something. Fractions of a millisecond are kept. */
  monotonicMs(): number;
  /** Resolves after `ms`, or as soon as the signal is aborted: ask the signal which it was. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  unixMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep,
};

/** The system clock's sleep: resolves after `ms` or when the signal is aborted, never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const endMs = performance.now() + ms;
  for (let leftMs = ms; leftMs > 0; leftMs = endMs - performance.now()) {
    if (signal?.aborted === true) return;
    await sleepOnce(Math.min(leftMs, TIMER_MS_MAX), signal);
  }
}

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    // Rounded up: a timer that fires early would make the caller's loop spin.
    const timer = setTimeout(done, Math.ceil(ms));
    signal?.addEventListener('abort', done, { once: true });
  });
}
