/**
 * Bytes to batch, for sinks and consumers: the walked bytes are taken apart into plain values. Owns decoding; checks only
 * what keeps it from misreading, since the walker checked the rules. On other bytes it throws, and never hangs.
 */
import type { Batch, Dropped, Series } from './batch.ts';
import type { SeriesSet, SeriesSetCache } from './series-set.ts';
import { type Cursor, readFixed64, readFixed64BigInt, readVarint, WireType } from './wire.ts';

export { createSeriesSetCache, type SeriesSet, type SeriesSetCache } from './series-set.ts';

/** A batch as read. All of it is the caller's to keep: nothing points into the bytes or into the reader. */
export interface ReadBatch extends Omit<Batch, 'resource' | 'series' | 'timesUnixNano'> {
  /** The same object as in the client's batches before while resource and series are the same. Treat as frozen. */
  seriesSet: SeriesSet;
  /** One per sweep. */
  timesUnixNano: BigUint64Array;
}

/** Where a reader stands in which bytes. `text` is the same memory as `bytes`, for slicing strings. */
interface Source extends Cursor {
  bytes: Uint8Array;
  text: Buffer;
}

/**
 * Reads one batch that a walker accepted.
 * @throws RangeError naming the byte when the bytes are no batch.
 */
export function readBatch(bytes: Uint8Array, cache: SeriesSetCache): ReadBatch {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const source: Source = { bytes, text, at: 0 };
  const batch: ReadBatch = {
    clientId: '',
    epoch: 0,
    seq: 0,
    schemaVersion: 0,
    agentVersion: '',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    seriesSet: NO_SERIES,
    timesUnixNano: new BigUint64Array(0),
    values: new Float64Array(0),
  };
  const dropped: Dropped[] = [];
  while (source.at < bytes.length) readField(source, batch, dropped, cache);
  batch.droppedTotal = dropped;
  const cells = batch.seriesSet.series.length * batch.timesUnixNano.length;
  if (batch.values.length !== cells) throw unreadable(`${batch.values.length} values for ${cells} cells`, bytes.length);
  return batch;
}

const NO_SERIES: SeriesSet = { resource: [], series: [] };

function readField(source: Source, batch: ReadBatch, dropped: Dropped[], cache: SeriesSetCache): void {
  const start = source.at;
  const tag = readNumber(source);
  switch (tag) {
    case 0x0a:
      batch.clientId = readText(source);
      return;
    case 0x11:
      batch.epoch = readFixed64(source.bytes, take(source, 8));
      return;
    case 0x18:
      batch.seq = readNumber(source);
      return;
    case 0x20:
      batch.schemaVersion = readNumber(source);
      return;
    case 0x2a:
      batch.agentVersion = readText(source);
      return;
    case 0x31:
      batch.configHash = readFixed64BigInt(source.bytes, take(source, 8));
      return;
    case 0x38:
      batch.pointsSampledTotal = readNumber(source);
      return;
    case 0x42:
      dropped.push(readDropped(source));
      return;
    case 0x52:
      source.at = start;
      batch.seriesSet = readSchema(source, batch.clientId, cache);
      return;
    case 0x6a:
      batch.timesUnixNano = new BigUint64Array(readWords(source));
      return;
    case 0x72:
      batch.values = new Float64Array(readWords(source));
      return;
    default:
      skip(source, tag, start);
  }
}

function readSchema(source: Source, clientId: string, cache: SeriesSetCache): SeriesSet {
  const start = source.at;
  const known = cache.find(clientId, source.bytes, start);
  if (known !== undefined) {
    source.at = start + known.bytes.length;
    return known.set;
  }
  const symbols: string[] = [];
  while (source.bytes[source.at] === 0x52) {
    source.at++;
    symbols.push(readText(source));
  }
  const resource: (readonly [string, string])[] = [];
  for (const end = enterPacked(source, 0x5a); source.at < end; )
    resource.push([readSymbol(source, symbols), readSymbol(source, symbols)]);
  const series: Series[] = [];
  for (const end = enterPacked(source, 0x62); source.at < end; ) series.push(readSeries(source, symbols));
  const set = { resource, series };
  // Without series a longer schema could begin with the same bytes.
  if (series.length > 0) cache.store(clientId, source.bytes, start, source.at, set);
  return set;
}

