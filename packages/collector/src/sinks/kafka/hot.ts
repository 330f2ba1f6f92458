/**
 * Which clients are hot: those that send so large a share of all bytes that their partition suffers. Owns a sliding window
 * over what the journal holds, by the records' own receive times, so that reading it fast after an outage changes nothing.
 * Promises bounded memory and that no client flickers: a hot one is cold again only below half of the share.
 *
 * Nobody is hot where nothing is gained: while all traffic together is below `TRAFFIC_MIN`, which one partition takes with
 * ease; while only one client sends; with a share no larger than a partition's own (1/partitions). At most `HOT_MAX`
 * clients are hot (the ADR's "top 10"), the largest first. For a dedicated partition they are together at most half of the
 * traffic (the first may be more): it is there to keep a few large ones away from the many, not to take everybody.
 */
import type { HotAnswer } from './routing.ts';

export const HOT_MAX = 10;
/** Bytes of batches per second. */
export const TRAFFIC_MIN = 16 * 1024;
/** The window moves by such pieces. */
const SLOTS = 6;
/** A client that is left out of a slot's table has at most this part of the slot's bytes. */
const CLIENTS_PER_SLOT = 1024;
const DEDICATED_SHARE_MAX = 0.5;

export interface HotOptions {
  /** Of all bytes in the window, from 0 to 1. */
  share: number;
  windowMs: number;
  partitions: number;
  answer: HotAnswer;
  /** Those that an earlier run has found, sorted. */
  hot?: readonly string[];
}

export interface HotClients {
  /** Counts one record. */
  add(clientId: string, bytes: number, receivedUnixMs: number): void;
  /** Sorted. A new array whenever it is another list; decided anew when a piece of the window is full. */
  hot(): readonly string[];
}

interface Slot {
  number: number;
  total: number;
  clients: Map<string, number>;
}

export function createHotClients(options: HotOptions): HotClients {
  const { share, windowMs, partitions, answer } = options;
  const slotMs = windowMs / SLOTS;
  const shareMin = Math.max(share, 1 / partitions);
  const bytesMin = (TRAFFIC_MIN * windowMs) / 1000;
  let slots: Slot[] = [];
  /** The piece it began with. */
  let since = 0;
  let hot: readonly string[] = options.hot ?? [];

  function slotAt(receivedUnixMs: number): Slot {
    const number = Math.floor(receivedUnixMs / slotMs);
    const newest = slots.at(-1);
    // A clock that was put back a little is waited for; one that was put back far begins anew.
    if (newest !== undefined && number <= newest.number && number > newest.number - SLOTS) return newest;
    if (newest === undefined || number < newest.number) {
      since = number;
      slots = [];
    } else {
      decide(newest.number);
      slots = slots.filter((one) => one.number > number - SLOTS);
    }
    const slot: Slot = { number, total: 0, clients: new Map() };
    slots.push(slot);
    return slot;
  }

  /** Called when a piece is full. After a start the whole window must have filled first. */
  function decide(newest: number): void {
    if (newest - since < SLOTS - 1) return;
    const sums = new Map<string, number>();
    let total = 0;
    for (const slot of slots) {
      total += slot.total;
      for (const [client, bytes] of slot.clients) sums.set(client, (sums.get(client) ?? 0) + bytes);
    }
    const found = total < bytesMin || sums.size < 2 ? [] : choose(sums, total);
    if (found.length !== hot.length || found.some((client, index) => client !== hot[index])) hot = found;
  }

  function choose(sums: Map<string, number>, total: number): string[] {
    const before = new Set(hot);
    const passing = [...sums]
      .map(([client, bytes]) => ({ client, share: bytes / total, was: before.has(client) }))
      .filter((one) => one.share >= (one.was ? shareMin / 2 : shareMin))
      .sort((a, b) => Number(b.was) - Number(a.was) || b.share - a.share || (a.client < b.client ? -1 : 1));
    const chosen: string[] = [];
    let together = 0;
    for (const { client, share: part } of passing.slice(0, HOT_MAX)) {
      together += part;
      if (answer === 'dedicated_partition' && chosen.length > 0 && together > DEDICATED_SHARE_MAX) break;
      chosen.push(client);
    }
    return chosen.sort();
  }

  return {
    add(clientId, bytes, receivedUnixMs) {
      const slot = slotAt(receivedUnixMs);
      slot.total += bytes;
      slot.clients.set(clientId, (slot.clients.get(clientId) ?? 0) + bytes);
      if (slot.clients.size >= 2 * CLIENTS_PER_SLOT) shrink(slot.clients);
    },
    hot: () => hot,
  };
}

/**
 * Takes the median off every client and forgets those that have nothing left (Misra and Gries): at least half of them go,
 * and nobody with more than 1/CLIENTS_PER_SLOT of the bytes is forgotten.
 */
function shrink(clients: Map<string, number>): void {
  const sorted = Float64Array.from(clients.values()).sort();
  const median = sorted[sorted.length >> 1] ?? 0;
  for (const [client, bytes] of clients) {
    if (bytes <= median) clients.delete(client);
    else clients.set(client, bytes - median);
  }
}
