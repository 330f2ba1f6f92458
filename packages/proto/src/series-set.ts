/**
 * What a reader remembers of each client: the decoded schema of its last batches. Owns the objects' identity and
 * promises that a client's SeriesSet is the same object as long as its symbols, resource and series are the same
 * bytes, so that a sink may keep texts per SeriesSet or Series in a WeakMap. Bounded in clients and in bytes.
 */
import type { Batch, Series } from './batch.ts';

/** Whose points, and of what. */
export interface SeriesSet {
  readonly resource: Batch['resource'];
  readonly series: readonly Series[];
}

export interface SeriesSetCache {
  /** @returns what is known to decode from a schema the bytes at `at` begin with, and its length, or undefined. */
  find(clientId: string, bytes: Uint8Array, at: number): KnownSchema | undefined;
  /** Keeps a copy of the schema [at, end) and what it decoded to; the client used longest ago makes room. */
  store(clientId: string, bytes: Uint8Array, at: number, end: number, set: SeriesSet): void;
}

export interface KnownSchema {
  readonly bytes: Buffer;
  readonly set: SeriesSet;
}

/** A client alternates between a few schemas at most: a slow sampler joins every third sweep, a backlog is older. */
const SCHEMAS_PER_CLIENT_MAX = 4;
const SCHEMA_BYTES_MAX = 64 * 1024 * 1024;

/**
 * @param options.clientsMax clients remembered.
 * @param options.bytesMax of all schemas as they are on the wire (64 MiB); decoded they take some ten times that.
 */
export function createSeriesSetCache(options: { clientsMax: number; bytesMax?: number }): SeriesSetCache {
  const bytesMax = options.bytesMax ?? SCHEMA_BYTES_MAX;
  /** In order of use, the longest ago first. */
  const clients = new Map<string, KnownSchema[]>();
  let bytesKept = 0;

  const forget = (clientId: string, schemas: KnownSchema[]): void => {
    clients.delete(clientId);
    for (const schema of schemas) bytesKept -= schema.bytes.length;
  };

  return {
    find(clientId, bytes, at) {
      const schemas = clients.get(clientId);
      if (schemas === undefined) return undefined;
      for (const [index, known] of schemas.entries()) {
        const end = at + known.bytes.length;
        if (end > bytes.length || known.bytes.compare(bytes, at, end) !== 0) continue;
        if (index > 0) {
          schemas.splice(index, 1);
          schemas.unshift(known);
        }
        clients.delete(clientId);
        clients.set(clientId, schemas);
        return known;
      }
      return undefined;
    },
    store(clientId, bytes, at, end, set) {
      const length = end - at;
      if (length > bytesMax) return;
      const schemas = clients.get(clientId) ?? [];
      clients.delete(clientId);
      if (schemas.length >= SCHEMAS_PER_CLIENT_MAX) bytesKept -= schemas.pop()?.bytes.length ?? 0;
      for (const [other, theirs] of clients) {
        if (clients.size < options.clientsMax && bytesKept + length <= bytesMax) break;
        forget(other, theirs);
      }
      // Only its own older schemas can be in the way now.
      while (bytesKept + length > bytesMax) bytesKept -= schemas.pop()?.bytes.length ?? bytesKept;
      const copy = Buffer.allocUnsafeSlow(length);
      copy.set(bytes.subarray(at, end));
      schemas.unshift({ bytes: copy, set });
      clients.set(clientId, schemas);
      bytesKept += length;
    },
  };
}
