/**
 * What a consumer holds: batches that wait for a taker and batches that were taken and are not committed yet, by partition.
 * Pure state. Promises that partitions take turns, that a batch never comes after a hole (`arrive` says no), and that
 * fetching is paused while two batches of a partition wait or all held bytes reach the bound.
 */
import type { ConsumedBatch, PartitionProgress } from './consumer.ts';

/** One is taken while the next is fetched; a second waits so that a quick taker never has the fetching paused. */
const WAITING_MAX = 2;

export interface HeldOptions {
  bytesMax: number;
  pause(partition: number): void;
  resume(partition: number): void;
}

/**
 * How an arrival was taken. `missed`: so many offsets before it are gone; `rewound`: the partition begins anew, before what
 * was read. Not taken: it was on its way when its partition was lost, or is an answer that another one has overtaken.
 */
export type Arrival = { taken: true; missed: number; rewound: boolean } | { taken: false };

export interface Held {
  readonly generation: number;
  readonly bytes: number;
  /** Starts a new generation with these partitions; nothing is held then. */
  assign(partitions: readonly number[]): void;
  /** Ends the generation. @returns the partitions it had. */
  revoke(): number[];
  arrive(batch: ConsumedBatch, progress: { fetchedOffset: number; end: number }): Arrival;
  take(): ConsumedBatch | undefined;
  /** Whether fetching is to pause whatever is held. */
  rest(partition: number, isResting: boolean): void;
  owns(batch: ConsumedBatch): boolean;
  commit(batch: ConsumedBatch, nextOffset: number): void;
  progress(): PartitionProgress[];
}

interface Shelf {
  waiting: ConsumedBatch[];
  taken: ConsumedBatch[];
  paused: boolean;
  resting: boolean;
  /** Where the next fetch should begin; undefined until the first one. */
  position: number | undefined;
  /** A fetch that began before that, once: the second is no late answer, the partition has been made anew. */
  doubted: number | undefined;
  committed: number | undefined;
  end: number;
}

export function createHeld({ bytesMax, pause, resume }: HeldOptions): Held {
  let shelves = new Map<number, Shelf>();
  let generation = 0;
  let bytes = 0;
  let lastServed = -1;

  function regulate(): void {
    for (const [partition, shelf] of shelves) {
      const full = shelf.resting || bytes >= bytesMax || shelf.waiting.length >= WAITING_MAX;
      if (full === shelf.paused) continue;
      shelf.paused = full;
      (full ? pause : resume)(partition);
    }
  }

  return {
    get generation() {
      return generation;
    },
    get bytes() {
      return bytes;
    },
    assign(partitions) {
      generation++;
      bytes = 0;
      shelves = new Map(partitions.map((partition) => [partition, emptyShelf()]));
      // A pause outlives the generation it was made in.
      for (const partition of partitions) resume(partition);
    },
    revoke() {
      const had = [...shelves.keys()];
      generation++;
      bytes = 0;
      shelves = new Map();
      return had;
    },
    arrive(batch, { fetchedOffset, end }) {
      const shelf = shelves.get(batch.partition);
      if (shelf === undefined) return { taken: false };
      const rewound = fetchedOffset < (shelf.position ?? 0);
      if (rewound && shelf.doubted !== fetchedOffset) {
        shelf.doubted = fetchedOffset;
        return { taken: false };
      }
      const first = batch.messages[0]?.offset ?? batch.nextOffset;
      const expected = shelf.position ?? first;
      shelf.position = batch.nextOffset;
      shelf.end = end;
      shelf.waiting.push(batch);
      bytes += batch.bytes;
      regulate();
      return { taken: true, missed: Math.max(0, first - expected), rewound };
    },
    take() {
      const waiting = [...shelves.keys()].filter((partition) => (shelves.get(partition)?.waiting.length ?? 0) > 0);
      const partition = waiting.find((one) => one > lastServed) ?? waiting[0];
      const shelf = partition === undefined ? undefined : shelves.get(partition);
      const batch = shelf?.waiting.shift();
      if (shelf === undefined || batch === undefined) return undefined;
      lastServed = batch.partition;
      shelf.taken.push(batch);
      regulate();
      return batch;
    },
    rest(partition, isResting) {
      const shelf = shelves.get(partition);
      if (shelf !== undefined) shelf.resting = isResting;
      regulate();
    },
    owns: (batch) => batch.generation === generation,
    commit(batch, nextOffset) {
      const shelf = shelves.get(batch.partition);
      if (shelf === undefined) return;
      shelf.committed = nextOffset;
      while (shelf.taken[0] !== undefined && shelf.taken[0].nextOffset <= nextOffset)
        bytes -= shelf.taken.shift()?.bytes ?? 0;
      regulate();
    },
    progress: () =>
      [...shelves].map(([partition, { committed, end }]) => ({
        partition,
        committed,
        end,
        lag: committed === undefined ? 0 : Math.max(0, end - committed),
      })),
  };
}

function emptyShelf(): Shelf {
  return {
    waiting: [],
    taken: [],
    paused: false,
    resting: false,
    position: undefined,
    doubted: undefined,
    committed: undefined,
    end: 0,
  };
}
