import { randomBytes } from 'node:crypto';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it } from 'vitest';
import { available, kcat, queryInflux1, sharedInflux1, sharedKafka } from '../services/index.ts';
import { feedTo, memory, recordsOf, type Story, storeIn } from './fleet.ts';
import { createTopics, readRows, runWindows, type WindowRow } from './job.ts';

const start = Date.UTC(2025, 9, 4, 12);
const minutes = 8;

/** By client: its memory, and the minutes at whose end "above 90 % for five minutes" holds. */
const stories: Record<string, { story: Story; alerts: number[] }> = {
  'six-minutes': { story: (second) => (second >= 60 && second < 420 ? 90.5 + second / 100 : 50), alerts: [6, 7] },
  'bare-throughout': { story: () => 97.25, alerts: [5, 6, 7, 8] },
  'one-dip-to-90': { story: (second) => (second === 250 ? 90 : 99), alerts: [] },
  'silent-for-a-minute': { story: (second) => (second >= 240 && second < 300 ? undefined : 95), alerts: [] },
  'not-quite-five': { story: (second) => (second >= 70 && second < 410 ? 95 : 60), alerts: [] },
  calm: { story: (_second, real) => Math.min(real, 90), alerts: [] },
};

interface Minute {
  mean: number;
  min: number;
  max: number;
  points: number;
}

function identity(tags: Record<string, string>, timeUnixMs: number): string {
  const set = Object.entries(tags).filter(([, value]) => value !== '');
  return JSON.stringify([timeUnixMs, ...set.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function byIdentity(rows: readonly WindowRow[]): Map<string, Minute> {
  const found = new Map<string, Minute>();
  for (const { timestamp, name, value, client_id, host = client_id, datacenter = '', ...row } of rows) {
    const tags = { host, datacenter, metric_name: name, ...row.tags, ...row.labels };
    const key = identity(tags, Date.parse(timestamp));
    if (found.has(key)) throw new Error(`a second window for ${key}`);
    found.set(key, { mean: value, min: row.min, max: row.max, points: row.points });
  }
  return found;
}

async function influxMinutes(url: string, db: string): Promise<Map<string, Minute>> {
  const range = `time >= ${start}ms AND time < ${start + minutes * 60_000}ms`;
  const query = `SELECT mean(value), min(value), max(value), count(value) FROM server_metrics WHERE ${range}
    GROUP BY time(1m), * fill(none)`;
  const series = await queryInflux1({ url, db, query });
  return new Map(
    series.flatMap(({ tags = {}, values }) =>
      values.map(([time, mean, min, max, points]): [string, Minute] => [
        identity(tags, Number(BigInt(String(time)) / 1_000_000n)),
        { mean, min, max, points } as Minute,
      ]),
    ),
  );
}

/** Up to 20 s late, some of them twice: what `late` and at-least-once allow. */
function onTheWay<T extends { receivedUnixMs: number }>(records: readonly T[], seed: number): T[] {
  const random = seeded(seed);
  return records
    .flatMap((record) => (random.next() < 0.1 ? [record, record] : [record]))
    .map((record) => ({ record, at: record.receivedUnixMs + random.int(20_000) }))
    .sort((a, b) => a.at - b.at)
    .map(({ record }) => record);
}

describe.runIf(await available('sharedKafka', 'kafka', 'kcat', 'flink', 'sharedInflux1'))('windows.sql', () => {
  it('has the means that InfluxDB has, and alerts for the clients it should', { timeout: 120_000 }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const topics = await createTopics(brokers, 4);
    const records = await recordsOf({
      stories: Object.fromEntries(Object.entries(stories).map(([client, { story }]) => [client, story])),
      startUnixMs: start,
      seconds: minutes * 60,
      everySeconds: 10,
    });
    const db = `flink_${randomBytes(6).toString('hex')}`;
    await storeIn({ url, db }, records);
    await feedTo({ brokers, topic: topics.topic, partitions: 4 })(onTheWay(records, 4));
    const strange = [
      'no JSON',
      '[1]',
      '{}',
      '{"timestamp":"then","name":"a","value":1,"client_id":"calm"}',
      '{"timestamp":"2025-10-04T12:00:00Z","name":"a","client_id":"calm"}',
      '{"timestamp":"2025-10-04T12:00:00Z","name":"a","value":1}',
      '{"timestamp":"2025-10-04T12:00:00Z","value":1,"client_id":"calm"}',
      '\u0001\u0002',
    ];
    await kcat(['-P', '-b', brokers.join(','), '-t', topics.topic, '-p', '0'], strange.join('\n'));

    await runWindows({ brokers: brokers.join(','), parallelism: '2', ...topics });

    const ours = byIdentity(await readRows(brokers, topics.topic_1m));
    const theirs = await influxMinutes(url, db);
    expect(theirs.size).toBeGreaterThan(6 * minutes * 20);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [key, { mean, ...exact }] of theirs) {
      const { mean: our, ...rest } = ours.get(key) as Minute;
      expect(rest, key).toEqual(exact);
      // Sums of six doubles in another order.
      expect(Math.abs(our - mean), key).toBeLessThanOrEqual(1e-12 * Math.abs(mean));
    }

    const alerts = await readRows(brokers, topics.topic_alerts);
    const expected = Object.entries(stories).flatMap(([client, { alerts: ends }]) =>
      ends.map((end) => `${client} ${new Date(start + end * 60_000).toISOString()}`),
    );
    const found = alerts.map(({ client_id, timestamp }) => `${client_id} ${new Date(timestamp).toISOString()}`);
    expect(found.sort()).toEqual(expected.sort());
    for (const { alert, name, unit, min, points } of alerts) {
      expect({ alert, name, unit, points }).toEqual({
        alert: 'memory_high',
        name: memory,
        unit: 'percent',
        points: 30,
      });
      expect(min).toBeGreaterThan(90);
    }
  });
});
