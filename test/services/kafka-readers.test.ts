import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { available, javaPartitions, kafkaAdmin, kcat, readTopic, sharedKafka } from './index.ts';

/** Kafka's Utils.murmur2, written from its definition, to see that the Java client is really asked. */
function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const mix = (k: number) => {
    const once = Math.imul(k, m);
    return Math.imul(once ^ (once >>> 24), m);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let h = 0x9747b28c ^ bytes.length;
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) h = Math.imul(h, m) ^ mix(view.getInt32(at, true));
  for (let at = bytes.length - 1; at >= whole; at -= 1) h ^= (bytes[at] ?? 0) << (8 * (at - whole));
  if (bytes.length > whole) h = Math.imul(h, m);
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) & 0x7fffffff;
}

describe.runIf(await available('kafka', 'sharedKafka', 'kcat'))('readers of Kafka', () => {
  let brokers: string[];
  beforeAll(async () => {
    ({ brokers } = await sharedKafka());
  });
  // A broker that the environment names has the topics of former runs.
  const run = randomUUID().slice(0, 8);
  const topicOf = async (name: string, partitions: number) => {
    const topic = `services-${name}-${run}`;
    await kafkaAdmin(brokers).createTopic({ topic, partitions });
    return topic;
  };
  const produce = (topic: string, args: string[], input: string | Uint8Array) =>
    kcat(['-b', brokers.join(','), '-t', topic, '-P', ...args], input);

  it('read what kcat produced: every byte, key, header and partition, in order', async () => {
    const topic = await topicOf('exact', 3);
    await produce(topic, ['-p', '2', '-K', '=', '-H', 'a=1', '-H', 'a=2', '-z', 'zstd'], 'k1=one\nk1=two\n');
    await produce(topic, ['-p', '0', '-D', '|'], Buffer.from([0xff, 0x00, 0xc3, 0x28]));
    const headers = [
      ['a', Buffer.from('1')],
      ['a', Buffer.from('2')],
    ];
    const key = Buffer.from('k1');
    expect(await readTopic(brokers, topic)).toMatchObject([
      { partition: 0, offset: 0, key: null, value: Buffer.from([0xff, 0x00, 0xc3, 0x28]), headers: [] },
      { partition: 2, offset: 0, key, value: Buffer.from('one'), headers },
      { partition: 2, offset: 1, key, value: Buffer.from('two'), headers },
    ]);
  });

  it('read an empty topic as empty, and say when there is none', async () => {
    expect(await readTopic(brokers, await topicOf('empty', 1))).toEqual([]);
    await expect(readTopic(brokers, 'services-none')).rejects.toThrow('no topic services-none');
  });

  it('read tens of thousands', async () => {
    const topic = await topicOf('many', 2);
    const lines = Array.from({ length: 20_000 }, (_, index) => `message ${index}`);
    await produce(topic, ['-p', '1'], lines.join('\n'));
    expect((await readTopic(brokers, topic)).map(({ value }) => String(value))).toEqual(lines);
  });

  it('the partitions of keys are those of Kafka’s own client', async () => {
    const keys = ['', 'a', 'ab', 'abc', 'abcd', 'host-17', 'Zürich', '主机'];
    const own = keys.map((key) => murmur2(new TextEncoder().encode(key)) % 12);
    expect(await javaPartitions(keys, 12)).toEqual(own);
  });

  it('the admin tells a group’s lag, and grows a topic', async () => {
    const topic = await topicOf('lag', 1);
    const admin = kafkaAdmin(brokers);
    await produce(topic, [], '1\n2\n3\n');
    const group = `services-group-${run}`;
    const member = ['-b', brokers.join(','), '-G', group, '-q'];
    expect(await kcat([...member, '-c', '2', '-X', 'auto.offset.reset=earliest', topic])).toBe('1\n2\n');
    expect(await admin.describeGroup(group)).toMatchObject([{ topic, partition: 0, end: 3 }]);
    await expect(admin.describeGroup('services-nobody')).rejects.toThrow('GroupIdNotFound');
    await admin.addPartitions({ topic, partitions: 4 });
    expect((await admin.describeTopic(topic)).map(({ partition, leader }) => [partition, leader])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    await admin.deleteTopic(topic);
    await expect(admin.describeTopic(topic)).rejects.toThrow('UnknownTopic');
  });
});
