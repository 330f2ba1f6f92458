/**
 * The seqs of one epoch that are known: everything up to `contiguous`, and ranges above it. Owns that arithmetic and
 * keeps the invariant: ranges are sorted, do not touch each other, and all lie above contiguous + 1.
 */

/** More gaps than this in one epoch are refused: an agent that keeps its spool in order makes a handful. */
export const RANGES_MAX = 1024;
/** CRCs kept of the newest known seqs, to tell a duplicate from a conflict. */
export const CRCS_MAX = 64;

export interface EpochState {
  epoch: number;
  contiguous: number;
  /** Flat pairs [from, to, from, to, …], both ends included. */
  ranges: number[];
  /** Body CRC32 by seq, of known seqs that may come again. */
  crcs: Map<number, number>;
  /** Body CRC32 by seq of the running group. */
  pending: Map<number, number> | undefined;
  /** The ledger's clock at the last use. */
  used: number;
  /** `snapshotBytes` when it was last looked at. */
  bytes: number;
}

export function createEpochState(epoch: number): EpochState {
  const state = { epoch, contiguous: 0, ranges: [], crcs: new Map(), pending: undefined, used: 0, bytes: 0 };
  state.bytes = snapshotBytes(state);
  return state;
}

/** A number of 16 digits and its comma. */
const NUMBER_BYTES = 17;
/** `[seq,crc],` */
const CRC_BYTES = 31;
/** A client id of 128 with all brackets and quotes: as if each epoch were a client's only one. */
const EPOCH_BYTES = 160;

/** @returns what the epoch takes in a snapshot at most; what it takes in memory is not far from that. */
export function snapshotBytes({ ranges, crcs }: Pick<EpochState, 'ranges' | 'crcs'>): number {
  return EPOCH_BYTES + (2 + ranges.length) * NUMBER_BYTES + crcs.size * CRC_BYTES;
}

export function has(state: EpochState, seq: number): boolean {
  if (seq <= state.contiguous) return true;
  const at = rangeAt(state.ranges, seq);
  return at >= 0 && seq <= (state.ranges[at + 1] ?? 0);
}

export function crcOf(state: EpochState, seq: number): number | undefined {
  return state.crcs.get(seq);
}

/** @returns false when taking `seq` might need another range and there are as many as there may be. */
export function hasRoom(state: EpochState, seq: number, oldestSeq: number): boolean {
  const { pending } = state;
  if (state.ranges.length / 2 + (pending?.size ?? 0) < RANGES_MAX) return true;
  const taken = (other: number): boolean => has(state, other) || pending?.has(other) === true;
  return seq <= Math.max(state.contiguous, oldestSeq - 1) + 1 || taken(seq - 1) || taken(seq + 1);
}

/** Marks `seq` as known. */
export function insert(state: EpochState, seq: number, crc: number): void {
  state.crcs.set(seq, crc);
  if (state.crcs.size > CRCS_MAX) state.crcs.delete(state.crcs.keys().next().value ?? seq);
  if (seq === state.contiguous + 1) {
    state.contiguous = seq;
    if (state.ranges.length > 0) mergeFirst(state);
    return;
  }
  if (has(state, seq)) return;
  const { ranges } = state;
  const before = rangeAt(ranges, seq);
  const after = before + 2;
  const joinsBefore = before >= 0 && ranges[before + 1] === seq - 1;
  const joinsAfter = ranges[after] === seq + 1;
  if (joinsBefore && joinsAfter) ranges.splice(before + 1, 2);
  else if (joinsBefore) ranges[before + 1] = seq;
  else if (joinsAfter) ranges[after] = seq;
  else ranges.splice(after, 0, seq, seq);
}

/** Everything below `oldestSeq` is settled: gaps there close, and no CRC is needed any more. */
export function settleBelow(state: EpochState, oldestSeq: number): void {
  if (oldestSeq - 1 > state.contiguous) {
    state.contiguous = oldestSeq - 1;
    const { ranges } = state;
    while (ranges.length > 0 && (ranges[1] ?? 0) <= state.contiguous) ranges.splice(0, 2);
    mergeFirst(state);
  }
  if (state.crcs.size > 1) for (const seq of state.crcs.keys()) if (seq < oldestSeq) state.crcs.delete(seq);
}

/** Takes the first range into `contiguous` when they touch. */
function mergeFirst(state: EpochState): void {
  const { ranges } = state;
  if (ranges.length > 0 && (ranges[0] ?? 0) <= state.contiguous + 1) {
    state.contiguous = Math.max(state.contiguous, ranges[1] ?? 0);
    ranges.splice(0, 2);
  }
}

/** Index in `ranges` of the last range that starts at or below `seq`; -2 when there is none. */
function rangeAt(ranges: readonly number[], seq: number): number {
  let low = 0;
  let high = ranges.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle * 2] ?? 0) <= seq) low = middle + 1;
    else high = middle;
  }
  return (low - 1) * 2;
}
