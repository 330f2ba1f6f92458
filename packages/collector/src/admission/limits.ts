/**
 * The per-client limits: requests, bytes and points per second. Owns the arithmetic (GCRA, the generic cell rate
 * algorithm of ITU-T I.371: one word per limit, the time at which all that was admitted would have arrived at the
 * allowed rate) and promises that a limit is one limit over all workers and connections of a client: every change is
 * a compare-and-exchange on the client's slot. Over the long run the rate is exact within 1 %, and no more than the
 * requests in flight pass beyond it.
 *
 * Times are ticks of 1/16 µs in 32 bits, which come round after 268 s, so a word is trusted only for DEBT_SECONDS_MAX
 * after its last charge (whole seconds beside it). By then every debt is paid, since none is longer than that: a word
 * too old is replaced by "now", which is exactly what it would have meant.
 */
import { SLOT_WORD, SLOT_WORDS } from './client-slots.ts';
import type { ClientTable } from './client-table.ts';
import { TICKS_PER_MS, TICKS_PER_SECOND, ticksToSeconds } from './monotonic.ts';

export type LimitKind = 'requests' | 'bytes' | 'points';
/** The position of each limit among the slot's words. */
const POSITION: Record<LimitKind, number> = { requests: 0, bytes: 1, points: 2 };

/** The longest debt, hence the longest wait; what one request costs beyond it is forgiven. */
export const DEBT_SECONDS_MAX = 60;
const DEBT_TICKS_MAX = DEBT_SECONDS_MAX * TICKS_PER_SECOND;
/** Well below the longest debt: what is owed beyond the burst is what refuses the next request. */
export const BURST_MS_MAX = 30_000;
/** One unit (request, byte, point) costs no more than the longest debt. */
export const RATE_PER_SECOND_MIN = 1 / DEBT_SECONDS_MAX;
/** Below it, rounding a cost to whole ticks could cost more than a fraction of 1 %. */
const EXACT_TICKS_MIN = 4096;

/** What one client may send; a rate of Infinity is no limit. */
export interface ClientLimits {
  requestsPerSecond: number;
  bytesPerSecond: number;
  pointsPerSecond: number;
  /** So many milliseconds' worth may come at once; 0 to BURST_MS_MAX. */
  burstMs: number;
}

export interface Limiter {
  /**
   * Admits `amount` and charges it, or refuses and charges nothing. An amount larger than the whole burst is admitted
   * when nothing is owed. With amount 0 it only asks whether earlier debt is within the burst (points: asked at the
   * head, owed after the append).
   * @param amount a whole number. @param nowTicks from monotonicTicks.
   * @returns 0 when admitted, else the milliseconds until the same amount will be (Retry-After), at least 1.
   */
  charge(slot: number, kind: LimitKind, amount: number, nowTicks: number): number;
  /** Charges without asking: the next request pays. */
  owe(slot: number, kind: LimitKind, amount: number, nowTicks: number): void;
  /** Takes a charge back (the request was answered 503). */
  refund(slot: number, kind: LimitKind, amount: number, nowTicks: number): void;
  /** @returns how much would be admitted now, in whole units, Infinity when the limit is off. */
  remaining(slot: number, kind: LimitKind, nowTicks: number): number;
}

