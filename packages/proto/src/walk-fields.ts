/**
 * What holds for the fields of every message: tags, their order, lengths, 64-bit integers, unknown fields. Owns those
 * checks for the walker; each moves the cursor past what it accepted, or refuses and returns less than 0 or false.
 */
import { refuse, refuseVarint, TRUNCATED, type WalkState } from './walk-result.ts';
import { INTEGER_MAX, readFixed64, readVarint, WireType } from './wire.ts';

const TAG_MAX = 0xffffffff;

/** @returns the tag at the cursor, moved past, or -1 when refused. Its field number is `tag >>> 3`. */
export function walkTag(state: WalkState, bytes: Uint8Array, end: number): number {
  const at = state.cursor.at;
  const tag = readVarint(bytes, state.cursor, end);
  if (tag < 0) refuseVarint(state, tag, at);
  else if (tag > TAG_MAX) refuse(state, 400, 'a field number is above 2^29 - 1', at);
  else if (tag < 8) refuse(state, 400, 'a field number is 0', at);
  else return tag;
  return -1;
}

export const OUT_OF_ORDER = 'fields are not in ascending order, or one comes twice';

/** @returns the length of the length-delimited field at the cursor, moved to its first byte, or -1 when refused. */
export function walkLength(state: WalkState, bytes: Uint8Array, end: number): number {
  const at = state.cursor.at;
  const length = readVarint(bytes, state.cursor, end);
  if (length < 0) refuseVarint(state, length, at);
  else if (length > end - state.cursor.at) refuse(state, 400, TRUNCATED, at);
  else return length;
  return -1;
}

/** @returns the varint at the cursor, at most `max`, or -1 when refused. */
export function walkVarint(state: WalkState, bytes: Uint8Array, end: number, max: number, above: string): number {
  const at = state.cursor.at;
  const value = readVarint(bytes, state.cursor, end);
  if (value < 0) refuseVarint(state, value, at);
  else if (value > max) refuse(state, 422, above, at);
  else return value;
  return -1;
}

/** @returns the fixed64 at the cursor, below 2^53, or -1 when refused. */
export function walkFixed64(state: WalkState, bytes: Uint8Array, end: number, above: string): number {
  const at = state.cursor.at;
  if (end - at < 8) {
    refuse(state, 400, TRUNCATED, at);
    return -1;
  }
  const value = readFixed64(bytes, at);
  if (value > INTEGER_MAX) {
    refuse(state, 422, above, at);
    return -1;
  }
  state.cursor.at = at + 8;
  return value;
}

/** Moves past `length` bytes whatever they hold. */
export function skipBytes(state: WalkState, length: number, end: number): boolean {
  const at = state.cursor.at;
  if (end - at < length) return refuse(state, 400, TRUNCATED, at);
  state.cursor.at = at + length;
  return true;
}

/** Moves past the value of a field this version does not know. `known`: it does know the number, so the type is wrong. */
export function skipUnknown(state: WalkState, bytes: Uint8Array, tag: number, end: number, known: boolean): boolean {
  const at = state.cursor.at;
  if (known) return refuse(state, 400, 'a field has another wire type than the schema says', at);
  if (++state.unknownFields > state.limits.unknownFieldsMax)
    return refuse(state, 413, 'more unknown fields than unknownFieldsMax', at);
  switch (tag & 7) {
    case WireType.varint: {
      const value = readVarint(bytes, state.cursor, end);
      return value >= 0 || refuseVarint(state, value, at);
    }
    case WireType.fixed64:
      return skipBytes(state, 8, end);
    case WireType.bytes: {
      const length = walkLength(state, bytes, end);
      return length >= 0 && skipBytes(state, length, end);
    }
    case WireType.fixed32:
      return skipBytes(state, 4, end);
    default:
      return refuse(state, 400, 'a field is a group or of an unknown wire type', at);
  }
}
