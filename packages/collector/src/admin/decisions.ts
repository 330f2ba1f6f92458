/**
 * What was decided lately, for an operator who asks why a client is refused (ADR-002). Owns the reading end of every
 * worker's decisions ring and a bounded list of the latest refusals; what came too fast to be read is counted, and
 * the exact totals per client are in the client table, which does not depend on being read in time.
 */
import type { ClientTable } from '../admission/client-table.ts';
import { ClientCounter } from '../admission/client-counters.ts';
import { monotonicTicks, ticksToMs32 } from '../admission/monotonic.ts';
import type { DecisionReader } from '../rings/decisions.ts';
import { createDecisionReader, DecisionReason } from '../rings/decisions.ts';

const READ_EVERY_MS = 250;
const REFUSALS_KEPT_MAX = 256;
const CLIENTS_SHOWN_MAX = 100;

export interface RefusalSeen {
  client_id: string;
  reason: string;
  at_unix_ms: number;
}

export interface DecisionsView {
  /** The latest refusals, newest first. */
  refusals(): RefusalSeen[];
  /** Decisions that were overwritten before they were read. */
  overwritten(): number;
  /** The clients that sent most batches, with their exact totals. */
  clients(): Record<string, string | number>[];
  close(): void;
}

const REASON_NAMES = Object.fromEntries(Object.entries(DecisionReason).map(([name, code]) => [code, name]));

export function openDecisionsView(rings: readonly SharedArrayBuffer[], table: ClientTable): DecisionsView {
  const readers: DecisionReader[] = rings.map((ring) => createDecisionReader(ring));
  const kept: RefusalSeen[] = [];

  function note(slot: number, timeMs: number, allowed: boolean, reason: DecisionReason): void {
    if (allowed) return;
    const agoMs = (ticksToMs32(monotonicTicks()) - timeMs) >>> 0;
    kept.push({
      client_id: slot < table.usage().slots ? table.idOf(slot) : '',
      reason: REASON_NAMES[reason] ?? String(reason),
      at_unix_ms: Date.now() - agoMs,
    });
    if (kept.length > REFUSALS_KEPT_MAX) kept.shift();
  }

  const timer = setInterval(() => readers.forEach((reader) => reader.read(note)), READ_EVERY_MS).unref();
  return {
    refusals: () => kept.toReversed(),
    overwritten: () => readers.reduce((sum, reader) => sum + reader.overwritten(), 0),
    clients: () => topClients(table),
    close: () => clearInterval(timer),
  };
}

function topClients(table: ClientTable): Record<string, string | number>[] {
  const counters = Object.entries(ClientCounter);
  return table
    .heldSlots()
    .map((slot) => ({ slot, batches: table.counters.sum(slot, ClientCounter.batches) }))
    .toSorted((a, b) => b.batches - a.batches)
    .slice(0, CLIENTS_SHOWN_MAX)
    .map(({ slot }) => ({
      client_id: table.idOf(slot),
      ...Object.fromEntries(counters.map(([name, counter]) => [name, table.counters.sum(slot, counter)])),
    }));
}
