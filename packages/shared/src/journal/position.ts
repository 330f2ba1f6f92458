/**
 * How far a journal is durable, in memory that all threads share. Owns the cell and its waiting, and promises that a
 * waiter never sleeps through an advance: it waits on the value it last saw, never on a fresh load.
 */

/** Positions below it survive power loss. One writer (who owns the journal), any number of readers on any thread. */
export interface DurablePosition {
  /** Hand this to another thread and open it there with `openDurablePosition`. */
  readonly memory: SharedArrayBuffer;
  get(): number;
  advance(position: number): void;
  /** Resolves when the position differs from `seen`, the signal aborts, or `atMostMs` have passed. */
  changed(seen: number, signal: AbortSignal, atMostMs?: number): Promise<void>;
}

const FALLBACK_MS = 1000;

export function createDurablePosition(position = 0): DurablePosition {
  const cell = openDurablePosition(new SharedArrayBuffer(8));
  cell.advance(position);
  return cell;
}

export function openDurablePosition(memory: SharedArrayBuffer): DurablePosition {
  const cell = new BigInt64Array(memory);
  return {
    memory,
    get: () => Number(Atomics.load(cell, 0)),
    advance(position) {
      Atomics.store(cell, 0, BigInt(position));
      Atomics.notify(cell, 0);
    },
    async changed(seen, signal, atMostMs = FALLBACK_MS) {
      const wait = Atomics.waitAsync(cell, 0, BigInt(seen), atMostMs);
      if (!wait.async || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          resolve();
        };
        signal.addEventListener('abort', done);
        void wait.value.then(done);
      });
    },
  };
}
