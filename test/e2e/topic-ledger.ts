/**
 * The reconciliation at the far ends: what is in a topic and what is in InfluxDB, read by Kafka's own consumer and by plain
 * InfluxQL, against what clients sent. Owns the reading; the verdict per triple is ledger.ts's.
 */
import { createSeriesSetCache, forEachPoint, readBatch } from '@metricstream/proto/read.ts';
import { queryInflux1, readTopic } from '../services/index.ts';
import { keyOf } from './ledger.ts';

export interface TopicLedger {
  /** Points by triple; a message that came twice counts once. */
  points: Map<string, number>;
  /** Messages beyond the first of their triple. */
  repeated: number;
  messages: number;
}

/** @throws when a message is no batch, or its key is not the batch's client. */
export async function topicLedger(brokers: string[], topic: string): Promise<TopicLedger> {
  const cache = createSeriesSetCache({ clientsMax: 1024 });
  const ledger: TopicLedger = { points: new Map(), repeated: 0, messages: 0 };
  for (const { key, value } of await readTopic(brokers, topic)) {
    if (value === null) throw new Error('a message without a value');
    const batch = readBatch(value, cache);
    if (key?.toString() !== batch.clientId) throw new Error(`key ${key?.toString()} for client ${batch.clientId}`);
    const triple = keyOf(batch);
    let points = 0;
    forEachPoint(batch, () => points++);
    ledger.messages++;
    if (ledger.points.has(triple)) ledger.repeated++;
    else ledger.points.set(triple, points);
  }
  return ledger;
}

/**
 * Points in InfluxDB by triple, for the clients of clients.ts, whose values say their seq: `test.value<i>` of seq is
 * seq + i / 10. A point counts for the triple only with its exact value.
 * @param epochOf the epoch of a host's client.
 */
export async function influxLedger(
  { url, db }: { url: string; db: string },
  epochOf: (host: string) => number,
): Promise<Map<string, number>> {
  const points = new Map<string, number>();
  const query = 'SELECT "value" FROM "7_days"."server_metrics" GROUP BY "host", "metric_name"';
  for (const { tags, values } of await queryInflux1({ url, db, query })) {
    const clientId = tags?.['host'] ?? '';
    const index = Number(/^test\.value(\d)$/.exec(tags?.['metric_name'] ?? '')?.[1] ?? Number.NaN);
    for (const [, value] of values) {
      const seq = Math.floor(Number(value));
      if (Number(value) !== seq + index / 10) throw new Error(`${clientId} test.value${index} is ${String(value)}`);
      const triple = keyOf({ clientId, epoch: epochOf(clientId), seq });
      points.set(triple, (points.get(triple) ?? 0) + 1);
    }
  }
  return points;
}

/** @returns the epoch of each client in a set of triples. */
export function epochsOf(triples: Iterable<string>): (clientId: string) => number {
  const epochs = new Map<string, number>();
  for (const triple of triples) {
    const [clientId = '', epoch] = triple.split(' ');
    epochs.set(clientId, Number(epoch));
  }
  return (clientId) => epochs.get(clientId) ?? 0;
}
