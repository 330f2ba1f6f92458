/**
 * What a point costs on the wire: our batch beside Prometheus remote write 1.0 and lines of JSON, the same points in
 * each. Owns the figure "≤ 10 B/point uncompressed at 6 sweeps of 60 series".
 */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { compress as snappy } from 'snappyjs';
import type { Bench, BenchRow } from '../../../test/bench/bench.ts';
import type { Batch } from '../src/batch.ts';
import { encodeBatch } from '../src/encode.ts';
import { hostBatch } from './host-batch.ts';
import { encodeJsonLines, encodeRemoteWrite } from './remote-write.ts';

const SERIES = 60;

const compressions: [name: string, compress: (bytes: Uint8Array) => Uint8Array][] = [
  ['gzip-1', (bytes) => gzipSync(bytes, { level: 1 })],
  ['zstd-3', (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })],
];

/** Bytes of the batch that are not values: what the schema, the identity and the times cost. */
function overheadNote(batch: Batch, bytes: Uint8Array): string {
  const overhead = bytes.length - batch.values.length * 8;
  const schema = encodeBatch({ ...batch, series: [], values: new Float64Array(0) }).length;
  return `8 B of value, ${(overhead / batch.values.length).toFixed(2)} of the rest: ${overhead} B, ${overhead - schema} for names and labels`;
}

function rowsFor(sweeps: number): BenchRow[] {
  const points = SERIES * sweeps;
  const batch = hostBatch(7, 3, sweeps);
  const size = `${sweeps} sweep${sweeps > 1 ? 's' : ''} × ${SERIES}`;
  const row = (what: string, bytes: Uint8Array): BenchRow => {
    return { what: `${what}, ${size}`, value: bytes.length / points, unit: 'B/point' };
  };
  const ours = encodeBatch(batch);
  const remoteWrite = encodeRemoteWrite(batch);
  const json = encodeJsonLines(batch);
  const hold = sweeps === 6 ? { hold: { op: '<=' as const, value: 10 } } : {};
  const rows: BenchRow[] = [{ ...row('batch, uncompressed', ours), ...hold, note: overheadNote(batch, ours) }];
  for (const [name, compress] of compressions) rows.push(row(`batch, ${name}`, compress(ours)));
  rows.push(row('remote write 1.0, uncompressed', remoteWrite));
  rows.push({ ...row('remote write 1.0, snappy', snappy(remoteWrite)), note: 'as Prometheus sends it' });
  rows.push(row('JSON lines, uncompressed', json));
  for (const [name, compress] of compressions) rows.push(row(`JSON lines, ${name}`, compress(json)));
  return rows;
}

export const bench: Bench = {
  name: 'wire',
  title: 'bytes per point of a batch beside Prometheus remote write 1.0 and lines of JSON',
  run: () => Promise.resolve([1, 6, 60].flatMap(rowsFor)),
};
