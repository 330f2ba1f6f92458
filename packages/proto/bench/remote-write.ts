/**
 * The same points as a Prometheus server would send them: remote write 1.0, a WriteRequest of TimeSeries, each with all
 * its labels as strings. Owns only that encoding, for comparison. Source: Prometheus remote-write specification 1.0.
 */
import protobuf from 'protobufjs/minimal.js';
import type { Batch } from '../src/batch.ts';

/**
 * @returns the WriteRequest, before snappy. Names follow Prometheus (`mem_used_percent`), the host's resource is on every
 * series, times are milliseconds, and cells without a number are left out.
 */
export function encodeRemoteWrite(batch: Batch): Uint8Array {
  const writer = protobuf.Writer.create();
  const sweeps = batch.timesUnixNano.length;
  for (const [index, series] of batch.series.entries()) {
    writer.uint32(10).fork();
    const labels: [string, string][] = [['__name__', series.name.replaceAll('.', '_')]];
    for (const [key, value] of batch.resource) labels.push([key, value]);
    for (const [key, value] of series.labels) labels.push([key, value]);
    for (const [key, value] of labels.toSorted(([a], [b]) => (a < b ? -1 : 1)))
      writer.uint32(10).fork().uint32(10).string(key).uint32(18).string(value).ldelim();
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const value = batch.values[index * sweeps + sweep]!;
      if (Number.isNaN(value)) continue;
      const timeUnixMs = Number(batch.timesUnixNano[sweep]! / 1_000_000n);
      writer.uint32(18).fork().uint32(9).double(value).uint32(16).int64(timeUnixMs).ldelim();
    }
    writer.ldelim();
  }
  return writer.finish();
}

/** @returns the points as lines of JSON, as `POST /v1/jsonl` takes them. */
export function encodeJsonLines(batch: Batch): Uint8Array {
  const host = Object.fromEntries(batch.resource)['host'];
  const sweeps = batch.timesUnixNano.length;
  const lines: string[] = [];
  for (const [index, { name, unit, labels }] of batch.series.entries()) {
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const timestamp = new Date(Number(batch.timesUnixNano[sweep]! / 1_000_000n)).toISOString();
      const value = batch.values[index * sweeps + sweep];
      lines.push(JSON.stringify({ timestamp, name, value, unit, host, labels: Object.fromEntries(labels) }));
    }
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}
