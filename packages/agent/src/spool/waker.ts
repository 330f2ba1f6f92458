/** Waiting for "something has changed" within one thread; whoever waits looks again and decides for itself. */

export interface Waker {
  wake(): void;
  /** Resolves at the next `wake`, or when the signal is aborted. */
  wait(signal: AbortSignal): Promise<void>;
}

export function createWaker(): Waker {
  const waiting = new Set<() => void>();
  return {
    wake() {
      for (const done of waiting) done();
    },
    wait(signal) {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          waiting.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        waiting.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    },
  };
}
