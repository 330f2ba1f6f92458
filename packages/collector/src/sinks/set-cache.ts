/**
 * What a sink has made ready of a client's series set (bytes to copy), kept while the client sends the same set. Owns the
 * cache's bound, in bytes: two generations, and what was not used while the young one filled up goes with the old one.
 */
import type { SeriesSet } from '@metricstream/proto/read.ts';

export interface SetCacheOptions<Made> {
  bytesMax: number;
  /** A set that takes more is made each time, and nobody else's is forgotten for it. */
  setBytesMax: number;
  make(clientId: string, set: SeriesSet): { made: Made; bytes: number };
}

interface Kept<Made> {
  clientId: string;
  made: Made;
  bytes: number;
}

/** @returns what gives what was made for a client's set, from the cache where it can. */
export function createSetCache<Made>(options: SetCacheOptions<Made>): (clientId: string, set: SeriesSet) => Made {
  const { bytesMax, setBytesMax, make } = options;
  let young = new Map<SeriesSet, Kept<Made>>();
  let old = new Map<SeriesSet, Kept<Made>>();
  let youngBytes = 0;
  return (clientId, set) => {
    const recent = young.get(set);
    if (recent?.clientId === clientId) return recent.made;
    const earlier = old.get(set);
    const kept = earlier?.clientId === clientId ? earlier : { clientId, ...make(clientId, set) };
    if (kept.bytes > setBytesMax) return kept.made;
    if (youngBytes + kept.bytes > bytesMax / 2) {
      old = young;
      young = new Map();
      youngBytes = 0;
    }
    young.set(set, kept);
    youngBytes += kept.bytes;
    return kept.made;
  };
}
