import { describe, expect, it } from 'vitest';
import { differenceLine, differences, healthLines, wantedTopics } from '../../src/setup/kafka-plan.ts';
import type { TopicDescription } from '../../src/sinks/kafka/client.ts';
import type { KafkaSettings } from '../../src/sinks/kafka/settings.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const settings: KafkaSettings = {
  connection: { brokers: ['127.0.0.1:9092'], sasl: undefined, tls: undefined },
  topic: 'metrics-raw',
  deadLetterTopic: 'metrics-dead',
  partitions: 12,
  replication: 3,
  encoding: 'batch',
  compression: 'zstd',
  hot: { answer: 'off', share: 0.2, windowMs: 60_000 },
  inFlightBytesMax: 32 * MiB,
};
const [wanted] = wantedTopics(settings, 4 * MiB);
if (wanted === undefined) throw new Error('nothing is wanted');

/** The topic as wanted, but for what is given. */
function found(but: Partial<TopicDescription> = {}, count = 12): TopicDescription {
  const partitions = Array.from({ length: count }, (_, partition) => ({
    partition,
    leader: 1,
    replicas: [1, 2, 3],
    inSync: [1, 2, 3],
  }));
  const config = { 'min.insync.replicas': '2', 'max.message.bytes': '4259840', 'compression.type': 'producer' };
  return { topic: 'metrics-raw', partitions, replication: 3, config, ...but };
}

const lines = (topic: TopicDescription | undefined) =>
  differences(topic, wanted).map((difference) => differenceLine(difference, wanted));

describe('the topics that are wanted', () => {
  it('are the one of the configuration, with room for a batch, and that of dead letters', () => {
    const config = { 'min.insync.replicas': '2', 'max.message.bytes': String(4 * MiB + 64 * KiB) };
    expect(wantedTopics(settings, 4 * MiB)).toEqual([
      { topic: 'metrics-raw', partitions: 12, replication: 3, config, morePartitions: false },
      { topic: 'metrics-dead', partitions: 1, replication: 3, config, morePartitions: true },
    ]);
  });

  it('have one partition more for hot clients, one copy in sync at least, and never less room than Kafka gives', () => {
    const hot = { ...settings.hot, answer: 'dedicated_partition' } as const;
    const [one] = wantedTopics({ ...settings, hot, replication: 1 }, KiB);
    expect(one).toMatchObject({
      partitions: 13,
      config: { 'min.insync.replicas': '1', 'max.message.bytes': '1048588' },
    });
  });
});

describe('a topic that differs', () => {
  it('is told in every difference, each with what to do', () => {
    expect(lines(found())).toEqual([]);
    expect(lines(undefined)).toMatchObject([{ level: 'fail', what: 'topic metrics-raw is not there' }]);
    expect(lines(found({}, 9))).toMatchObject([
      {
        level: 'fail',
        what: 'topic metrics-raw has 9 partitions, wanted are 12',
        fix: expect.stringContaining('--add-partitions'),
      },
    ]);
    expect(lines(found({}, 24))).toMatchObject([
      {
        level: 'fail',
        what: expect.stringContaining('24'),
        fix: expect.stringContaining('raise sinks.kafka.partitions by 12'),
      },
    ]);
    const config = { 'min.insync.replicas': '1', 'max.message.bytes': '1048588', 'compression.type': 'lz4' };
    expect(lines(found({ replication: 2, config }))).toMatchObject([
      { level: 'fail', what: 'topic metrics-raw has 2 copies of each partition, wanted are 3' },
      { level: 'fail', what: 'topic metrics-raw has min.insync.replicas 1, wanted is 2' },
      { level: 'warn', what: expect.stringContaining('becomes a dead letter') },
      { level: 'fail', what: expect.stringContaining('lz4') },
    ]);
    expect(lines(found({ config: {} }))).toMatchObject([
      { level: 'warn', fix: expect.stringContaining('DescribeConfigs') },
    ]);
  });

  it('may have more partitions when it holds dead letters', () => {
    const dead = { ...wanted, partitions: 1, morePartitions: true };
    expect(differences(found(), dead)).toEqual([]);
    expect(differences(found({}, 0), dead)).toEqual([{ kind: 'grow', from: 0 }]);
  });
});

describe('the health of a topic', () => {
  it('says nothing when every copy is in sync', () => {
    expect(healthLines(found())).toEqual([]);
  });

  it('fails for a partition without a leader or with too few copies in sync, and warns of any copy missing', () => {
    const with0 = (but: Partial<TopicDescription['partitions'][number]>) => {
      const topic = found();
      topic.partitions[0] = { partition: 0, leader: 1, replicas: [1, 2, 3], inSync: [1, 2, 3], ...but };
      return healthLines(topic).map(({ level, what }) => `${level} ${what}`);
    };
    expect(with0({ inSync: [1, 2] })).toEqual(['warn topic metrics-raw: copies of 1 of 12 partitions are not in sync']);
    expect(with0({ inSync: [1] })).toEqual([
      'fail topic metrics-raw: fewer than 2 copies are in sync of partition 0; writes wait',
    ]);
    expect(with0({ leader: undefined, inSync: [] })).toHaveLength(2);
  });
});
