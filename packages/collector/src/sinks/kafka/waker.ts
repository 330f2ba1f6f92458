/** Waiting within one thread for whoever says that something has changed. Promises that a call to `wake` is never slept through. */

export interface Waker {
  /** Ends the wait under way, or the next one at once. */
  wake(): void;
  /** Resolves on `wake`, after `ms`, or when the signal is aborted. One waiter at a time. */
  wait(ms?: number, signal?: AbortSignal): Promise<void>;
}

export function createWaker(): Waker {
  let woken = false;
  let waiting: (() => void) | undefined;
  return {
    wake() {
      woken = true;
      waiting?.();
    },
    wait(ms, signal) {
      return new Promise((resolve) => {
        let timer: NodeJS.Timeout | undefined;
        const done = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          waiting = undefined;
          woken = false;
          resolve();
        };
        if (woken || signal?.aborted === true) {
          done();
          return;
        }
        waiting = done;
        signal?.addEventListener('abort', done);
        if (ms !== undefined) timer = setTimeout(done, Math.ceil(ms));
      });
    },
  };
}
