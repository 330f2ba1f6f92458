/**
 * The walker: one pass over a batch's bytes that checks every rule of metricstream.proto and every limit, and builds no
 * objects. Owns the batch's own fields; its schema is in walk-schema.ts, its drops are in walk-dropped.ts. Promises never to throw,
 * never to read past the bytes, and to accept nothing that protobufjs would not decode to the same batch.
 */
import { asciiSlice } from '@metricstream/shared/journal/record.ts';
import { countNaN, isZero } from './doubles.ts';
import { HASH_SEED, hashed } from './identity-set.ts';
import { assertWireLimits, type WireLimits } from './limits.ts';
import { CHARACTER_CLASS, CLIENT_ID, CONTROL_CHARACTER, checkText, NOT_UTF8, skipClass } from './text.ts';
import { walkDropped } from './walk-dropped.ts';
import { OUT_OF_ORDER, skipBytes, skipUnknown, walkFixed64, walkLength, walkTag, walkVarint } from './walk-fields.ts';
import { beginWalk, createWalkState, refuse, type Walk } from './walk-result.ts';
import { createSchemaWalker } from './walk-schema.ts';
import { INTEGER_MAX } from './wire.ts';

export type { Walk, WalkStatus } from './walk-result.ts';

const FIELD = { agentVersion: 5, droppedTotal: 8, symbols: 10, series: 12, last: 14 } as const;
const UINT32_MAX = 0xffffffff;

/** Walks one batch. The Walk is the same object every time, valid until the next call. */
export type Walker = (bytes: Uint8Array) => Walk;

/**
 * @returns a walker with its own tables (some 2 MB at the default limits) and its own memory of verified schemas (up to
 * 16 MB): create one per thread.
 * @throws RangeError when the limits contradict each other.
 */
