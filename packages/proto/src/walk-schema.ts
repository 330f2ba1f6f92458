/**
 * Verifies a batch's schema in place: symbols, resource and series (fields 10 to 12), which lie together because fields
 * ascend. Owns tables preallocated to the limits; allocates only when it keeps a schema it has not met before.
 */
import { BYTE_WORDS, createIdentitySet, HASH_SEED, hashed } from './identity-set.ts';
import { createSchemaCache } from './schema-cache.ts';
import { CHARACTER_CLASS, CONTROL_CHARACTER, checkText, NOT_UTF8, PRINTABLE, WORD, WORD_START } from './text.ts';
import { walkLength } from './walk-fields.ts';
import { refuse, refuseVarint, type WalkState } from './walk-result.ts';
import { type Cursor, readVarint } from './wire.ts';

const SYMBOLS_TAG = 0x52;
const RESOURCE_TAG = 0x5a;
const SERIES_TAG = 0x62;
const KIND_LAST = 1;
/** Copies of verified schemas, per walker: some 10,000 hosts with 60 series each. */
const SCHEMA_CACHE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * @returns a function that walks the schema which begins at `at` and leaves the cursor after it and the number of series
 * in the result. `clientHash` only says where to look for a schema verified before.
 */
export function createSchemaWalker(
  state: WalkState,
): (bytes: Uint8Array, at: number, end: number, clientHash: number) => boolean {
  const { cursor, limits, result } = state;
  const cache = createSchemaCache(SCHEMA_CACHE_BYTES_MAX);
  const symbolAt = new Int32Array(limits.symbolsMax);
  const symbolLength = new Int32Array(limits.symbolsMax);
  const symbolHash = new Int32Array(limits.symbolsMax);
  /** 1 where the symbol may be a name or key. */
  const symbolIsWord = new Uint8Array(limits.symbolsMax);
  const seriesAt = new Int32Array(limits.seriesMax);
  const resourceKeys = new Int32Array(limits.resourceMax);
  const empty = new Uint8Array(0);
  let bytes: Uint8Array = empty;
  let symbols = 0;
  let series = 0;

  const symbolSet = createIdentitySet(limits.symbolsMax, (a, b) => compareSymbols(a, b) === 0);
  const seriesSet = createIdentitySet(limits.seriesMax, (a, b) => sameSeries(bytes, seriesAt[a]!, seriesAt[b]!));

  /** Byte order, which for keys is also the order of the strings. */
  function compareSymbols(a: number, b: number): number {
    const lengthA = symbolLength[a]!;
    const lengthB = symbolLength[b]!;
    const shared = Math.min(lengthA, lengthB);
    const atA = symbolAt[a]!;
    const atB = symbolAt[b]!;
    for (let index = 0; index < shared; index++) {
      const difference = bytes[atA + index]! - bytes[atB + index]!;
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }

  function walkSymbols(end: number): boolean {
    symbols = 0;
    symbolSet.clear();
    while (cursor.at < end && bytes[cursor.at] === SYMBOLS_TAG) {
      cursor.at++;
      const length = walkLength(state, bytes, end);
      if (length < 0) return false;
      const at = cursor.at;
      if (symbols >= limits.symbolsMax) return refuse(state, 413, 'more symbols than symbolsMax', at);
      if (length > limits.symbolBytesMax) return refuse(state, 413, 'a symbol is longer than symbolBytesMax', at);
      if (symbols === 0 && length > 0) return refuse(state, 422, 'symbols[0] is not empty', at);
      symbolAt[symbols] = at;
      symbolLength[symbols] = length;
      if (!walkSymbol(bytes, at, at + length)) return false;
    }
    return symbols > 0 || refuse(state, 422, 'there are no symbols', cursor.at);
  }

  function walkSymbol(text: Uint8Array, at: number, end: number): boolean {
    const classOf = CHARACTER_CLASS;
    const wordOf = BYTE_WORDS;
    let hash = HASH_SEED;
    let shared = WORD | PRINTABLE;
    // One loop without branches: what its characters have in common tells whether a closer look is needed.
    for (let next = at; next < end; next++) {
      const byte = text[next]!;
      shared &= classOf[byte]!;
      hash = hashed(hash, wordOf[byte]!);
    }
    if ((shared & PRINTABLE) === 0) {
      const verdict = checkText(text, cursor, end);
      if (verdict === NOT_UTF8) return refuse(state, 400, 'a symbol is not UTF-8', cursor.at);
      if (verdict === CONTROL_CHARACTER) return refuse(state, 422, 'a symbol holds a control character', cursor.at);
    }
    symbolIsWord[symbols] = (shared & WORD) !== 0 && end > at && (classOf[text[at]!]! & WORD_START) !== 0 ? 1 : 0;
    symbolHash[symbols] = hash;
    if (symbolSet.add(hash) >= 0) return refuse(state, 422, 'a symbol comes twice', at);
    symbols++;
    cursor.at = end;
    return true;
  }

  /** @returns the symbol reference at the cursor, or -1 when refused. */
  function walkReference(end: number): number {
    const at = cursor.at;
    const reference = readVarint(bytes, cursor, end);
    if (reference < 0) refuseVarint(state, reference, at);
    else if (reference >= symbols) refuse(state, 422, 'a reference is beyond the symbols', at);
    else return reference;
    return -1;
  }

  /** @returns the reference of the key at the cursor, or -1 when refused. */
  function walkKey(end: number): number {
    const at = cursor.at;
    const key = walkReference(end);
    if (key < 0) return -1;
    if (symbolIsWord[key] === 0) refuse(state, 422, 'a key is not [A-Za-z_][A-Za-z0-9_.]*', at);
    else if (symbolLength[key]! > limits.keyBytesMax) refuse(state, 413, 'a key is longer than keyBytesMax', at);
    else return key;
    return -1;
  }

  function walkResource(end: number): boolean {
    let pairs = 0;
    let textBytes = 0;
    while (cursor.at < end) {
      const at = cursor.at;
      if (pairs >= limits.resourceMax) return refuse(state, 413, 'more pairs in the resource than resourceMax', at);
      const key = walkKey(end);
      if (key < 0) return false;
      // Symbols differ from each other, so equal keys are equal references; there are few.
      for (let other = 0; other < pairs; other++)
        if (resourceKeys[other] === key) return refuse(state, 422, 'a key of the resource comes twice', at);
      resourceKeys[pairs++] = key;
      const value = walkReference(end);
      if (value < 0) return false;
      textBytes += symbolLength[key]! + symbolLength[value]!;
      if (textBytes > limits.resourceBytesMax)
        return refuse(state, 413, 'the resource says more than resourceBytesMax', at);
    }
    return true;
  }

  function walkAllSeries(end: number): boolean {
    seriesSet.clear();
    while (cursor.at < end) {
      if (series >= limits.seriesMax) return refuse(state, 413, 'more series than seriesMax', cursor.at);
      seriesAt[series] = cursor.at;
      if (!walkOneSeries(end)) return false;
      series++;
    }
    return true;
  }

  function walkOneSeries(end: number): boolean {
    const at = cursor.at;
    const name = walkReference(end);
    if (name < 0) return false;
    if (symbolIsWord[name] === 0) return refuse(state, 422, 'a name is not [A-Za-z_][A-Za-z0-9_.]*', at);
    if (symbolLength[name]! > limits.nameBytesMax) return refuse(state, 413, 'a name is longer than nameBytesMax', at);
    const unitAt = cursor.at;
    const unit = walkReference(end);
    if (unit < 0) return false;
    if (symbolLength[unit]! > limits.unitBytesMax)
      return refuse(state, 413, 'a unit is longer than unitBytesMax', unitAt);
    const kindAt = cursor.at;
    const kind = readVarint(bytes, cursor, end);
    if (kind < 0) return refuseVarint(state, kind, kindAt);
    if (kind > KIND_LAST) return refuse(state, 422, 'a kind is neither 0 nor 1', kindAt);
    const labelsAt = cursor.at;
    const labels = readVarint(bytes, cursor, end);
    if (labels < 0) return refuseVarint(state, labels, labelsAt);
    if (labels > limits.labelsPerSeriesMax)
      return refuse(state, 413, 'more labels of a series than labelsPerSeriesMax', labelsAt);
    // Of the symbols' hashes, not of their numbers, which the sender chooses.
    let hash = hashed(HASH_SEED, symbolHash[name]!);
    let previous = -1;
    let textBytes = symbolLength[name]! + symbolLength[unit]!;
    for (let index = 0; index < labels; index++) {
      const keyAt = cursor.at;
      const key = walkKey(end);
      if (key < 0) return false;
      if (previous >= 0 && compareSymbols(previous, key) >= 0)
        return refuse(state, 422, 'the keys of a series are not in strictly ascending order', keyAt);
      previous = key;
      const valueAt = cursor.at;
      const value = walkReference(end);
      if (value < 0) return false;
      if (value === 0) return refuse(state, 422, 'a label has an empty value', valueAt);
      hash = hashed(hashed(hash, symbolHash[key]!), symbolHash[value]!);
      textBytes += symbolLength[key]! + symbolLength[value]!;
    }
    if (textBytes > limits.seriesBytesMax) return refuse(state, 413, 'a series says more than seriesBytesMax', at);
    return seriesSet.add(hash) < 0 || refuse(state, 422, 'a series comes twice: same name, same labels', at);
  }

  function walkPacked(tag: number, end: number, walkInside: (end: number) => boolean): boolean {
    if (cursor.at >= end || bytes[cursor.at] !== tag) return true;
    cursor.at++;
    const length = walkLength(state, bytes, end);
    return length >= 0 && walkInside(cursor.at + length);
  }

  return (batchBytes, at, end, clientHash) => {
    const slot = cache.find(batchBytes, at, end, clientHash);
    if (slot >= 0) {
      cursor.at = at + cache.length(slot);
      result.series = cache.series(slot);
      return true;
    }
    bytes = batchBytes;
    series = 0;
    cursor.at = at;
    const ok =
      walkSymbols(end) && walkPacked(RESOURCE_TAG, end, walkResource) && walkPacked(SERIES_TAG, end, walkAllSeries);
    bytes = empty;
    result.series = series;
    // Without series a longer schema could begin with the same bytes.
    if (ok && series > 0) cache.store(batchBytes, at, cursor.at, clientHash, series);
    return ok;
  };
}

/** Whether two well-formed series have the same name and labels. */
function sameSeries(bytes: Uint8Array, atA: number, atB: number): boolean {
  const a: Cursor = { at: atA };
  const b: Cursor = { at: atB };
  const end = bytes.length;
  if (readVarint(bytes, a, end) !== readVarint(bytes, b, end)) return false;
  for (let skipped = 0; skipped < 2; skipped++) {
    readVarint(bytes, a, end);
    readVarint(bytes, b, end);
  }
  const labels = readVarint(bytes, a, end);
  if (labels !== readVarint(bytes, b, end)) return false;
  for (let index = 0; index < labels * 2; index++)
    if (readVarint(bytes, a, end) !== readVarint(bytes, b, end)) return false;
  return true;
}
