/**
 * The per-client limits: requests, bytes and points per second. Owns the arithmetic (GCRA, the generic cell rate
 * algorithm of ITU-T I.371: one word per limit, the time at which all that was admitted would have arrived at the
 * allowed rate) and promises that a limit is one limit over all workers and connections of a client: every change of
 * the client's slot is a compare-and-exchange. Over the long run the rate is exact within 1 %.
 *
 * A worker keeps small charges to itself until they come to its share, a small part of the burst, or until it would
 * refuse, and charges them together then: so most requests touch no word that others write. What all workers may keep
 * is taken from the burst, so no more than the burst is ever admitted at once; what is kept does not decay, so it adds
 * nothing to the rate. Where one unit costs more than a share, every charge is made at once.
 *
 * Times are ticks of 1/16 µs in 32 bits, which come round after 268 s, so a word is trusted only for DEBT_SECONDS_MAX
 * after its last charge (whole seconds beside it). By then every debt is paid, since none is longer than that: a word
 * too old is replaced by "now", which is exactly what it would have meant.
 */
import { LIMITS_MAX, SLOT_WORD, SLOT_WORDS } from './client-slots.ts';
import type { ClientTable } from './client-table.ts';
import { TICKS_PER_MS, TICKS_PER_SECOND, ticksToSeconds } from './monotonic.ts';

export type LimitKind = 'requests' | 'bytes' | 'points';
/** The position of each limit among the slot's words. */
const POSITION: Record<LimitKind, number> = { requests: 0, bytes: 1, points: 2 };

/** The longest debt, hence the longest wait; what one request costs beyond it is forgiven. */
const DEBT_SECONDS_MAX = 60;
const DEBT_TICKS_MAX = DEBT_SECONDS_MAX * TICKS_PER_SECOND;
/** Well below the longest debt: what is owed beyond the burst is what refuses the next request. */
export const BURST_MS_MAX = 30_000;
/** One unit (request, byte, point) costs no more than the longest debt. */
export const RATE_PER_SECOND_MIN = 1 / DEBT_SECONDS_MAX;
/** The part of the burst that all workers together may keep to themselves. */
const KEPT_SHARE = 1 / 32;

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
   * The usual case of one request: charges it and its bytes where all three limits are far away.
   * @returns false when nothing was charged and `charge` must decide, limit by limit.
   */
  tryAdmit(slot: number, bytes: number, nowTicks: number): boolean;
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
  const { requestsPerSecond, bytesPerSecond, pointsPerSecond, burstMs } = limits;
  if (!(burstMs >= 0 && burstMs <= BURST_MS_MAX))
    throw new RangeError(`burstMs is ${burstMs}; expected 0 to ${BURST_MS_MAX}`);
  const burstTicks = Math.round(burstMs * TICKS_PER_MS);
  const perUnit = [
    ticksPerUnit('requestsPerSecond', requestsPerSecond),
    ticksPerUnit('bytesPerSecond', bytesPerSecond),
    ticksPerUnit('pointsPerSecond', pointsPerSecond),
  ];
  return new SharedLimiter(table, perUnit, burstTicks);
}

/** @returns the ticks that one unit costs, 0 for a limit that is off. */
function ticksPerUnit(name: string, perSecond: number): number {
  if (!(perSecond >= RATE_PER_SECOND_MIN))
    throw new RangeError(
      `${name} is ${perSecond}; expected at least 1 per ${DEBT_SECONDS_MAX} s, or Infinity for no limit`,
    );
  return TICKS_PER_SECOND / perSecond;
}

/** The limits of every client, as one thread sees them. A class for the reason given in ring-writer.ts. */
class SharedLimiter implements Limiter {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #firstSlot: number;
  // By position of the limit:
  readonly #perUnit: Float64Array;
  /** What this thread may keep to itself, in ticks; 0 where one unit costs more. */
  readonly #share: Float64Array;
  /** The burst, less what the other threads may be keeping. */
  readonly #burst: Float64Array;
  /** By slot and position: ticks admitted here and not charged yet, with fractions, so that no rounding adds up. */
  readonly #kept: Float64Array;

