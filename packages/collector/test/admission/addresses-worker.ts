/** One of several ingest workers that count connections at once, for addresses.test.ts. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { type AddressLimits, type AddressMemory, openAddresses } from '../../src/admission/addresses.ts';

export interface AddressData {
  counts: AddressMemory;
  worker: number;
  limits: AddressLimits;
  /** One word: threads that are ready; all begin when it says `threads`. */
  gate: SharedArrayBuffer;
  threads: number;
  /** Connections now in all threads, the most there ever were, the same of the address with the number 0. */
  seen: SharedArrayBuffer;
  rounds: number;
  /** Whom they come from, in turn. */
  addresses: string[];
  /** Of those let in, at most so many stay; 2 at the end. */
  keep: number;
}

function raise(words: Int32Array, at: number, value: number): void {
  for (let most = Atomics.load(words, at); value > most; most = Atomics.load(words, at))
    Atomics.compareExchange(words, at, most, value);
}

/** Connections come and go as fast as they can. @returns how many were let in. */
function hammer({ counts, worker, limits, seen, rounds, addresses, keep }: AddressData): number {
  const door = openAddresses(counts, worker, limits);
  const words = new Int32Array(seen);
  const held: string[] = [];
  let taken = 0;
  const leave = (): void => {
    const ip = held.shift() as string;
    Atomics.sub(words, 0, 1);
    if (ip === addresses[0]) Atomics.sub(words, 2, 1);
    door.gone(ip);
  };
  for (let round = 0; round < rounds; round++) {
    const ip = addresses[round % addresses.length] as string;
    if (door.arrived(ip) === undefined) {
      taken++;
      held.push(ip);
      raise(words, 1, Atomics.add(words, 0, 1) + 1);
      if (ip === addresses[0]) raise(words, 3, Atomics.add(words, 2, 1) + 1);
    }
    // Now and then one leaves in any case, or whoever comes late would find every place taken for good.
    if (held.length > keep || (round % 3 === 0 && held.length > 0)) leave();
  }
  while (held.length > 2) leave();
  return taken;
}

const data = workerData as Partial<AddressData> | undefined;
if (!isMainThread && data?.counts !== undefined) {
  const all = data as AddressData;
  const ready = new Int32Array(all.gate);
  Atomics.add(ready, 0, 1);
  while (Atomics.load(ready, 0) < all.threads);
  parentPort?.postMessage(hammer(all), []);
}
