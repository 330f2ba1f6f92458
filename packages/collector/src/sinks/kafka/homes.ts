/**
 * The partition of each client's key, remembered, and how many clients each partition has. Bounded in clients: those that
 * were not seen for a generation or two are forgotten, and counted no more.
 */
import { partitionFor } from './murmur2.ts';

/** A generation ends when it is full, and at the latest after this. */
const GENERATION_MS = 600_000;

export interface Homes {
  of(clientId: string): number;
  /** Clients seen of late, by partition. */
  clients(): readonly number[];
  /** Lets go of clients not seen for a generation. */
  age(): void;
}

/** @param clientsMax of a generation; two are kept. */
export function createHomes(
  { partitions, clientsMax }: { partitions: number; clientsMax: number },
  monotonicMs: () => number = () => performance.now(),
): Homes {
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  let bornMs = monotonicMs();
  const clients = new Array<number>(partitions).fill(0);

  function turn(): void {
    for (const [client, partition] of old) if (!young.has(client)) clients[partition]!--;
    old = young;
    young = new Map();
    bornMs = monotonicMs();
  }

  return {
    of(clientId) {
      const recent = young.get(clientId);
      if (recent !== undefined) return recent;
      const earlier = old.get(clientId);
      const partition = earlier ?? partitionFor(clientId, partitions);
      if (young.size >= clientsMax) turn();
      if (!old.has(clientId)) clients[partition]!++;
      young.set(clientId, partition);
      return partition;
    },
    clients: () => clients,
    age() {
      if (monotonicMs() - bornMs >= GENERATION_MS) turn();
    },
  };
}

/** The standard deviation of counts over their mean; 0 without any. */
export function relativeDeviation(counts: readonly number[]): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  if (!(mean > 0)) return 0;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
  return Math.sqrt(variance) / mean;
}