/** @returns the end of the packed field that begins here with this tag, or here if there is none. */
function enterPacked(source: Source, tag: number): number {
  if (source.bytes[source.at] !== tag) return source.at;
  source.at++;
  const length = readLength(source);
  return source.at + length;
}

function readSeries(source: Source, symbols: readonly string[]): Series {
  const name = readSymbol(source, symbols);
  const unit = readSymbol(source, symbols);
  const kind = readNumber(source) === 1 ? 'integer' : 'float';
  const labels: [string, string][] = [];
  const count = readNumber(source);
  for (let index = 0; index < count; index++) labels.push([readSymbol(source, symbols), readSymbol(source, symbols)]);
  return { name, unit, kind, labels };
}

function readDropped(source: Source): Dropped {
  const end = readLength(source) + source.at;
  const dropped: Dropped = {
    epoch: 0,
    reason: '',
    points: 0,
    firstSeq: 0,
    lastSeq: 0,
    firstTimeUnixNano: 0n,
    lastTimeUnixNano: 0n,
  };
  while (source.at < end) {
    const start = source.at;
    const tag = readNumber(source);
    if (tag === 0x09) dropped.epoch = readFixed64(source.bytes, take(source, 8));
    else if (tag === 0x12) dropped.reason = readText(source);
    else if (tag === 0x18) dropped.points = readNumber(source);
    else if (tag === 0x20) dropped.firstSeq = readNumber(source);
    else if (tag === 0x28) dropped.lastSeq = readNumber(source);
    else if (tag === 0x31) dropped.firstTimeUnixNano = readFixed64BigInt(source.bytes, take(source, 8));
    else if (tag === 0x39) dropped.lastTimeUnixNano = readFixed64BigInt(source.bytes, take(source, 8));
    else skip(source, tag, start);
  }
  return dropped;
}

function skip(source: Source, tag: number, start: number): void {
  const wireType = tag & 7;
  if (wireType === WireType.varint) readNumber(source);
  else if (wireType === WireType.fixed64) take(source, 8);
  else if (wireType === WireType.fixed32) take(source, 4);
  else if (wireType === WireType.bytes) take(source, readLength(source));
  else throw unreadable('a field of an unknown wire type', start);
}

function readNumber(source: Source): number {
  const value = readVarint(source.bytes, source, source.bytes.length);
  if (value < 0) throw unreadable('a varint without end', source.at);
  return value;
}

function readLength(source: Source): number {
  const at = source.at;
  const length = readNumber(source);
  if (length > source.bytes.length - source.at) throw unreadable(`a field of ${length} bytes beyond the end`, at);
  return length;
}

function readText(source: Source): string {
  const length = readLength(source);
  const at = take(source, length);
  return source.text.toString('utf8', at, at + length);
}

function readSymbol(source: Source, symbols: readonly string[]): string {
  const at = source.at;
  const symbol = symbols[readNumber(source)];
  if (symbol === undefined) throw unreadable('a reference beyond the symbols', at);
  return symbol;
}

/** Copies a packed field of 64-bit words; both ends are little-endian, so the memory is what the typed arrays need. */
function readWords(source: Source): ArrayBuffer {
  const length = readLength(source);
  if (length % 8 !== 0) throw unreadable(`64-bit words in ${length} bytes`, source.at);
  const at = take(source, length);
  const words = new ArrayBuffer(length);
  new Uint8Array(words).set(source.bytes.subarray(at, at + length));
  return words;
}

/** Moves past `length` bytes. @returns where they begin. */
function take(source: Source, length: number): number {
  const at = source.at;
  if (length > source.bytes.length - at) throw unreadable(`${length} bytes expected`, at);
  source.at = at + length;
  return at;
}

function unreadable(why: string, at: number): RangeError {
  return new RangeError(`unreadable batch at byte ${at}: ${why}; only batches that a walker accepted can be read`);
}

/** Calls `visit` for every cell that holds a number, series by series, sweep by sweep. */
export function forEachPoint(
  batch: Pick<ReadBatch, 'seriesSet' | 'timesUnixNano' | 'values'>,
  visit: (series: Series, seriesIndex: number, timeUnixNano: bigint, value: number) => void,
): void {
  const { seriesSet, timesUnixNano, values } = batch;
  const sweeps = timesUnixNano.length;
  for (const [index, series] of seriesSet.series.entries()) {
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const value = values[index * sweeps + sweep]!;
      if (!Number.isNaN(value)) visit(series, index, timesUnixNano[sweep]!, value);
    }
  }
}
