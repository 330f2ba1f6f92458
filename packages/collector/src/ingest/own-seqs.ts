/**
 * The triples of lines that came by /v1/jsonl. Owns the epoch and the next seq of each client that is the collector's own,
 * and promises that no two batches ever have the same triple: an epoch belongs to one run of one worker, a seq is given
 * once. A batch that could not be stored is not sent again under its seq; what is below `oldest` needs no memory.
 */
import { randomInt } from 'node:crypto';

/** As an agent's: Unix ms × 1024, and 10 bits that tell apart who begins in the same millisecond. */
const SPAN = 1024;
/** More workers than there can be. */
const WORKERS_SPAN = 64;
const CLIENTS_MAX = 1024;

export interface OwnSeq {
  readonly epoch: number;
  next: number;
  /** Given and not settled yet: they settle in the order in which they were given. */
  inFlight: number;
}

/** @returns the client's seqs in this run of the worker; a client that is forgotten begins a new epoch. */
export function createOwnSeqs(worker: number): (clientId: string, nowUnixMs: number) => OwnSeq {
  const known = new Map<string, OwnSeq>();
  let lastEpoch = 0;

  function nextEpoch(nowUnixMs: number): number {
    const mine = randomInt(SPAN / WORKERS_SPAN) * WORKERS_SPAN + (worker % WORKERS_SPAN);
    lastEpoch = Math.max(nowUnixMs * SPAN + mine, lastEpoch + SPAN);
    return lastEpoch;
  }

  function forgetIdle(): void {
    for (const [clientId, { inFlight }] of known) {
      if (known.size < CLIENTS_MAX) return;
      if (inFlight === 0) known.delete(clientId);
    }
  }

  return (clientId, nowUnixMs) => {
    let seq = known.get(clientId);
    if (seq === undefined) {
      if (known.size >= CLIENTS_MAX) forgetIdle();
      known.set(clientId, (seq = { epoch: nextEpoch(nowUnixMs), next: 1, inFlight: 0 }));
    }
    return seq;
  };
}
