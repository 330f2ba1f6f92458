import { partitionFor } from '@metricstream/collector/sinks/kafka/murmur2.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { describe, expect, it } from 'vitest';
import { available, sharedKafka } from '../services/index.ts';
import { feedTo, memory, recordOf } from './fleet.ts';
import { createTopics, readRows, runWindows, startWindows } from './job.ts';

const start = Date.UTC(2025, 9, 4, 13);
const partitions = 3;
const series = { name: memory, unit: 'percent', kind: 'float', labels: [] } as const;

/** Clients of different partitions; a third partition has none. */
const [one, other] = [0, 1].map((partition) => {
  const names = Array.from({ length: 100 }, (_, at) => `client-${at}`);
  return names.find((name) => partitionFor(name, partitions) === partition) as string;
}) as [string, string];

let seq = 0;

function point(clientId: string, time: string, value: number): JournalRecord {
  const [minute = 0, second = 0] = time.split(':').map(Number);
  const timeUnixNano = BigInt(start + (minute * 60 + second) * 1000) * 1_000_000n;
  return recordOf({
    clientId,
    seq: ++seq,
    sweep: { timeUnixNano, readings: [{ series, value }], failures: [], notFinite: 0 },
  });
}

/** "client minute mean", sorted. */
async function means(brokers: string[], topic: string): Promise<string[]> {
  const rows = await readRows(brokers, topic);
  return rows
    .map(({ client_id, timestamp, value }) => `${client_id} ${(Date.parse(timestamp) - start) / 60_000} ${value}`)
    .sort();
}

describe.runIf(await available('sharedKafka', 'kafka', 'flink'))('windows.sql, running on', () => {
  it('closes a minute without waiting for silent partitions; what comes later counts in a replay only', {
    timeout: 120_000,
  }, async () => {
    const { brokers } = await sharedKafka();
    const topics = await createTopics(brokers, partitions);
    const feed = feedTo({ brokers, topic: topics.topic, partitions });
    const soon = { timeout: 40_000, interval: 200 };
    const parameters = { ...topics, brokers: brokers.join(',') };

    await feed([point(one, '0:05', 10), point(one, '0:15', 20), point(other, '0:05', 30)]);
    await feed([point(one, '2:00', 50), point(other, '2:00', 60)]);
    const job = await startWindows({ ...parameters, idle: '1 s' });
    const first = [`${one} 0 15`, `${other} 0 30`];
    await expect.poll(() => means(brokers, topics.topic_1m), soon).toEqual(first);

    // The newest was 2:00, so 1:30 is where `late` ends: minute 1 is open yet, minute 0 is not.
    await feed([point(one, '0:25', 1000), point(one, '1:45', 7)]);
    await feed([point(one, '5:00', 1), point(other, '5:00', 1)]);
    const second = [...first, `${one} 1 7`, `${one} 2 50`, `${other} 2 60`].sort();
    await expect.poll(() => means(brokers, topics.topic_1m), soon).toEqual(second);
    await job.stop();

    const again = await createTopics(brokers, 1);
    await runWindows({ ...parameters, topic_1m: again.topic_1m, late: '1 00:00:00' });
    const mean = (10 + 20 + 1000) / 3;
    const all = [`${one} 0 ${mean}`, ...second.filter((row) => row !== first[0]), `${one} 5 1`, `${other} 5 1`];
    expect(await means(brokers, again.topic_1m)).toEqual(all.sort());
  });
});