export function createWalker(limits: WireLimits): Walker {
  assertWireLimits(limits);
  const state = createWalkState(limits);
  const { result, cursor } = state;
  const walkSchema = createSchemaWalker(state);
  let clientHash = 0;
  let valuesSeen = false;

  function walkFields(bytes: Uint8Array, end: number): boolean {
    let last = 0;
    while (cursor.at < end) {
      const tagAt = cursor.at;
      // Every field the schema knows has a tag of one byte; walkTag would do, and takes longer.
      let tag = bytes[tagAt]!;
      if (tag >= 8 && tag < 0x80) cursor.at++;
      else tag = walkTag(state, bytes, end);
      if (tag < 0) return false;
      const field = tag >>> 3;
      if (field <= last && !(field === last && (field === FIELD.droppedTotal || field > FIELD.last)))
        return refuse(state, 422, OUT_OF_ORDER, tagAt);
      last = field;
      if (field >= FIELD.symbols && field <= FIELD.series) {
        if (!walkSchema(bytes, tagAt, end, clientHash)) return false;
        last = FIELD.series;
      } else if (!walkField(bytes, tag, tagAt, end)) return false;
    }
    return true;
  }

  function walkField(bytes: Uint8Array, tag: number, tagAt: number, end: number): boolean {
    switch (tag) {
      case 0x0a:
        return walkClientId(bytes, end);
      case 0x11:
        result.epoch = walkFixed64(state, bytes, end, 'epoch is 2^53 or more');
        return result.epoch > 0 || (result.epoch === 0 && refuse(state, 422, 'epoch is 0', tagAt));
      case 0x18:
        result.seq = walkVarint(state, bytes, end, INTEGER_MAX, 'seq is 2^53 or more');
        return result.seq > 0 || (result.seq === 0 && refuse(state, 422, 'seq is 0', tagAt));
      case 0x20:
        return walkVarint(state, bytes, end, UINT32_MAX, 'schema_version is 2^32 or more') >= 0;
      case 0x2a:
        return walkAgentVersion(bytes, end);
      case 0x31:
        return skipBytes(state, 8, end);
      case 0x38:
        result.pointsSampledTotal = walkVarint(state, bytes, end, INTEGER_MAX, 'points_sampled_total is 2^53 or more');
        return result.pointsSampledTotal >= 0;
      case 0x42:
        return walkDroppedEntry(bytes, tagAt, end);
      case 0x6a:
        return walkTimes(bytes, end);
      case 0x72:
        return walkValues(bytes, end);
      default:
        return skipUnknown(state, bytes, tag, end, tag >>> 3 <= FIELD.last && tag >>> 3 !== 9);
    }
  }

  function walkClientId(bytes: Uint8Array, end: number): boolean {
    const length = walkLength(state, bytes, end);
    if (length < 0) return false;
    const at = cursor.at;
    if (length > limits.clientIdBytesMax) return refuse(state, 413, 'client_id is longer than clientIdBytesMax', at);
    if (length === 0) return refuse(state, 422, 'client_id is empty', at);
    const stop = at + length;
    const classOf = CHARACTER_CLASS;
    let shared = CLIENT_ID;
    let hash = HASH_SEED;
    for (let next = at; next < stop; next++) {
      const byte = bytes[next]!;
      shared &= classOf[byte]!;
      // Only says where to look: who makes ids collide gets himself a slower walk, so the byte itself will do.
      hash = hashed(hash, byte);
    }
    if (shared === 0)
      return refuse(state, 422, 'client_id is not [A-Za-z0-9._:-]{1,128}', skipClass(bytes, at, stop, CLIENT_ID));
    clientHash = hash;
    result.clientIdAt = at;
    result.clientIdLength = length;
    cursor.at = stop;
    return true;
  }

  function walkAgentVersion(bytes: Uint8Array, end: number): boolean {
    const length = walkLength(state, bytes, end);
    if (length < 0) return false;
    if (length > limits.agentVersionBytesMax)
      return refuse(state, 413, 'agent_version is longer than agentVersionBytesMax', cursor.at);
    const verdict = checkText(bytes, cursor, cursor.at + length);
    if (verdict === NOT_UTF8) return refuse(state, 400, 'agent_version is not UTF-8', cursor.at);
    if (verdict === CONTROL_CHARACTER) return refuse(state, 422, 'agent_version holds a control character', cursor.at);
    return true;
  }

  function walkDroppedEntry(bytes: Uint8Array, tagAt: number, end: number): boolean {
    if (result.dropped >= limits.droppedMax)
      return refuse(state, 413, 'more entries of dropped_total than droppedMax', tagAt);
    const length = walkLength(state, bytes, end);
    if (length < 0) return false;
    result.dropped++;
    return walkDropped(state, bytes, cursor.at + length);
  }

  function walkTimes(bytes: Uint8Array, end: number): boolean {
    const lengthAt = cursor.at;
    const length = walkLength(state, bytes, end);
    if (length < 0) return false;
    if (length % 8 !== 0) return refuse(state, 400, 'the bytes of time_unix_nano are no multiple of 8', lengthAt);
    if (length / 8 > limits.sweepsMax) return refuse(state, 413, 'more sweeps than sweepsMax', lengthAt);
    const stop = cursor.at + length;
    for (let at = cursor.at; at < stop; at += 8) {
      if (bytes[at + 7]! > 0x7f || isZero(bytes, at, 8))
        return refuse(state, 422, 'a time is 0, or 2^63 ns or more', at);
    }
    result.sweeps = length / 8;
    cursor.at = stop;
    return true;
  }

  function walkValues(bytes: Uint8Array, end: number): boolean {
    const lengthAt = cursor.at;
    const length = walkLength(state, bytes, end);
    if (length < 0) return false;
    const cells = result.series * result.sweeps;
    if (cells > limits.pointsMax) return refuse(state, 413, 'more points than pointsMax', lengthAt);
    if (length !== cells * 8) return refuse(state, 422, 'the bytes of values are not series × sweeps × 8', lengthAt);
    const stop = cursor.at + length;
    const noPoints = countNaN(bytes, cursor.at, stop);
    if (noPoints < 0) return refuse(state, 422, 'a value is infinite', ~noPoints);
    result.points = cells - noPoints;
    valuesSeen = true;
    cursor.at = stop;
    return true;
  }

  function isComplete(end: number): boolean {
    if (result.clientIdLength === 0) return refuse(state, 422, 'client_id is missing', end);
    if (result.epoch === 0) return refuse(state, 422, 'epoch is missing', end);
    if (result.seq === 0) return refuse(state, 422, 'seq is missing', end);
    if (result.sweeps === 0) return refuse(state, 422, 'time_unix_nano is missing', end);
    if (!valuesSeen && result.series > 0) return refuse(state, 422, 'values are missing', end);
    return true;
  }

  return (bytes) => {
    const end = bytes.length;
    beginWalk(state);
    clientHash = HASH_SEED;
    valuesSeen = false;
    if (end > limits.batchBytesMax) refuse(state, 413, 'the batch is longer than batchBytesMax', limits.batchBytesMax);
    else result.ok = walkFields(bytes, end) && isComplete(end);
    return result;
  };
}

/** Whether the walked batch's client_id is `id`, without making a string. */
export function clientIdEquals(walk: Walk, bytes: Uint8Array, id: string): boolean {
  const length = walk.clientIdLength;
  if (id.length !== length) return false;
  const at = walk.clientIdAt;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== id.charCodeAt(index)) return false;
  return true;
}

/** @returns the walked batch's client_id. */
export function clientIdOf(walk: Walk, bytes: Uint8Array): string {
  return asciiSlice(bytes, walk.clientIdAt, walk.clientIdLength);
}
