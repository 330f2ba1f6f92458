/**
 * Which triples (client_id, epoch, seq) this collector has. Owns the dedupe state and promises: a triple is known only
 * after its record was fdatasynced; the same triple with other bytes is a conflict, never skipped; what a client says
 * it no longer holds (Oldest-Seq) is settled and needs no memory. Every table is bounded; one thread uses it.
 */
import type { EpochState } from './epoch-state.ts';
import { createEpochState, crcOf, has, hasRoom, insert, settleBelow, snapshotBytes } from './epoch-state.ts';

export interface LedgerLimits {
  /** Of the whole state: no snapshot is longer, however many clients there are and whatever they send. */
  snapshotBytesMax: number;
  epochsPerClientMax: number;
}

/** A hundred thousand clients in order. */
export const DEFAULT_LEDGER_LIMITS: LedgerLimits = { snapshotBytesMax: 32 * 1024 * 1024, epochsPerClientMax: 16 };
/** How much is let go at once, as a part of all, so that it is seldom. */
const LET_GO_PART = 1 / 8;

/**
 * - `new`: pending now; `confirm` or `forget` decides.
 * - `pending`: the same record stands earlier in the running group and shares its fate. `rival`: the same triple with
 *   other bytes does; it is a conflict if the group gets to disk.
 * - `known`: durable already (or settled). `conflict`: known with other bytes.
 * - `gaps`: the epoch has too many gaps to remember another.
 */
export type Offer = 'new' | 'pending' | 'rival' | 'known' | 'conflict' | 'gaps';

interface ClientState {
  epochs: Map<number, EpochState>;
  last: EpochState;
  /** Of the newest durable batch of its live lane; 0 before there was one. */
  liveEpoch: number;
}

export interface Ledger {
  offer(clientId: string, epoch: number, seq: number, oldestSeq: number, bodyCrc: number): Offer;
  /** The running group is on disk: its triples are known from now on. */
  confirm(): void;
  /** The running group is not on disk: its triples were never seen. */
  forget(): void;
  /** Every seq of the epoch up to this one is settled; 0 when nothing is known. */
  contiguousSeq(clientId: string, epoch: number): number;
  /**
   * A batch of the client's live lane is durable.
   * @returns the epoch of the one before it; the same one when there was none.
   */
  wentLive(clientId: string, epoch: number): number;
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
  let bytes = 0;

  function stateOf(clientId: string, epoch: number): EpochState {
    const client = clients.get(clientId);
    if (client?.last.epoch === epoch) return client.last;
    const known = client?.epochs.get(epoch);
    const state = known ?? createEpochState(epoch);
    if (!known) bytes += state.bytes;
    if (client) {
      if (!known) while (client.epochs.size >= limits.epochsPerClientMax && evictEpoch(client));
      client.epochs.set(epoch, state);
      client.last = state;
    } else {
      clients.set(clientId, { epochs: new Map([[epoch, state]]), last: state, liveEpoch: 0 });
    }
    return state;
  }

  /** Lets the longest unused epoch of a client go, unless all are in the running group. */
  function evictEpoch(client: ClientState): boolean {
    let oldest: EpochState | undefined;
    for (const state of client.epochs.values())
      if (!state.pending && (!oldest || state.used < oldest.used)) oldest = state;
    if (!oldest) return false;
    bytes -= oldest.bytes;
    return client.epochs.delete(oldest.epoch);
  }

  /** Lets the longest unused clients go: what they sent is stored, only a repetition would no longer be noticed. */
  function letGo(): void {
    if (bytes <= limits.snapshotBytesMax) return;
    const unused = [...clients].sort(([, a], [, b]) => a.last.used - b.last.used);
    for (const [clientId, client] of unused) {
      if (bytes <= limits.snapshotBytesMax * (1 - LET_GO_PART)) return;
      for (const state of client.epochs.values()) bytes -= state.bytes;
      clients.delete(clientId);
    }
  }

  function endGroup(): void {
    for (const { state } of pending) state.pending = undefined;
    pending.length = 0;
    letGo();
  }

  return {
    offer(clientId, epoch, seq, oldestSeq, bodyCrc) {
      const state = stateOf(clientId, epoch);
      state.used = ++clock;
      const pendingCrc = state.pending?.get(seq);
      if (pendingCrc !== undefined) return pendingCrc === bodyCrc ? 'pending' : 'rival';
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
        bytes -= state.bytes;
        state.bytes = snapshotBytes(state);
        bytes += state.bytes;
      }
      endGroup();
    },
    forget: endGroup,
    contiguousSeq(clientId, epoch) {
      const client = clients.get(clientId);
      const state = client?.last.epoch === epoch ? client.last : client?.epochs.get(epoch);
      return state?.contiguous ?? 0;
    },
    wentLive(clientId, epoch) {
      const client = clients.get(clientId);
      const before = client?.liveEpoch ?? 0;
      if (client !== undefined && before !== epoch) client.liveEpoch = epoch;
      return before === 0 ? epoch : before;
    },
    snapshot: () => Buffer.from(JSON.stringify({ clients: [...clients].flatMap(packClient) })),
    restore(snapshot) {
      const text = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.length).toString('utf8');
      const kept = JSON.parse(text) as { clients: PackedClient[] };
      clients = new Map(kept.clients.map(unpackClient));
      bytes = 0;
      for (const { epochs } of clients.values()) for (const state of epochs.values()) bytes += state.bytes;
      letGo();
    },
    clients: () => clients.size,
  };
}

type PackedEpoch = [epoch: number, contiguous: number, ranges: number[], crcs: [number, number][]];
type PackedClient = [clientId: string, epochs: PackedEpoch[]];

/** @returns what is known of a client; nothing when all it has is in the running group. */
function packClient([clientId, client]: [string, ClientState]): PackedClient[] {
  const known = [...client.epochs.values()].filter((state) => state.contiguous > 0 || state.ranges.length > 0);
  if (known.length === 0) return [];
  return [[clientId, known.map((state) => [state.epoch, state.contiguous, state.ranges, [...state.crcs]])]];
}

function unpackClient([clientId, packed]: PackedClient): [string, ClientState] {
  const epochs = new Map<number, EpochState>();
  for (const [epoch, contiguous, ranges, crcs] of packed) {
    const state = { ...createEpochState(epoch), contiguous, ranges, crcs: new Map(crcs) };
    epochs.set(epoch, { ...state, bytes: snapshotBytes(state) });
  }
  const last = [...epochs.values()].at(-1) ?? createEpochState(0);
  return [clientId, { epochs, last, liveEpoch: 0 }];
}
