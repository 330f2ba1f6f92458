/**
 * Every bound of a batch on the wire, by name. Owns the numbers and how they relate, and promises that a batch within
 * DEFAULT_WIRE_LIMITS fits a journal record. The walker enforces them; nothing behind it needs to ask again.
 */
import { RECORD_BYTES_MAX, recordLength } from '@metricstream/shared/journal/record.ts';

/** What a walker lets pass. All counts are per batch, all lengths in UTF-8 bytes. */
export interface WireLimits {
  /** The batch, decompressed. */
  batchBytesMax: number;
  clientIdBytesMax: number;
  agentVersionBytesMax: number;
  /** Entries of `dropped_total`. */
  droppedMax: number;
  /** A reason of `dropped_total`. */
  reasonBytesMax: number;
  /** Entries of the symbol table, the empty one included. */
  symbolsMax: number;
  /** Any one symbol; names, keys and units have closer bounds of their own. */
  symbolBytesMax: number;
  nameBytesMax: number;
  /** Keys of labels and of the resource. */
  keyBytesMax: number;
  unitBytesMax: number;
  /** Pairs of the resource. */
  resourceMax: number;
  seriesMax: number;
  labelsPerSeriesMax: number;
  /**
   * Name, unit and labels of one series, each symbol counted where it is named. A symbol may be named again and again:
   * without this bound a small batch would become gigabytes of JSONL.
   */
  seriesBytesMax: number;
  /** Keys and values of the resource, counted likewise. */
  resourceBytesMax: number;
  sweepsMax: number;
  /** Cells of the matrix, series × sweeps, NaN included. */
  pointsMax: number;
  /** Fields this version does not know; they are skipped, and many small ones would cost time for nothing. */
  unknownFieldsMax: number;
}

export const DEFAULT_WIRE_LIMITS: WireLimits = Object.freeze({
  batchBytesMax: 8 * 1024 * 1024,
  clientIdBytesMax: 128,
  agentVersionBytesMax: 64,
  droppedMax: 256,
  reasonBytesMax: 64,
  symbolsMax: 32_768,
  symbolBytesMax: 1024,
  nameBytesMax: 256,
  keyBytesMax: 128,
  unitBytesMax: 64,
  resourceMax: 64,
  seriesMax: 16_384,
  labelsPerSeriesMax: 32,
  seriesBytesMax: 4096,
  resourceBytesMax: 4096,
  sweepsMax: 4096,
  pointsMax: 1_000_000,
  unknownFieldsMax: 1024,
});

/**
 * Throws a RangeError that names the first pair of limits which contradict each other, or the first that is no
 * positive whole number. Called once per walker, so that the hot path may rely on it.
 */
export function assertWireLimits(limits: WireLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`wire limit ${name} is ${value}; expected a whole number of at least 1`);
  }
  atMost('clientIdBytesMax', limits.clientIdBytesMax, '128 (the schema)', 128);
  atMost('nameBytesMax', limits.nameBytesMax, 'symbolBytesMax', limits.symbolBytesMax);
  atMost('keyBytesMax', limits.keyBytesMax, 'symbolBytesMax', limits.symbolBytesMax);
  atMost('unitBytesMax', limits.unitBytesMax, 'symbolBytesMax', limits.symbolBytesMax);
  atMost('symbolBytesMax', limits.symbolBytesMax, 'batchBytesMax', limits.batchBytesMax);
  atMost('sweepsMax', limits.sweepsMax, 'pointsMax', limits.pointsMax);
  atMost('seriesMax', limits.seriesMax, 'pointsMax', limits.pointsMax);
  atMost('pointsMax × 8', limits.pointsMax * 8, 'batchBytesMax', limits.batchBytesMax);
  atMost('symbolsMax', limits.symbolsMax, '2^20 (the walker keeps a table)', 2 ** 20);
  atMost('seriesMax', limits.seriesMax, '2^20 (the walker keeps a table)', 2 ** 20);
  const record = recordLength(limits.clientIdBytesMax, limits.batchBytesMax);
  atMost('a record of batchBytesMax', record, 'RECORD_BYTES_MAX', RECORD_BYTES_MAX);
}

function atMost(name: string, value: number, boundName: string, bound: number): void {
  if (value > bound) throw new RangeError(`wire limit ${name} is ${value}; it must not exceed ${boundName}, ${bound}`);
}
