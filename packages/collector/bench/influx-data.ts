/** What the bench `influx` writes: sweeps of a fleet as records of a journal, with times that no two sweeps share. */
import type { Series } from '@metricstream/proto/batch.ts';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import { clearBody, createBody } from '../src/sinks/influxdb/body.ts';
import { createLineWriter } from '../src/sinks/influxdb/line-protocol.ts';
import type { InfluxdbSettings, Schema } from '../src/sinks/influxdb/settings.ts';

export const SERIES = 60;
const NANOS_PER_MS = 1_000_000n;

const FLOATS = ['cpu.usage_user', 'cpu.usage_system', 'cpu.usage_idle', 'mem.used_percent', 'disk.used_percent'];
const INTEGERS = ['mem.used', 'disk.used', 'disk.free', 'net.bytes_recv', 'net.bytes_sent'];

function hostSeries(): Series[] {
  return Array.from({ length: SERIES }, (_, at) => {
    const float = at % 2 === 0;
    const name = (float ? FLOATS : INTEGERS)[(at >> 1) % 5]!;
    const labels = [['device', `sd${String.fromCharCode(97 + Math.floor(at / 10))}`]] as const;
    return { name, unit: float ? 'percent' : 'bytes', kind: float ? 'float' : 'integer', labels };
  });
}

/** One sweep of each of some clients. */
export function sweepOf(clients: { first: number; count: number }, unixMs: number, seq: number): JournalRecord[] {
  const series = hostSeries();
  return Array.from({ length: clients.count }, (_, at) => {
    const client = clients.first + at;
    const clientId = `host-${String(client).padStart(4, '0')}`;
    const body = encodeBatch({
      clientId,
      epoch: 1,
      seq,
      schemaVersion: 1,
      agentVersion: '1.0.0',
      configHash: 0n,
      pointsSampledTotal: 0,
      droppedTotal: [],
      resource: [
        ['host', clientId],
        ['datacenter', 'fra'],
      ],
      series,
      timesUnixNano: [BigInt(unixMs) * NANOS_PER_MS],
      values: Float64Array.from(series, ({ kind }, of) =>
        kind === 'float'
          ? ((seq * 7919 + client * 31 + of * 977) % 100_000) / 1000
          : seq * 1_048_576 + client * 4096 + of,
      ),
    });
    const head = {
      kind: RecordKind.batch,
      lane: Lane.live,
      clientId,
      epoch: 1,
      seq,
      oldestSeq: 1,
      receivedUnixMs: unixMs,
    };
    return { ...head, points: SERIES, bodyCrc: 0, body };
  });
}

/** The bodies that the sink would send for these records, ready made. */
export function bodiesOf(records: readonly JournalRecord[], schema: Schema): Buffer[] {
  const writer = createLineWriter(schema);
  const cache = createSeriesSetCache({ clientsMax: 10_000 });
  const body = createBody();
  const bodies: Buffer[] = [];
  const take = (): void => {
    if (body.lines > 0) bodies.push(Buffer.from(body.bytes.subarray(0, body.length)));
    clearBody(body);
  };
  for (const record of records) {
    writer.begin(readBatch(record.body, cache));
    while (!writer.fill(body)) take();
  }
  take();
  return bodies;
}

export function settingsOf(url: string, database: string): InfluxdbSettings {
  return {
    url,
    target: {
      version: 1,
      database,
      retentionPolicy: 'raw',
      rollupRetentionPolicy: 'means',
      username: '',
      password: '',
    },
    schema: 'seed',
    compression: 'none',
    timeoutMs: 30_000,
    keepMs: 86_400_000,
    rollupKeepMs: 86_400_000,
    lateMs: 300_000,
  };
}
