/**
 * Batches of a small fleet: real sweeps of this host by the agent's samplers, on a clock of the test's own, with the
 * memory of each client as its story wants it. Owns the stories' form and the batches' way to Kafka and InfluxDB.
 */
import { matrixOf } from '@metricstream/agent/batcher.ts';
import { createSamplers, SAMPLER_DEFAULTS } from '@metricstream/agent/samplers/index.ts';
import { createSweeper } from '@metricstream/agent/samplers/run-samplers.ts';
import type { Sweep } from '@metricstream/agent/samplers/sampler.ts';
import { openKafka } from '@metricstream/collector/sinks/kafka/kafkajs.ts';
import { createEncoder } from '@metricstream/collector/sinks/kafka/messages.ts';
import { partitionFor } from '@metricstream/collector/sinks/kafka/murmur2.ts';
import { linesOf } from '@metricstream/collector/sinks/influxdb/line-protocol.ts';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import { type JournalRecord, Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { onTestFinished } from 'vitest';
import { queryInflux1 } from '../services/index.ts';

export const memory = 'mem.used_percent';

/** The memory in percent that a client reads so many seconds after the start; undefined: it does not sweep then. */
export type Story = (second: number, real: number) => number | undefined;

export interface FleetOptions {
  stories: Readonly<Record<string, Story>>;
  startUnixMs: number;
  seconds: number;
  /** Between two sweeps. */
  everySeconds: number;
}

/** One batch a sweep, of all clients, by time. */
export async function recordsOf({
  stories,
  startUnixMs,
  seconds,
  everySeconds,
}: FleetOptions): Promise<JournalRecord[]> {
  const sweeper = createSweeper({ samplers: createSamplers(SAMPLER_DEFAULTS), timeoutMs: 5000 });
  const records: JournalRecord[] = [];
  await sweeper.sweep();
  for (let second = 0; second < seconds; second += everySeconds) {
    for (const [index, [clientId, story]] of Object.entries(stories).entries()) {
      const sweep = await sweeper.sweep();
      // Clients are not in step with each other; one of them keeps time to the nanosecond.
      const timeUnixNano =
        BigInt(startUnixMs + second * 1000 + index * 17) * 1_000_000n + (index === 0 ? 123_456n : 0n);
      const seq = second / everySeconds + 1;
      const told = tell(sweep, (real) => story(second, real));
      if (told !== undefined) records.push(recordOf({ clientId, seq, sweep: { ...told, timeUnixNano } }));
    }
  }
  sweeper.close();
  return records;
}

function tell(sweep: Sweep, story: (real: number) => number | undefined): Sweep | undefined {
  const real = sweep.readings.find(({ series }) => series.name === memory)?.value ?? 0;
  const told = story(real);
  if (told === undefined) return undefined;
  const readings = sweep.readings.map((one) => (one.series.name === memory ? { ...one, value: told } : one));
  return { ...sweep, readings };
}

/** A batch of one sweep. */
export function recordOf({ clientId, seq, sweep }: { clientId: string; seq: number; sweep: Sweep }): JournalRecord {
  const { series, timesUnixNano, values, points } = matrixOf([sweep]);
  const resource: [string, string][] = [
    ['datacenter', 'fra'],
    ['host', `${clientId}.example`],
    ['team', 'a b=c,"d"'],
  ];
  const wire = { clientId, epoch: 7, seq, schemaVersion: 1, agentVersion: '1.0.0', configHash: 0n, droppedTotal: [] };
  const body = encodeBatch({
    ...wire,
    // A client that says nothing of its host, either.
    resource: clientId.startsWith('bare') ? [] : resource,
    pointsSampledTotal: points,
    series,
    timesUnixNano,
    values,
  });
  const receivedUnixMs = Number(sweep.timeUnixNano / 1_000_000n);
  const head = {
    kind: RecordKind.batch,
    lane: Lane.live,
    clientId,
    points,
    epoch: 7,
    seq,
    oldestSeq: 1,
    receivedUnixMs,
  };
  return { ...head, bodyCrc: 0, body };
}

export interface Feed {
  brokers: string[];
  topic: string;
  partitions: number;
}

/** A function that writes batches to the topic as the collector does with `encoding: json`, in the order given. */
export function feedTo({ brokers, topic, partitions }: Feed): (records: readonly JournalRecord[]) => Promise<void> {
  const client = openKafka({ connection: { brokers, sasl: undefined, tls: undefined }, log: silentLog });
  onTestFinished(() => client.close());
  const encoder = createEncoder({ encoding: 'json', clientsMax: 100 });
  return async (records) => {
    const messages = records.flatMap((record) => [
      ...encoder.messages({ ...record, position: 0, key: record.clientId, part: undefined }, 0),
    ]);
    const lanes = Map.groupBy(messages, ({ key }) => partitionFor(key, partitions));
    const signal = AbortSignal.timeout(20_000);
    for (const [partition, all] of lanes) {
      for (let at = 0; at < all.length; at += 2000) {
        const outcome = await client.produce({ topic, partition, messages: all.slice(at, at + 2000) }, signal);
        if (outcome.kind !== 'stored') throw new Error(`not stored: ${outcome.why}`);
      }
    }
  };
}

/** The same batches into a database, which is made now. */
export async function storeIn(database: { url: string; db: string }, records: readonly JournalRecord[]): Promise<void> {
  const { url, db } = database;
  await queryInflux1({ url, query: `CREATE DATABASE ${db}` });
  onTestFinished(async () => void (await queryInflux1({ url, query: `DROP DATABASE ${db}` })));
  const cache = createSeriesSetCache({ clientsMax: 100 });
  for (let at = 0; at < records.length; at += 50) {
    const body = records.slice(at, at + 50).map((record) => linesOf(readBatch(record.body, cache), 'seed'));
    const answer = await fetch(`${url}/write?db=${db}&precision=ns`, { method: 'POST', body: body.join('') });
    if (answer.status !== 204) throw new Error(`InfluxDB answered ${answer.status}: ${await answer.text()}`);
  }
}
