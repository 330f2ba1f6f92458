/** Messages that no sink will take: where they go, what is kept of them, and that nothing passes one that is not there yet. */
import { describe, expect, test } from 'vitest';
import {
  available,
  kafkaAdmin,
  type Message,
  queryInflux1,
  readTopic,
  sharedInflux1,
  sharedKafka,
} from '../services/index.ts';
import { batchOf } from './clients.ts';
import { createWorld, figuresOf } from './forward-kit.ts';
import { reconcile } from './ledger.ts';
import { until } from './sinks.ts';
import { epochsOf, influxLedger } from './topic-ledger.ts';

const headersOf = ({ headers }: Message): Record<string, string> =>
  Object.fromEntries(headers.map(([name, value]) => [name, value?.toString() ?? '']));

describe.runIf(await available('sharedKafka', 'sharedInflux1', 'kafka'))('a forwarder', () => {
  test('puts poison into the dead-letter topic as it came, with the reason, and goes on', {
    timeout: 60_000,
  }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const world = await createWorld({ name: 'forward-poison', brokers, influxUrl: url });
    await world.feed({ clients: 20, batches: 5 });
    const cut = batchOf('cut', 1, 1).subarray(0, 60);
    await world.put(3, [
      { key: 'k', value: Buffer.from('no batch'), headers: { seq: '1' } },
      { key: 'cut', value: cut },
      { value: Buffer.from('{"json":"but no point"}') },
      {},
    ]);
    await world.feed({ clients: 20, batches: 5 });
    const forwarder = await world.start('one');
    await world.passed('influxdb');
    expect(await figuresOf(forwarder, 'influxdb')).toMatchObject({ poison_messages: 4, state: 'idle' });
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });

    const dead = await readTopic(brokers, world.deadLetterTopic);
    expect(dead.map(({ key, value }) => [key?.toString(), value?.toString('latin1')])).toEqual([
      ['k', 'no batch'],
      ['cut', Buffer.from(cut).toString('latin1')],
      ['', '{"json":"but no point"}'],
      ['', ''],
    ]);
    const [first] = dead.map(headersOf);
    expect(first).toMatchObject({
      seq: '1',
      topic: world.topic,
      partition: '3',
      why: expect.stringContaining('neither a batch nor JSON'),
    });
    const inTopic = (await readTopic(brokers, world.topic)).filter(({ partition }) => partition === 3);
    for (const letter of dead) {
      const { offset } = headersOf(letter);
      expect(inTopic.find((message) => message.offset === Number(offset))?.value).toEqual(letter.value);
    }
    const sent = new Set(world.sent.keys());
    const found = await influxLedger({ url, db: world.db }, epochsOf(sent));
    expect(reconcile(found, world.sent, sent)).toEqual({ lost: [], repeated: [], invented: [], stored: sent.size });
  });

  test('waits, loudly, for a dead-letter topic that is missing, and passes nothing meanwhile', {
    timeout: 60_000,
  }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const world = await createWorld({ name: 'forward-no-dead', brokers, influxUrl: url, deadLetterTopic: false });
    await world.put(3, [{ value: Buffer.from('no batch') }]);
    const forwarder = await world.start('one');
    await until(async () => (await figuresOf(forwarder, 'influxdb')).state === 'retrying');
    expect((await figuresOf(forwarder, 'influxdb')).why).toContain(world.deadLetterTopic);
    await world.feed({ clients: 20, batches: 5 });
    expect(forwarder.logs.some(({ level, msg }) => level === 'error' && msg === 'sink influxdb: retrying')).toBe(true);
    const [lag] = (await world.client.groupLag({ group: `${world.group}-influxdb`, topic: world.topic })).filter(
      ({ partition }) => partition === 3,
    );
    expect(lag?.committed ?? 0).toBe(0);

    const admin = kafkaAdmin(brokers);
    await admin.createTopic({ topic: world.deadLetterTopic, partitions: 1 });
    const since = performance.now();
    await until(async () => (await figuresOf(forwarder, 'influxdb')).points_stored > 0);
    expect(performance.now() - since).toBeLessThan(10_000);
    await world.passed('influxdb');
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
    expect(await readTopic(brokers, world.deadLetterTopic)).toHaveLength(1);
  });

  test('keeps the good points of a batch and puts the bad ones there, with InfluxDB’s words', {
    timeout: 60_000,
  }, async () => {
    const [{ brokers }, { url }] = await Promise.all([sharedKafka(), sharedInflux1()]);
    const world = await createWorld({ name: 'forward-conflict', brokers, influxUrl: url });
    // A field of another type than ours, in the same shard, for one of the series.
    const nowNano = `${Date.now() - 3_600_000}000000`;
    const line = `server_metrics,host=client-7,metric_name=test.value2 value=1i ${nowNano}`;
    expect((await fetch(`${url}/write?db=${world.db}&rp=7_days`, { method: 'POST', body: line })).status).toBe(204);
    await world.feed({ clients: 20, batches: 3 });
    const forwarder = await world.start('one');
    await world.passed('influxdb');
    const { points_dead: pointsDead } = await figuresOf(forwarder, 'influxdb');
    expect(await forwarder.stop(), forwarder.lastWords()).toMatchObject({ code: 0 });
    expect(pointsDead).toBeGreaterThan(0);

    const dead = await readTopic(brokers, world.deadLetterTopic);
    const parts = dead.map(headersOf);
    expect(parts.reduce((sum, { 'part-points': points }) => sum + Number(points), 0)).toBe(pointsDead);
    for (const headers of parts) {
      expect(headers).toMatchObject({ sink: 'influxdb', topic: world.topic, why: expect.stringMatching(/type/) });
      expect(headers['part-lines']).toContain('server_metrics,');
    }
    const counted = await queryInflux1({
      url,
      db: world.db,
      query: 'SELECT count("value") FROM "7_days"."server_metrics"',
    });
    expect(Number(counted[0]?.values[0]?.[1])).toBe(1 + 20 * 3 * 5 - pointsDead);
  });
});
