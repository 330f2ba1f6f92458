/**
 * Whether a batch may come in, asked before its body is read. Owns the order of the checks (slot, then requests, bytes
 * and what is owed in points) and promises that every decision is counted in the client's slot and told to the worker's
 * decisions ring, and that bytes are given back when it is we who could not take them.
 */
import type { DecisionWriter } from '../rings/decisions.ts';
import { DecisionReason } from '../rings/decisions.ts';
import type { ClientTable } from './client-table.ts';
import { ClientCounter } from './client-counters.ts';
import type { Limiter } from './limits.ts';
import { monotonicTicks, ticksToMs32 } from './monotonic.ts';

/** Every refusal that concerns a client that is known by name. */
export type ClientRefusal = keyof typeof DECISION;

/** What is charged of a request. */
export interface Charged {
  clientId: string;
  /** In the client table; set here. */
  slot: number;
  /** To be given back when we are the ones who say no; set here. */
  bytesCharged: number;
  /** Of the walked batch. */
  points: number;
}

export interface Refusal {
  reason: ClientRefusal;
  /** When the same batch would be let through; 0 when that is not known. */
  waitMs: number;
}

export interface Admission {
  /** One look at the clock for all requests of this event-loop turn. */
  beginTurn(): void;
  /** Shows this turn's decisions to whoever watches. */
  endTurn(): void;
  /** Decides from the head alone. @param contentLength -1 when the body is chunked: earlier debt alone decides then. */
  admit(request: Charged, contentLength: number): Refusal | undefined;
  /** What was not known at the head is charged now: a chunked body, and what a compressed one has become. */
  bodyComplete(request: Charged, bytes: number): void;
  /** The batch is in the ring: its points are owed, the next request pays. */
  appended(request: Charged): void;
  /** We said 503 after admitting it: the bytes come back. */
  refused(request: Charged, reason: ClientRefusal): void;
  /** The batch itself was at fault. */
  rejected(request: Charged, conflict: boolean): void;
}

const DECISION = {
  rate_requests: DecisionReason.requests,
  rate_bytes: DecisionReason.bytes,
  rate_points: DecisionReason.points,
  clients_full: DecisionReason.clients,
  ring_full: DecisionReason.ringFull,
  journal_failed: DecisionReason.journal,
  journal_full: DecisionReason.journal,
} as const satisfies Record<string, DecisionReason>;

/** No client has this slot: the table was full. */
const NO_SLOT = 0xffffffff;

export function createAdmission(table: ClientTable, limiter: Limiter, decisions: DecisionWriter): Admission {
  const { counters } = table;
  let nowTicks = monotonicTicks();
  let nowMs32 = ticksToMs32(nowTicks);

  function refuse(slot: number, reason: ClientRefusal, waitMs: number): Refusal {
    counters.add(slot, ClientCounter.refusedLimit, 1);
    decisions.record(slot, nowMs32, false, DECISION[reason]);
    return { reason, waitMs };
  }

  /** Near a limit: one after the other; who is refused by one is charged by none. */
  function charge(slot: number, bytes: number): Refusal | undefined {
    const owedMs = limiter.charge(slot, 'points', 0, nowTicks);
    if (owedMs > 0) return refuse(slot, 'rate_points', owedMs);
    const requestsMs = limiter.charge(slot, 'requests', 1, nowTicks);
    if (requestsMs > 0) return refuse(slot, 'rate_requests', requestsMs);
    const bytesMs = limiter.charge(slot, 'bytes', bytes, nowTicks);
    if (bytesMs === 0) return undefined;
    limiter.refund(slot, 'requests', 1, nowTicks);
    return refuse(slot, 'rate_bytes', bytesMs);
  }

  return {
    beginTurn() {
      nowTicks = monotonicTicks();
      nowMs32 = ticksToMs32(nowTicks);
    },
    endTurn: () => decisions.publish(),
    admit(request, contentLength) {
      const slot = table.find(request.clientId, nowTicks);
      if (slot === -1) {
        decisions.record(NO_SLOT, nowMs32, false, DecisionReason.clients);
        return { reason: 'clients_full', waitMs: 0 };
      }
      request.slot = slot;
      request.bytesCharged = Math.max(0, contentLength);
      return limiter.tryAdmit(slot, request.bytesCharged, nowTicks) ? undefined : charge(slot, request.bytesCharged);
    },
    bodyComplete(request, bytes) {
      if (request.bytesCharged >= bytes) return;
      limiter.owe(request.slot, 'bytes', bytes - request.bytesCharged, nowTicks);
      request.bytesCharged = bytes;
    },
    appended({ slot, points, bytesCharged }) {
      limiter.owe(slot, 'points', points, nowTicks);
      counters.addBatch(slot, points, bytesCharged);
      decisions.record(slot, nowMs32, true, DecisionReason.accepted);
    },
    refused({ slot, bytesCharged }, reason) {
      limiter.refund(slot, 'bytes', bytesCharged, nowTicks);
      counters.add(slot, ClientCounter.refusedBusy, 1);
      decisions.record(slot, nowMs32, false, DECISION[reason]);
    },
    rejected({ slot }, conflict) {
      counters.add(slot, conflict ? ClientCounter.conflicts : ClientCounter.rejected, 1);
      decisions.record(slot, nowMs32, false, conflict ? DecisionReason.conflict : DecisionReason.malformed);
    },
  };
}
