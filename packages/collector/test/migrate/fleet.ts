/** What the tests of migration share: batches with known points, and a directory of files that our own JSONL sink wrote. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import type { Batch } from '@metricstream/proto/batch.ts';
import { Lane, RecordKind, type JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Seeded } from '@metricstream/shared/testing/seeded.ts';
import { onTestFinished } from 'vitest';
import { createJsonlSink, type JsonlSink } from '../../src/sinks/jsonl/jsonl-sink.ts';

export const never = new AbortController().signal;
/** 2025-10-04T12:00:00Z. */
export const START_MINUTE = 29_326_320;
export const NANOS_PER_MINUTE = 60_000_000_000n;

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-migrate-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A batch as a test wants it: everything else has a default. */
export type BatchParts = Pick<Batch, 'clientId' | 'seq' | 'series' | 'timesUnixNano' | 'values'> & Partial<Batch>;

export function recordOf(parts: BatchParts): JournalRecord {
  const batch: Batch = {
    epoch: 7,
    schemaVersion: 1,
    agentVersion: '1.0.0',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource: [['host', parts.clientId]],
    ...parts,
  };
  const points = batch.values.filter((value) => !Number.isNaN(value)).length;
  const { clientId, epoch, seq } = batch;
  const body = encodeBatch(batch);
  const head = { kind: RecordKind.batch, lane: Lane.live, clientId, epoch, seq, oldestSeq: 1, receivedUnixMs: 0 };
  return { ...head, points, bodyCrc: 0, body };
}

/** A directory with the files of a sink that is closed when the test ends. */
export async function openFiles(dir = tempDir(), rotateBytes = 1e9): Promise<{ dir: string; sink: JsonlSink }> {
  const sink = await createJsonlSink({ dir, rotateBytes, keepMs: 7 * 86_400_000, clientsMax: 100 });
  onTestFinished(() => sink.close());
  return { dir, sink };
}

export async function write(sink: JsonlSink, ...records: JournalRecord[]): Promise<void> {
  const bytes = records.reduce((sum, { body }) => sum + body.length, 0);
  const outcome = await sink.write({ records, bytes }, never);
  if (outcome.kind !== 'stored') throw new Error(`not stored: ${JSON.stringify(outcome)}`);
}

/** A time within minutes of the start. */
export function timeAt(minutes: number, nanos = 0n): bigint {
  return BigInt(START_MINUTE + minutes) * NANOS_PER_MINUTE + nanos;
}

/** Texts that JSON, line protocol and people stumble over. */
const TEXTS = [
  'sda',
  'C:\\',
  'a "quoted", one',
  'ü→漢字',
  '{"value":1,"epoch":2}',
  ',"epoch":1,"seq":2}',
  'x=y z',
  '1',
];
const VALUES = [0, -1.5, 25_276_510_208, 1e-9, 0.1 + 0.2, Number.MAX_SAFE_INTEGER, 1e300, -5e-324];

/** A random batch of a client: some sweeps, some series, some cells without a point. */
export function randomBatch(random: Seeded, clientId: string, seq: number, minutes = 5): JournalRecord {
  const series = Array.from({ length: 1 + random.int(6) }, (_, at) => ({
    name: random.pick(['cpu.usage', 'mem.used', 'diskio.read_bytes', 'plain']),
    unit: random.pick(['', 'percent', 'bytes']),
    kind: 'float' as const,
    labels: [
      ['at', String(at)],
      ...(random.int(2) === 0 ? [['device', random.pick(TEXTS)]] : []),
      ...(random.int(3) === 0 ? [['value', random.pick(TEXTS)]] : []),
    ] as [string, string][],
  }));
  const sweeps = 1 + random.int(3);
  const begin = timeAt(
    random.int(minutes),
    BigInt(random.int(50_000)) * 1_000_000n + BigInt(random.int(2) * random.int(999)),
  );
  const resource: [string, string][] = [['host', clientId]];
  if (random.int(2) === 0) resource.push(['datacenter', random.pick(TEXTS)]);
  if (random.int(2) === 0) resource.push(['team', random.pick(TEXTS)]);
  return recordOf({
    clientId,
    seq,
    series,
    resource,
    timesUnixNano: Array.from({ length: sweeps }, (_, at) => begin + BigInt(at) * 1_000_000_000n),
    values: Float64Array.from({ length: series.length * sweeps }, () =>
      random.int(8) === 0 ? Number.NaN : random.int(2) === 0 ? random.pick(VALUES) : random.next() * 100,
    ),
  });
}
