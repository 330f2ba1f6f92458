/** What the tests of the JSONL sink share: records with known values, and a reader of everything in a directory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { zstdDecompressSync } from 'node:zlib';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import type { Delivery } from '@metricstream/shared/pump/types.ts';

export const START_UNIX_NANO = 1_759_579_200_000_000_000n;

/** @returns a record of one sweep whose series hold these values. */
export function recordOf(seq: number, values: readonly number[], clientId = 'web-1'): JournalRecord {
  const body = encodeBatch({
    clientId,
    epoch: 7,
    seq,
    schemaVersion: 1,
    agentVersion: '1.0.0',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource: [['host', clientId]],
    series: values.map((_, at) => ({ name: 'test.value', unit: 'count', kind: 'float', labels: [['at', String(at)]] })),
    timesUnixNano: [START_UNIX_NANO + BigInt(seq) * 1_000_000_000n],
    values: Float64Array.from(values),
  });
  return bareRecord(seq, values.length, body, clientId);
}

export function bareRecord(seq: number, points: number, body: Uint8Array, clientId = 'web-1'): JournalRecord {
  const head = { kind: RecordKind.batch, lane: Lane.live, clientId, epoch: 7, oldestSeq: 1, receivedUnixMs: 0 };
  return { ...head, seq, points, bodyCrc: 0, body };
}

export function deliveryOf(...records: JournalRecord[]): Delivery {
  let bytes = 0;
  for (const record of records) bytes += record.body.length;
  return { records, bytes };
}

/** @returns the text of all files in the order of their numbers, compressed ones read through, each number once. */
export function textIn(dir: string): string {
  const present = readdirSync(dir).filter((name) => /^metrics-\d+\.jsonl(\.zst)?$/.test(name));
  const names = present.filter((name) => !present.includes(`${name}.zst`));
  let text = '';
  for (const name of names.sort()) {
    const bytes = readFileSync(join(dir, name));
    text += (name.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes).toString();
  }
  return text;
}

/** @returns the values of all lines, in order; throws on a line that is none. */
export function valuesIn(dir: string): number[] {
  const lines = textIn(dir).split('\n');
  if (lines.pop() !== '') throw new Error('the last line is not whole');
  return lines.map((line) => (JSON.parse(line) as { value: number }).value);
}

export const never = new AbortController().signal;

/** @returns the bytes of all buffers that are in use: what only awaits its collection is collected first. */
export function bufferBytesInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().arrayBuffers;
}
