/** Batches for tests: whole ones, and ones put together field by field so that any field can be wrong. */
import type { Batch } from '../src/batch.ts';
import { metricstream } from '../src/gen/metricstream.js';

/** A small batch with everything in it: labels, an integer series, a gap, a drop. */
export function smallBatch(overrides: Partial<Batch> = {}): Batch {
  return {
    clientId: 'web-1',
    epoch: 1_832_960_000_000_517,
    seq: 42,
    schemaVersion: 1,
    agentVersion: '0.1.0',
    configHash: 0x9e3779b97f4a7c15n,
    pointsSampledTotal: 252,
    droppedTotal: [
      {
        epoch: 1_832_960_000_000_001,
        reason: 'spool_full',
        points: 300,
        firstSeq: 7,
        lastSeq: 9,
        firstTimeUnixNano: 1_790_000_000_000_000_000n,
        lastTimeUnixNano: 1_790_000_020_000_000_000n,
      },
    ],
    resource: [
      ['host', 'web-1'],
      ['datacenter', 'fra1'],
    ],
    series: [
      { name: 'mem.used_percent', unit: 'percent', kind: 'float', labels: [] },
      { name: 'mem.used', unit: 'bytes', kind: 'integer', labels: [] },
      {
        name: 'disk.free',
        unit: 'bytes',
        kind: 'integer',
        labels: [
          ['device', 'sda1'],
          ['path', '/größe'],
        ],
      },
    ],
    timesUnixNano: [1_790_000_030_000_000_000n, 1_790_000_040_000_000_000n],
    values: Float64Array.of(75.5, 75.25, 2 ** 33, Number.NaN, 1e12, 1e12 - 4096),
    ...overrides,
  };
}

type Bytes = readonly number[];

export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

export function fixed64(value: number | bigint): number[] {
  return Array.from({ length: 8 }, (_, index) => Number((BigInt(value) >> BigInt(index * 8)) & 255n));
}

export function doubles(...values: number[]): number[] {
  return [...new Uint8Array(Float64Array.from(values).buffer)];
}

/** A length-delimited field: text, bytes, or packed varints given as numbers. */
export function field(tag: number, content: string | Bytes): number[] {
  const bytes = typeof content === 'string' ? [...Buffer.from(content)] : content;
  return [tag, ...varint(bytes.length), ...bytes];
}

export const symbols = (...texts: string[]): number[] => texts.flatMap((text) => field(0x52, text));

/** The fields of a batch, each with its tag; `extra…` are empty unless a test puts something there. */
export interface Parts {
  clientId: Bytes;
  epoch: Bytes;
  seq: Bytes;
  schemaVersion: Bytes;
  agentVersion: Bytes;
  configHash: Bytes;
  total: Bytes;
  dropped: Bytes;
  symbols: Bytes;
  resource: Bytes;
  series: Bytes;
  times: Bytes;
  values: Bytes;
  extra: Bytes;
}

/** symbols: 1 host, 2 web-1, 3 mem.used, 4 bytes, 5 disk.free, 6 path, 7 /, 8 device, 9 sda1. */
export const goodParts: Parts = {
  clientId: field(0x0a, 'web-1'),
  epoch: [0x11, ...fixed64(1000)],
  seq: [0x18, 7],
  schemaVersion: [0x20, 1],
  agentVersion: field(0x2a, '0.1.0'),
  configHash: [0x31, ...fixed64(5)],
  total: [0x38, 2],
  dropped: [],
  symbols: symbols('', 'host', 'web-1', 'mem.used', 'bytes', 'disk.free', 'path', '/', 'device', 'sda1'),
  resource: field(0x5a, [1, 2]),
  series: field(0x62, [3, 4, 1, 0, 5, 4, 0, 2, 8, 9, 6, 7]),
  times: field(0x6a, fixed64(1_790_000_000_000_000_000n)),
  values: field(0x72, doubles(1, 2)),
  extra: [],
};

/** @returns the batch's bytes and where each part begins in them. */
export function assemble(overrides: Partial<Parts> = {}): { bytes: Buffer; at: Record<keyof Parts, number> } {
  const parts = { ...goodParts, ...overrides };
  const at = {} as Record<keyof Parts, number>;
  const bytes: number[] = [];
  for (const name of Object.keys(goodParts) as (keyof Parts)[]) {
    at[name] = bytes.length;
    bytes.push(...parts[name]);
  }
  return { bytes: Buffer.from(bytes), at };
}

export function toNumber(bits: { low: number; high: number }): number {
  return (bits.high >>> 0) * 2 ** 32 + (bits.low >>> 0);
}

/** What protobufjs sees in the bytes, in the walker's words; throws where protobufjs does. */
export function oracle(bytes: Uint8Array): {
  clientId: string;
  epoch: number;
  seq: number;
  pointsSampledTotal: number;
  dropped: number;
  series: number;
  sweeps: number;
  points: number;
} {
  const batch = metricstream.Batch.decode(bytes);
  let series = 0;
  for (let at = 0; at < batch.series.length; series++) at += 4 + batch.series[at + 3]! * 2;
  return {
    clientId: batch.clientId,
    epoch: toNumber(batch.epoch),
    seq: toNumber(batch.seq),
    pointsSampledTotal: toNumber(batch.pointsSampledTotal),
    dropped: batch.droppedTotal.length,
    series,
    sweeps: batch.timeUnixNano.length,
    points: batch.values.filter((value) => !Number.isNaN(value)).length,
  };
}