  constructor(table: ClientTable, perUnit: readonly number[], burstTicks: number) {
    const share = Math.floor((burstTicks * KEPT_SHARE) / table.threads);
    this.#words = table.words;
    this.#firstSlot = table.firstSlot;
    this.#perUnit = Float64Array.from(perUnit);
    this.#share = this.#perUnit.map((ticks) => (share >= ticks ? share : 0));
    this.#burst = this.#share.map((ticks) => burstTicks - (table.threads - 1) * ticks);
    this.#kept = new Float64Array(table.slots * LIMITS_MAX);
  }

  /** The three limits in one piece, since this is what most requests take. */
  tryAdmit(slot: number, bytes: number, nowTicks: number): boolean {
    const kept = this.#kept;
    const words = this.#words;
    const share = this.#share;
    const burst = this.#burst;
    const keptAt = slot * LIMITS_MAX;
    const arrivalAt = this.#firstSlot + slot * SLOT_WORDS + SLOT_WORD.arrivalTicks;
    const now = nowTicks | 0;
    const requests = kept[keptAt]! + this.#perUnit[0]!;
    const sent = kept[keptAt + 1]! + bytes * this.#perUnit[1]!;
    const points = kept[keptAt + 2]!;
    if (requests > share[0]! || sent > share[1]!) return false;
    if (requests + ((words[arrivalAt]! - now) | 0) > burst[0]!) return false;
    if (sent + ((words[arrivalAt + 1]! - now) | 0) > burst[1]!) return false;
    if (points + ((words[arrivalAt + 2]! - now) | 0) > burst[2]!) return false;
    kept[keptAt] = requests;
    kept[keptAt + 1] = sent;
    return true;
  }

  /**
   * @returns whether so much may be kept here. The shared word may be a moment old, since no other thread counts on the
   * share; or a minute and more: it means "no debt" then, and who takes it for a large one looks closer in `charge`.
   */
  #isWithin(slot: number, position: number, ticks: number, nowTicks: number): boolean {
    if (ticks > (this.#share[position] as number)) return false;
    const arrival = this.#words[this.#arrivalAt(slot, position)] as number;
    return ticks + debtTicks(arrival, nowTicks) <= (this.#burst[position] as number);
  }

  #arrivalAt(slot: number, position: number): number {
    return this.#firstSlot + slot * SLOT_WORDS + SLOT_WORD.arrivalTicks + position;
  }

  #chargedAt(slot: number, position: number): number {
    return this.#firstSlot + slot * SLOT_WORDS + SLOT_WORD.chargedSeconds + position;
  }

