/**
 * What a walk says. Owns the one result object a walker fills again and again, and the way to refuse. Reasons are fixed
 * texts, so that they may be counted; the offset says where.
 */
import type { WireLimits } from './limits.ts';
import { type Cursor, VARINT_TOO_LONG } from './wire.ts';

/** 400: no protobuf of this schema. 413: beyond a limit. 422: protobuf, but against the rules of the schema. */
export type WalkStatus = 0 | 400 | 413 | 422;

/** Verdict on one batch, and what the collector needs of it. Valid until the walker's next walk; all else only if `ok`. */
export interface Walk {
  ok: boolean;
  /** What to answer when not ok; 0 when ok. None of them gets better by sending the same bytes again. */
  status: WalkStatus;
  /** '' when ok. One of a fixed set of texts. */
  reason: string;
  /** Where in the bytes it went wrong, 0 … length. */
  offset: number;
  clientIdAt: number;
  clientIdLength: number;
  epoch: number;
  seq: number;
  pointsSampledTotal: number;
  /** Entries of dropped_total. */
  dropped: number;
  series: number;
  sweeps: number;
  /** Cells of the matrix that hold a number. */
  points: number;
}

/** What the parts of a walker share. */
export interface WalkState {
  readonly result: Walk;
  readonly cursor: Cursor;
  readonly limits: WireLimits;
  /** Fields skipped so far. */
  unknownFields: number;
}

export function createWalkState(limits: WireLimits): WalkState {
  return {
    limits,
    unknownFields: 0,
    result: {
      ok: false,
      status: 0,
      reason: '',
      offset: 0,
      clientIdAt: 0,
      clientIdLength: 0,
      epoch: 0,
      seq: 0,
      pointsSampledTotal: 0,
      dropped: 0,
      series: 0,
      sweeps: 0,
      points: 0,
    },
    cursor: { at: 0 },
  };
}

export function beginWalk(state: WalkState): void {
  const { result } = state;
  state.cursor.at = 0;
  state.unknownFields = 0;
  result.ok = false;
  result.status = 0;
  result.reason = '';
  result.offset = 0;
  result.clientIdAt = 0;
  result.clientIdLength = 0;
  result.epoch = 0;
  result.seq = 0;
  result.pointsSampledTotal = 0;
  result.dropped = 0;
  result.series = 0;
  result.sweeps = 0;
  result.points = 0;
}

/** Notes the fault and returns false, so that a check can end in `return refuse(…)`. */
export function refuse(state: WalkState, status: WalkStatus, reason: string, offset: number): false {
  const { result } = state;
  result.status = status;
  result.reason = reason;
  result.offset = offset;
  return false;
}

export const TRUNCATED = 'a field runs past the end of its message';

/** Refuses what `readVarint` gave up on at `offset`. */
export function refuseVarint(state: WalkState, fault: number, offset: number): false {
  return refuse(state, 400, fault === VARINT_TOO_LONG ? 'a varint is longer than 64 bits' : TRUNCATED, offset);
}
