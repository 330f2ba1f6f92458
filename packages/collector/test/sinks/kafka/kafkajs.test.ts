/** The client against a real Kafka, read by Kafka's own Java consumer. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { available, kafkaAdmin, kcat, readTopic, sharedKafka } from '../../../../../test/services/index.ts';
import type { OutMessage } from '../../../src/sinks/kafka/client.ts';
import { clientOf, message, never, newTopic, ownName } from './testing.ts';

describe.runIf(await available('kafka', 'kcat'))('a Kafka client', () => {
  it.each(['none', 'gzip', 'zstd'] as const)('writes bytes, keys and headers as given, %s', async (compression) => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers, compression });
    const topic = await newTopic(client, { partitions: 3 });
    const sent = [0, 1, 2].map((partition): OutMessage[] => [
      {
        key: 'host-ü',
        value: randomBytes(1000),
        headers: { epoch: '7', seq: '1', lane: 'live' },
        timestampMs: 1_700_000_000_123,
      },
      { key: Uint8Array.of(0, 255, partition), value: new Uint8Array(20_000).fill(65), headers: { note: 'ß\n' } },
      { key: '', value: new Uint8Array(0), headers: {} },
    ]);
    for (const [partition, messages] of sent.entries())
      expect(await client.produce({ topic, partition, messages }, never)).toEqual({ kind: 'stored', baseOffset: 0 });
    expect(await client.produce({ topic, partition: 0, messages: [message('more')] }, never)).toEqual({
      kind: 'stored',
      baseOffset: 3,
    });

    const read = await readTopic(brokers, topic);
    for (const [partition, messages] of sent.entries()) {
      const own = read.filter((one) => one.partition === partition).slice(0, 3);
      expect(own.map(({ key }) => key)).toEqual(messages.map(({ key }) => Buffer.from(key as Uint8Array)));
      expect(own.map(({ value }) => value)).toEqual(messages.map(({ value }) => Buffer.from(value)));
      const headers = own.map((one) => Object.fromEntries(one.headers.map(([name, value]) => [name, String(value)])));
      expect(headers).toEqual(messages.map((one) => one.headers));
      expect(own[0]?.timestampMs).toBe(1_700_000_000_123);
    }
    expect(read).toHaveLength(10);
    expect(await client.endOffsets(topic)).toEqual([4, 3, 3]);
    // librdkafka, a second opinion.
    expect(await kcat(['-b', brokers.join(), '-C', '-e', '-q', '-t', topic, '-p', '0', '-o', '3', '-f', '%k=%s'])).toBe(
      'client-1=more',
    );
  });

  it('stores nothing of what is too large, and takes the halves', async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client, { config: { 'max.message.bytes': '10000' } });
    const messages = [6000, 6000].map((length) => message(randomBytes(length)));
    const produce = (part: typeof messages) => client.produce({ topic, partition: 0, messages: part }, never);
    expect(await produce(messages)).toEqual({
      kind: 'too_large',
      why: `topic ${topic}, partition 0: the broker answers MESSAGE_TOO_LARGE`,
    });
    for (const one of messages) expect(await produce([one])).toMatchObject({ kind: 'stored' });
    expect(await produce([message(randomBytes(20_000))])).toMatchObject({ kind: 'too_large' });
    expect(await produce([message(new Uint8Array(33 * 1024 * 1024))])).toMatchObject({ kind: 'too_large' });
    expect(await readTopic(brokers, topic)).toHaveLength(2);
  });

  it('refuses a second write to a partition while one is under way', async () => {
    const client = clientOf(await sharedKafka());
    const topic = await newTopic(client);
    const request = { topic, partition: 0, messages: [message('one')] };
    const first = client.produce(request, never);
    await expect(client.produce(request, never)).rejects.toThrow('is being written');
    expect(await first).toMatchObject({ kind: 'stored' });
    expect(await client.produce(request, never)).toEqual({ kind: 'stored', baseOffset: 1 });
  });

  it('halts, and says what to do, when the topic or the partition is not there or goes away', async () => {
    const { brokers } = await sharedKafka();
    const client = clientOf({ brokers });
    const topic = await newTopic(client);
    const none = ownName();
    const outcomes = await Promise.all([
      client.produce({ topic: none, partition: 0, messages: [message('x')] }, never),
      client.produce({ topic, partition: 5, messages: [message('x')] }, never),
    ]);
    expect(outcomes).toEqual([
      { kind: 'halt', why: `topic ${none} is not there: make it with "metricstream-collector setup kafka"` },
      {
        kind: 'halt',
        why: `topic ${topic} has no partition 5: grow it with "metricstream-collector setup kafka --add-partitions"`,
      },
    ]);
    const write = () => client.produce({ topic, partition: 0, messages: [message('x')] }, never);
    expect(await write()).toMatchObject({ kind: 'stored' });
    await kafkaAdmin(brokers).deleteTopic(topic);
    expect(await write()).toEqual({ kind: 'halt', why: expect.stringContaining(`topic ${topic} is not there`) });
    await client.createTopic({ topic, partitions: 1, replication: 1, config: {} });
    expect(await write()).toMatchObject({ kind: 'stored' });
  });

  it('makes, describes and grows topics, and tells a group’s lag', async () => {
    const client = clientOf(await sharedKafka());
    const topic = ownName();
    const spec = { topic, partitions: 2, replication: 1, config: { 'retention.ms': '3600000' } };
    expect(await client.describeTopic(topic)).toBeUndefined();
    expect(await client.createTopic(spec)).toBe(true);
    expect(await client.createTopic(spec)).toBe(false);
    await client.addPartitions({ topic, partitions: 3 });
    const described = await client.describeTopic(topic);
    expect(described).toMatchObject({
      topic,
      replication: 1,
      config: { 'retention.ms': '3600000', 'min.insync.replicas': '1' },
    });
    const own = { leader: 1, replicas: [1], inSync: [1] };
    expect(described?.partitions).toEqual([0, 1, 2].map((partition) => ({ partition, ...own })));
    await expect(client.createTopic({ ...spec, topic: ownName(), replication: 2 })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    await client.produce({ topic, partition: 1, messages: [message('x'), message('y')] }, never);
    // The first question about groups has the cluster make the topic that it keeps them in.
    const lagOf = () => client.groupLag({ group: ownName(), topic });
    await expect.poll(lagOf, { timeout: 10_000 }).toEqual([
      { partition: 0, committed: undefined, begin: 0, end: 0, lag: 0 },
      { partition: 1, committed: undefined, begin: 0, end: 2, lag: 2 },
      { partition: 2, committed: undefined, begin: 0, end: 0, lag: 0 },
    ]);
  });

  it('asks for permission to write without writing', async () => {
    const client = clientOf(await sharedKafka());
    const topic = await newTopic(client);
    expect(await client.mayWrite(topic)).toBe(true);
    expect(await client.endOffsets(topic)).toEqual([0]);
  });

  it('says who does not answer, where, and what to do', async () => {
    const client = clientOf({ brokers: ['127.0.0.1:1', 'no-such-host.invalid:9092'] });
    await expect(client.connect(AbortSignal.timeout(100))).rejects.toMatchObject({ code: 'unreachable' });
    expect(await client.probe('127.0.0.1:1')).toMatchObject({
      up: false,
      fix: expect.stringContaining('start the broker'),
    });
    expect(await client.probe('no-such-host.invalid:9092')).toMatchObject({
      up: false,
      fix: expect.stringContaining('DNS'),
    });
  });

  it('is found by an IPv6 address too', async () => {
    const { brokers } = await sharedKafka();
    // The broker listens on IPv4 only: what counts is which address is asked.
    expect(await clientOf({ brokers }).probe('[::1]:9')).toMatchObject({ why: expect.stringContaining('::1:9') });
  });
});