  /** An amount larger than the whole burst may pass when nothing is owed. */
  charge(slot: number, kind: LimitKind, amount: number, nowTicks: number): number {
    const position = POSITION[kind];
    const perUnit = this.#perUnit[position] as number;
    if (perUnit === 0) return 0;
    const cost = Math.min(amount * perUnit, DEBT_TICKS_MAX);
    const kept = (this.#kept[slot * LIMITS_MAX + position] as number) + cost;
    if (!this.#isWithin(slot, position, kept, nowTicks)) return this.#chargeShared(slot, position, cost, nowTicks);
    this.#kept[slot * LIMITS_MAX + position] = kept;
    return 0;
  }

  owe(slot: number, kind: LimitKind, amount: number, nowTicks: number): void {
    const position = POSITION[kind];
    const cost = Math.max(-DEBT_TICKS_MAX, Math.min(amount * (this.#perUnit[position] as number), DEBT_TICKS_MAX));
    if (cost === 0) return;
    const kept = (this.#kept[slot * LIMITS_MAX + position] as number) + cost;
    this.#kept[slot * LIMITS_MAX + position] = kept;
    if (kept > (this.#share[position] as number) || kept < 0) this.#chargeKept(slot, position, nowTicks);
  }

  refund(slot: number, kind: LimitKind, amount: number, nowTicks: number): void {
    this.owe(slot, kind, -amount, nowTicks);
  }

  remaining(slot: number, kind: LimitKind, nowTicks: number): number {
    const position = POSITION[kind];
    const perUnit = this.#perUnit[position] as number;
    if (perUnit === 0) return Infinity;
    const kept = Math.floor(this.#kept[slot * LIMITS_MAX + position] as number);
    const owed = debtTicks(this.#currentArrival(slot, position, nowTicks), nowTicks) + kept;
    return Math.max(0, Math.floor(((this.#burst[position] as number) - owed) / perUnit));
  }

  /** Decides by the shared words alone: what was kept goes there too, admitted or not. */
  #chargeShared(slot: number, position: number, cost: number, nowTicks: number): number {
    const keptAt = slot * LIMITS_MAX + position;
    const slackTicks = Math.max((this.#burst[position] as number) - cost, 0);
    for (;;) {
      const arrival = this.#currentArrival(slot, position, nowTicks);
      const shared = debtTicks(arrival, nowTicks);
      const kept = this.#kept[keptAt] as number;
      const owed = shared + Math.floor(kept);
      if (owed > slackTicks) {
        this.#chargeKept(slot, position, nowTicks);
        return Math.ceil((owed - slackTicks) / TICKS_PER_MS);
      }
      if (cost === 0) return 0;
      const whole = Math.floor(kept + cost);
      if (!this.#trySetDebt(slot, position, { arrival, debt: shared + whole }, nowTicks)) continue;
      this.#kept[keptAt] = kept + cost - whole;
      return 0;
    }
  }

  #chargeKept(slot: number, position: number, nowTicks: number): void {
    const keptAt = slot * LIMITS_MAX + position;
    const kept = this.#kept[keptAt] as number;
    const whole = Math.floor(kept);
    this.#kept[keptAt] = kept - whole;
    if (whole === 0) return;
    for (;;) {
      const arrival = this.#currentArrival(slot, position, nowTicks);
      const debt = Math.max(debtTicks(arrival, nowTicks) + whole, 0);
      if (this.#trySetDebt(slot, position, { arrival, debt }, nowTicks)) return;
    }
  }

  /**
   * @returns a limit's arrival word, made "now" first if it is too old to be trusted. The word is read before its age
   * and replaced only if still the same, and a charge renews the age before it changes the word: so of two threads that
   * find it too old, neither wipes out what the other has charged since.
   */
  #currentArrival(slot: number, position: number, nowTicks: number): number {
    const words = this.#words;
    const arrivalAt = this.#arrivalAt(slot, position);
    const chargedAt = this.#chargedAt(slot, position);
    const arrival = Atomics.load(words, arrivalAt);
    const charged = Atomics.load(words, chargedAt);
    const nowSeconds = ticksToSeconds(nowTicks);
    if (nowSeconds - charged <= DEBT_SECONDS_MAX) return arrival;
    Atomics.compareExchange(words, arrivalAt, arrival, nowTicks | 0);
    Atomics.compareExchange(words, chargedAt, charged, nowSeconds);
    return Atomics.load(words, arrivalAt);
  }

  /** Makes the arrival lie `debt` ticks ahead of now if it is still `from.arrival`. @returns whether it was. */
  #trySetDebt(slot: number, position: number, from: { arrival: number; debt: number }, nowTicks: number): boolean {
    const words = this.#words;
    const nowSeconds = ticksToSeconds(nowTicks);
    const chargedAt = this.#chargedAt(slot, position);
    if (nowSeconds > Atomics.load(words, chargedAt)) Atomics.store(words, chargedAt, nowSeconds);
    const next = ((nowTicks | 0) + Math.min(from.debt, DEBT_TICKS_MAX)) | 0;
    return Atomics.compareExchange(words, this.#arrivalAt(slot, position), from.arrival, next) === from.arrival;
  }
}

/** @returns ticks by which `arrival` lies ahead of now; what lies behind is no credit. */
function debtTicks(arrival: number, nowTicks: number): number {
  return Math.max((arrival - (nowTicks | 0)) | 0, 0);
}
