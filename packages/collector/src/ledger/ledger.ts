/**
 * Which triples (client_id, epoch, seq) this collector has. Owns the dedupe state and promises: a triple is known only
 * after its record was fdatasynced; the same triple with other bytes is a conflict, never skipped; what a client says
 * it no longer holds (Oldest-Seq) is settled and needs no memory. Every table is bounded; one thread uses it.
 */
import type { EpochState } from './epoch-state.ts';
import { createEpochState, crcOf, has, hasRoom, insert, settleBelow } from './epoch-state.ts';

export interface LedgerLimits {
  clientsMax: number;
  epochsPerClientMax: number;
}

export const DEFAULT_LEDGER_LIMITS: LedgerLimits = { clientsMax: 65_536, epochsPerClientMax: 16 };

/**
 * - `new`: pending now; `confirm` or `forget` decides.
 * - `pending`: the same record stands earlier in the running group and shares its fate.
 * - `known`: durable already (or settled). `conflict`: known or pending with other bytes.
 * - `gaps`: the epoch has too many gaps to remember another. `full`: no client can be let go.
 */
export type Offer = 'new' | 'pending' | 'known' | 'conflict' | 'gaps' | 'full';

interface ClientState {
  epochs: Map<number, EpochState>;
  last: EpochState;
}

export interface Ledger {
  offer(clientId: string, epoch: number, seq: number, oldestSeq: number, bodyCrc: number): Offer;
  /** The running group is on disk: its triples are known from now on. */
  confirm(): void;
  /** The running group is not on disk: its triples were never seen. */
  forget(): void;
  /** Every seq of the epoch up to this one is settled; 0 when nothing is known. */
  contiguousSeq(clientId: string, epoch: number): number;
  /** The whole state, for the first record of a segment. */
  snapshot(): Uint8Array;
  /** Replaces the state by a snapshot's. @throws SyntaxError when it is none. */
  restore(snapshot: Uint8Array): void;
  clients(): number;
}

export function createLedger(limits: LedgerLimits = DEFAULT_LEDGER_LIMITS): Ledger {
  let clients = new Map<string, ClientState>();
  const pending: { state: EpochState; seq: number; crc: number; oldestSeq: number }[] = [];
  let clock = 0;

  function stateOf(clientId: string, epoch: number): EpochState | undefined {
    const client = clients.get(clientId);
    if (client) return epochOf(client, epoch);
    if (clients.size >= limits.clientsMax && !evictClient(clients)) return undefined;
    const state = createEpochState(epoch);
    clients.set(clientId, { epochs: new Map([[epoch, state]]), last: state });
    return state;
  }

  function epochOf(client: ClientState, epoch: number): EpochState {
    if (client.last.epoch === epoch) return client.last;
    let state = client.epochs.get(epoch);
    if (!state) {
      if (client.epochs.size >= limits.epochsPerClientMax) evictEpoch(client);
      state = createEpochState(epoch);
      client.epochs.set(epoch, state);
    }
    client.last = state;
    return state;
  }

  return {
    offer(clientId, epoch, seq, oldestSeq, bodyCrc) {
      const state = stateOf(clientId, epoch);
      if (!state) return 'full';
      state.used = ++clock;
      const pendingCrc = state.pending?.get(seq);
      if (pendingCrc !== undefined) return pendingCrc === bodyCrc ? 'pending' : 'conflict';
      if (has(state, seq)) {
        const crc = crcOf(state, seq);
        return crc === undefined || crc === bodyCrc ? 'known' : 'conflict';
      }
      if (!hasRoom(state, seq, oldestSeq)) return 'gaps';
      (state.pending ??= new Map()).set(seq, bodyCrc);
      pending.push({ state, seq, crc: bodyCrc, oldestSeq });
      return 'new';
    },
    confirm() {
      for (const { state, seq, crc, oldestSeq } of pending) {
        insert(state, seq, crc);
        settleBelow(state, oldestSeq);
        state.pending = undefined;
      }
      pending.length = 0;
    },
    forget() {
      for (const { state } of pending) state.pending = undefined;
      pending.length = 0;
    },
    contiguousSeq: (clientId, epoch) => clients.get(clientId)?.epochs.get(epoch)?.contiguous ?? 0,
    snapshot: () => Buffer.from(JSON.stringify({ clients: [...clients].map(packClient) })),
    restore(snapshot) {
      const text = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.length).toString('utf8');
      const kept = JSON.parse(text) as { clients: PackedClient[] };
      clients = new Map(kept.clients.map(unpackClient));
    },
    clients: () => clients.size,
  };
}

type PackedEpoch = [epoch: number, contiguous: number, ranges: number[], crcs: [number, number][]];
type PackedClient = [clientId: string, epochs: PackedEpoch[]];

function packClient([clientId, client]: [string, ClientState]): PackedClient {
  return [clientId, [...client.epochs.values()].map((s) => [s.epoch, s.contiguous, s.ranges, [...s.crcs]])];
}

function unpackClient([clientId, packed]: PackedClient): [string, ClientState] {
  const epochs = new Map<number, EpochState>();
  for (const [epoch, contiguous, ranges, crcs] of packed)
    epochs.set(epoch, { ...createEpochState(epoch), contiguous, ranges, crcs: new Map(crcs) });
  const last = [...epochs.values()].at(-1) ?? createEpochState(0);
  return [clientId, { epochs, last }];
}

/** Lets the longest unused client without a gap go; a client with gaps may still send what fills them. */
function evictClient(clients: Map<string, ClientState>): boolean {
  let oldest: string | undefined;
  let used = Number.POSITIVE_INFINITY;
  for (const [clientId, client] of clients) {
    const busy = [...client.epochs.values()].some((state) => state.ranges.length > 0 || state.pending);
    if (busy || client.last.used >= used) continue;
    used = client.last.used;
    oldest = clientId;
  }
  return oldest !== undefined && clients.delete(oldest);
}

function evictEpoch(client: ClientState): void {
  let oldest: EpochState | undefined;
  for (const state of client.epochs.values())
    if (!state.pending && (!oldest || state.used < oldest.used)) oldest = state;
  if (oldest) client.epochs.delete(oldest.epoch);
}
