/**
 * Batch to bytes, for the agent. Owns the symbol table and the order of the columns; the bytes themselves are written
 * by protobufjs' static code. Promises that label and resource texts, which come from the host, cannot make a batch
 * unacceptable: they are cleaned here. Names, keys and numbers come from code, and pass as they are.
 */
import type { Batch } from './batch.ts';
import { type Bits64, metricstream } from './gen/metricstream.js';
import { DEFAULT_WIRE_LIMITS } from './limits.ts';

/** What `metricstream.proto` describes; see there for when it grows. */
export const SCHEMA_VERSION = 1;

/**
 * Encodes one batch (docs/PROTOCOL.md). Label and resource values are cleaned (`cleanText`), and a label without
 * value is left out, as InfluxDB and Prometheus take it. Labels must be sorted by key already (`Series.labels`).
 * @throws RangeError when the matrix does not have series × sweeps values.
 */
export function encodeBatch(batch: Batch): Uint8Array {
  const sweeps = batch.timesUnixNano.length;
  if (sweeps < 1 || batch.values.length !== batch.series.length * sweeps) {
    throw new RangeError(
      `batch ${batch.seq}: ${batch.values.length} values for ${batch.series.length} series × ${sweeps} sweeps; ` +
        'expected their product, and at least one sweep',
    );
  }
  const symbols = createSymbols();
  return metricstream.Batch.encode({
    clientId: batch.clientId,
    epoch: batch.epoch,
    seq: batch.seq,
    schemaVersion: batch.schemaVersion,
    agentVersion: batch.agentVersion,
    configHash: bits64(batch.configHash),
    pointsSampledTotal: batch.pointsSampledTotal,
    droppedTotal: batch.droppedTotal.map((dropped) => ({
      ...dropped,
      firstTimeUnixNano: bits64(dropped.firstTimeUnixNano),
      lastTimeUnixNano: bits64(dropped.lastTimeUnixNano),
    })),
    resource: resourceColumn(batch.resource, symbols),
    series: seriesColumn(batch.series, symbols),
    symbols: symbols.list,
    timeUnixNano: batch.timesUnixNano.map(bits64),
    values: batch.values,
  }).finish();
}

interface Symbols {
  list: string[];
  intern(text: string): number;
}

function createSymbols(): Symbols {
  const list = [''];
  const known = new Map<string, number>([['', 0]]);
  return {
    list,
    intern(text) {
      let reference = known.get(text);
      if (reference === undefined) {
        reference = list.push(text) - 1;
        known.set(text, reference);
      }
      return reference;
    },
  };
}

function resourceColumn(resource: Batch['resource'], symbols: Symbols): number[] {
  const column: number[] = [];
  for (const [key, value] of resource) column.push(symbols.intern(key), symbols.intern(cleanText(value)));
  return column;
}

function seriesColumn(series: Batch['series'], symbols: Symbols): number[] {
  const column: number[] = [];
  for (const one of series) {
    column.push(symbols.intern(one.name), symbols.intern(one.unit), one.kind === 'integer' ? 1 : 0);
    const countAt = column.push(0) - 1;
    let count = 0;
    for (const [key, value] of one.labels) {
      const cleaned = cleanText(value);
      if (cleaned === '') continue;
      column.push(symbols.intern(key), symbols.intern(cleaned));
      count++;
    }
    column[countAt] = count;
  }
  return column;
}

const UNCLEAN = /[\p{Cc}\p{Cs}]/u;
const UNCLEAN_ALL = /[\p{Cc}\p{Cs}]/gu;
const REPLACEMENT = '\ufffd';
const textEncoder = new TextEncoder();

/**
 * @returns the text as a symbol may hold it: control characters and lone surrogates become U+FFFD, and what exceeds
 * `bytesMax` UTF-8 bytes is cut off between two characters.
 */
export function cleanText(text: string, bytesMax = DEFAULT_WIRE_LIMITS.symbolBytesMax): string {
  const cleaned = UNCLEAN.test(text) ? text.replace(UNCLEAN_ALL, REPLACEMENT) : text;
  // A UTF-16 unit never takes more than three UTF-8 bytes.
  if (cleaned.length * 3 <= bytesMax) return cleaned;
  return cleaned.slice(0, textEncoder.encodeInto(cleaned, new Uint8Array(bytesMax)).read);
}

function bits64(value: bigint): Bits64 {
  return { low: Number(value & 0xffffffffn), high: Number((value >> 32n) & 0xffffffffn), unsigned: true };
}
