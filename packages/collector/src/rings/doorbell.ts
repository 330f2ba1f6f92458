/**
 * The one word that the journal thread sleeps on for all rings. Owns the wake-up and promises that none is lost: the
 * sleeper reads the bell, says that it sleeps, and looks at every ring once more before it waits; a writer publishes
 * first and then looks whether anybody sleeps. Since all four steps are sequentially consistent, one of the two sees
 * the other. A writer pays for a wake-up only when the sleeper really sleeps, which is when all rings are empty.
 *
 *   byte    0  i32 bell      counts rings; waited on
 *   byte  128  i32 sleeping  1 from before the sleeper's last look until somebody rings or it wakes
 */

const WORD = { bell: 0, sleeping: 32 } as const;
const DOORBELL_BYTES = 256;

export interface Doorbell {
  /** Any thread: wakes the sleeper, or keeps it from falling asleep; for anything that is not in a ring (stop). */
  ring(): void;
  /** Writers, after publishing: wakes the sleeper if it sleeps. */
  ringIfAsleep(): void;
  /**
   * The journal thread only: blocks until somebody rings, at most `timeoutMs`. `isQuiet` must look at every ring
   * afresh; it is called once, and a false makes `sleep` return at once.
   */
  sleep(isQuiet: () => boolean, timeoutMs: number): void;
}

export function createDoorbell(): SharedArrayBuffer {
  return new SharedArrayBuffer(DOORBELL_BYTES);
}

export function openDoorbell(shared: SharedArrayBuffer): Doorbell {
  const words = new Int32Array(shared);

  function ring(): void {
    Atomics.store(words, WORD.sleeping, 0);
    Atomics.add(words, WORD.bell, 1);
    Atomics.notify(words, WORD.bell);
  }

  function ringIfAsleep(): void {
    // The exchange lets only the first of several writers pay for the notify.
    if (Atomics.load(words, WORD.sleeping) === 0 || Atomics.exchange(words, WORD.sleeping, 0) === 0) return;
    Atomics.add(words, WORD.bell, 1);
    Atomics.notify(words, WORD.bell);
  }

  function sleep(isQuiet: () => boolean, timeoutMs: number): void {
    const heard = Atomics.load(words, WORD.bell);
    Atomics.store(words, WORD.sleeping, 1);
    if (isQuiet()) Atomics.wait(words, WORD.bell, heard, timeoutMs);
    Atomics.store(words, WORD.sleeping, 0);
  }

  return { ring, ringIfAsleep, sleep };
}
