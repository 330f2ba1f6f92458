/**
 * Verifies one entry of Batch.dropped_total in place. Owns the rules of `message Dropped` in metricstream.proto.
 */
import { REASON, skipClass } from './text.ts';
import { OUT_OF_ORDER, skipUnknown, skipBytes, walkFixed64, walkLength, walkTag, walkVarint } from './walk-fields.ts';
import { refuse, type WalkState } from './walk-result.ts';
import { INTEGER_MAX } from './wire.ts';

const FIELD_LAST = 7;
const NOT_A_REASON = 'dropped_total.reason is not [a-z][a-z0-9_]*';
/** What else REASON holds, digits and the underscore, comes before it. */
const LETTER_A = 0x61;

/** Walks the Dropped in [cursor, end), which lies in its batch entirely. @returns false when refused. */
export function walkDropped(state: WalkState, bytes: Uint8Array, end: number): boolean {
  const { cursor } = state;
  const start = cursor.at;
  let last = 0;
  let seen = 0;
  let firstSeq = 0;
  let lastSeq = 0;
  while (cursor.at < end) {
    const tagAt = cursor.at;
    const tag = walkTag(state, bytes, end);
    if (tag < 0) return false;
    const field = tag >>> 3;
    if (field < last || (field === last && field <= FIELD_LAST)) return refuse(state, 422, OUT_OF_ORDER, tagAt);
    last = field;
    switch (tag) {
      case 0x09: {
        const epoch = walkFixed64(state, bytes, end, 'dropped_total.epoch is 2^53 or more');
        if (epoch < 0) return false;
        if (epoch === 0) return refuse(state, 422, 'dropped_total.epoch is 0', tagAt);
        seen |= 1;
        break;
      }
      case 0x12:
        if (!walkReason(state, bytes, end)) return false;
        seen |= 2;
        break;
      case 0x18:
        if (walkVarint(state, bytes, end, INTEGER_MAX, 'dropped_total.points is 2^53 or more') < 0) return false;
        break;
      case 0x20:
        firstSeq = walkVarint(state, bytes, end, INTEGER_MAX, 'dropped_total.first_seq is 2^53 or more');
        if (firstSeq < 0) return false;
        break;
      case 0x28:
        lastSeq = walkVarint(state, bytes, end, INTEGER_MAX, 'dropped_total.last_seq is 2^53 or more');
        if (lastSeq < 0) return false;
        break;
      case 0x31:
      case 0x39:
        if (!skipBytes(state, 8, end)) return false;
        break;
      default:
        if (!skipUnknown(state, bytes, tag, end, field <= FIELD_LAST)) return false;
    }
  }
  if (seen !== 3) return refuse(state, 422, 'an entry of dropped_total lacks its epoch or reason', start);
  if (firstSeq > lastSeq) return refuse(state, 422, 'dropped_total.first_seq is above last_seq', start);
  return true;
}

function walkReason(state: WalkState, bytes: Uint8Array, stopAt: number): boolean {
  const { cursor } = state;
  const length = walkLength(state, bytes, stopAt);
  if (length < 0) return false;
  const at = cursor.at;
  if (length > state.limits.reasonBytesMax)
    return refuse(state, 413, 'dropped_total.reason is longer than reasonBytesMax', at);
  const end = at + length;
  const stop = skipClass(bytes, at, end, REASON);
  if (stop < end) return refuse(state, 422, NOT_A_REASON, stop);
  if (length === 0 || bytes[at]! < LETTER_A) return refuse(state, 422, NOT_A_REASON, at);
  cursor.at = end;
  return true;
}
