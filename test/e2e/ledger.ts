/**
 * The reconciliation that every fault test ends with: what clients were told yes to, against what is in the JSONL files.
 * Owns the reading of the files and the verdict per triple (client_id, epoch, seq): stored once and whole, or not.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

export interface Triple {
  clientId: string;
  epoch: number;
  seq: number;
}

export const keyOf = ({ clientId, epoch, seq }: Triple): string => `${clientId} ${epoch} ${seq}`;

/** Lines stored per triple, over all files of a JSONL directory. @throws when a line is no JSON (torn). */
export function linesByTriple(dir: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync(dir).toSorted()) {
    if (!/^metrics-\d+\.jsonl(\.zst)?$/.test(name)) continue;
    const raw = readFileSync(join(dir, name));
    const text = (name.endsWith('.zst') ? zstdDecompressSync(raw) : raw).toString('utf8');
    if (text !== '' && !text.endsWith('\n')) throw new Error(`${name}: the last line is torn`);
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const { client_id, epoch, seq } = JSON.parse(line) as { client_id: string; epoch: number; seq: number };
      const key = keyOf({ clientId: client_id, epoch, seq });
      found.set(key, (found.get(key) ?? 0) + 1);
    }
  }
  return found;
}

export interface Reconciliation {
  /** Acknowledged and not stored, or not whole. */
  lost: string[];
  /** Stored more often than once. */
  repeated: string[];
  /** Stored and never sent, or stored in part. */
  invented: string[];
  stored: number;
}

/** @param sent points by triple. @param acked triples that were told yes. */
export function reconcile(
  stored: ReadonlyMap<string, number>,
  sent: ReadonlyMap<string, number>,
  acked: ReadonlySet<string>,
): Reconciliation {
  const result: Reconciliation = { lost: [], repeated: [], invented: [], stored: stored.size };
  for (const key of acked) if ((stored.get(key) ?? 0) < (sent.get(key) ?? 0)) result.lost.push(key);
  for (const [key, lines] of stored) {
    const points = sent.get(key);
    if (points === undefined || lines < points) result.invented.push(key);
    else if (lines > points) result.repeated.push(key);
  }
  return result;
}