/** @param limits checked here: a rate below RATE_PER_SECOND_MIN or a burst out of range throws with its name. */
export function createLimiter(table: ClientTable, limits: ClientLimits): Limiter {
  const { words, firstSlot } = table;
  const { requestsPerSecond, bytesPerSecond, pointsPerSecond, burstMs } = limits;
  const costs: Record<LimitKind, number> = {
    requests: ticksPerUnit('requestsPerSecond', requestsPerSecond),
    bytes: ticksPerUnit('bytesPerSecond', bytesPerSecond),
    points: ticksPerUnit('pointsPerSecond', pointsPerSecond),
  };
  if (!(burstMs >= 0 && burstMs <= BURST_MS_MAX))
    throw new RangeError(`burstMs is ${burstMs}; expected 0 to ${BURST_MS_MAX}`);
  const burstTicks = Math.round(burstMs * TICKS_PER_MS);
  const slotAt = (slot: number): number => firstSlot + slot * SLOT_WORDS;

  function charge(slot: number, kind: LimitKind, amount: number, nowTicks: number): number {
    const perUnit = costs[kind];
    if (perUnit === 0) return 0;
    const cost = costTicks(amount, perUnit);
    const slackTicks = Math.max(burstTicks - cost, 0);
    for (;;) {
      const arrival = currentArrival(words, slotAt(slot), kind, nowTicks);
      const debt = debtTicks(arrival, nowTicks);
      if (debt > slackTicks) return Math.ceil((debt - slackTicks) / TICKS_PER_MS);
      if (cost === 0 || trySetDebt(words, slotAt(slot), kind, { arrival, debt: debt + cost }, nowTicks)) return 0;
    }
  }

  function changeDebt(slot: number, kind: LimitKind, amount: number, nowTicks: number): void {
    const perUnit = costs[kind];
    const ticks = Math.sign(amount) * costTicks(Math.abs(amount), perUnit);
    if (ticks === 0) return;
    for (;;) {
      const arrival = currentArrival(words, slotAt(slot), kind, nowTicks);
      const debt = Math.max(debtTicks(arrival, nowTicks) + ticks, 0);
      if (trySetDebt(words, slotAt(slot), kind, { arrival, debt }, nowTicks)) return;
    }
  }

  function remaining(slot: number, kind: LimitKind, nowTicks: number): number {
    const perUnit = costs[kind];
    if (perUnit === 0) return Infinity;
    const debt = debtTicks(currentArrival(words, slotAt(slot), kind, nowTicks), nowTicks);
    return Math.max(0, Math.floor((burstTicks - debt) / perUnit));
  }

  return {
    charge,
    owe: changeDebt,
    refund: (slot, kind, amount, nowTicks) => changeDebt(slot, kind, -amount, nowTicks),
    remaining,
  };
}

/** @returns the ticks that one unit costs, 0 for a limit that is off. */
function ticksPerUnit(name: string, perSecond: number): number {
  if (!(perSecond >= RATE_PER_SECOND_MIN))
    throw new RangeError(
      `${name} is ${perSecond}; expected at least 1 per ${DEBT_SECONDS_MAX} s, or Infinity for no limit`,
    );
  return TICKS_PER_SECOND / perSecond;
}

/** Small costs are rounded up or down by lot, so that high rates stay exact on the average. */
function costTicks(amount: number, perUnit: number): number {
  const exact = amount * perUnit;
  if (exact >= DEBT_TICKS_MAX) return DEBT_TICKS_MAX;
  return exact >= EXACT_TICKS_MIN ? Math.round(exact) : Math.floor(exact + Math.random());
}

/** @returns ticks by which `arrival` lies ahead of now; what lies behind is no credit. */
function debtTicks(arrival: number, nowTicks: number): number {
  return Math.max((arrival - (nowTicks | 0)) | 0, 0);
}

/**
 * @returns a limit's arrival word, made "now" first if it is too old to be trusted. The word is read before its age and
 * replaced only if still the same, and a charge renews the age before it changes the word: so of two threads that find
 * it too old, neither wipes out what the other has charged since.
 */
function currentArrival(words: Int32Array<SharedArrayBuffer>, at: number, kind: LimitKind, nowTicks: number): number {
  const arrivalAt = at + SLOT_WORD.arrivalTicks + POSITION[kind];
  const chargedAt = at + SLOT_WORD.chargedSeconds + POSITION[kind];
  const arrival = Atomics.load(words, arrivalAt);
  const charged = Atomics.load(words, chargedAt);
  const nowSeconds = ticksToSeconds(nowTicks);
  if (nowSeconds - charged <= DEBT_SECONDS_MAX) return arrival;
  Atomics.compareExchange(words, arrivalAt, arrival, nowTicks | 0);
  Atomics.compareExchange(words, chargedAt, charged, nowSeconds);
  return Atomics.load(words, arrivalAt);
}

/** Makes the arrival lie `debt` ticks ahead of now if it is still `from.arrival`. @returns whether it was. */
function trySetDebt(
  words: Int32Array<SharedArrayBuffer>,
  at: number,
  kind: LimitKind,
  from: { arrival: number; debt: number },
  nowTicks: number,
): boolean {
  const nowSeconds = ticksToSeconds(nowTicks);
  const chargedAt = at + SLOT_WORD.chargedSeconds + POSITION[kind];
  if (nowSeconds > Atomics.load(words, chargedAt)) Atomics.store(words, chargedAt, nowSeconds);
  const next = ((nowTicks | 0) + Math.min(from.debt, DEBT_TICKS_MAX)) | 0;
  const arrivalAt = at + SLOT_WORD.arrivalTicks + POSITION[kind];
  return Atomics.compareExchange(words, arrivalAt, from.arrival, next) === from.arrival;
}
