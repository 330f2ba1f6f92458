/**
 * What `setup kafka` wants of topics, beside what is there. Pure: owns the topics' shape and what is to be done about every
 * difference. Promises that nothing is ever made smaller, and that partitions are added only when asked for: keys move.
 */
import type { CheckLine } from '@metricstream/shared/cli/check-line.ts';
import { formatBytes } from '@metricstream/shared/units.ts';
import type { NewTopic, TopicDescription } from '../sinks/kafka/client.ts';
import type { KafkaSettings } from '../sinks/kafka/settings.ts';

const KiB = 1024;
/** Kafka's default, which we do not go below. */
const MESSAGE_BYTES_MIN = 1024 * KiB + 12;
/** Key, headers and the record batch around a message. */
const MESSAGE_OVERHEAD_BYTES = 64 * KiB;
const DEAD_LETTER_PARTITIONS = 1;
/** Of adding partitions. */
export const KEYS_MOVE =
  'with more partitions most clients have another one than before, and what they sent before may be read after what they send now';
/** What topic settings the reader can read: it has no snappy and no lz4. */
const READABLE = ['producer', 'uncompressed', 'gzip', 'zstd'];

export interface WantedTopic extends NewTopic {
  /** More partitions than wanted do no harm. */
  morePartitions: boolean;
}

/** @param batchBytesMax what a client's batch may be, decompressed: one message holds it. */
export function wantedTopics(settings: KafkaSettings, batchBytesMax: number): WantedTopic[] {
  const { topic, deadLetterTopic, partitions, replication, hot } = settings;
  const config = {
    'min.insync.replicas': String(Math.max(1, replication - 1)),
    'max.message.bytes': String(Math.max(MESSAGE_BYTES_MIN, batchBytesMax + MESSAGE_OVERHEAD_BYTES)),
  };
  const extra = hot.answer === 'dedicated_partition' ? 1 : 0;
  return [
    { topic, partitions: partitions + extra, replication, config, morePartitions: false },
    { topic: deadLetterTopic, partitions: DEAD_LETTER_PARTITIONS, replication, config, morePartitions: true },
  ];
}

/** What is to be made, or wrong; nothing when the topic is as wanted. */
export type Difference =
  | { kind: 'missing' }
  | { kind: 'grow'; from: number }
  | { kind: 'wrong'; level: 'warn' | 'fail'; what: string; fix: string };

/** Every difference between a topic and what is wanted of it. @param found undefined: there is none. */
export function differences(found: TopicDescription | undefined, wanted: WantedTopic): Difference[] {
  if (found === undefined) return [{ kind: 'missing' }];
  return [
    ...partitionDifference(found, wanted),
    ...replicationDifference(found, wanted),
    ...configDifferences(found, wanted),
  ];
}

function partitionDifference({ partitions }: TopicDescription, wanted: WantedTopic): Difference[] {
  const has = partitions.length;
  if (has === wanted.partitions || (has > wanted.partitions && wanted.morePartitions)) return [];
  if (has < wanted.partitions) return [{ kind: 'grow', from: has }];
  return [
    {
      kind: 'wrong',
      level: 'fail',
      what: `topic ${wanted.topic} has ${counted(has)}, wanted are ${wanted.partitions}`,
      fix: `Kafka cannot take partitions away: raise sinks.kafka.partitions by ${has - wanted.partitions}, or name another topic`,
    },
  ];
}

function replicationDifference({ replication }: TopicDescription, wanted: WantedTopic): Difference[] {
  if (replication === wanted.replication) return [];
  return [
    {
      kind: 'wrong',
      level: 'fail',
      what: `topic ${wanted.topic} has ${copies(replication)} of each partition, wanted are ${wanted.replication}`,
      fix: `set sinks.kafka.replication: ${replication}, or change the copies with kafka-reassign-partitions.sh`,
    },
  ];
}

function configDifferences({ config }: TopicDescription, wanted: WantedTopic): Difference[] {
  const { topic } = wanted;
  if (Object.keys(config).length === 0) {
    const fix = `give the user DescribeConfigs on topic ${topic} to see them (kafka-acls.sh --add)`;
    return [{ kind: 'wrong', level: 'warn', what: `the settings of topic ${topic} may not be looked at`, fix }];
  }
  const found: Difference[] = [];
  const alter = (setting: string) =>
    `kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`;
  const inSync = 'min.insync.replicas';
  if (config[inSync] !== wanted.config[inSync])
    found.push({
      kind: 'wrong',
      level: 'fail',
      what: `topic ${topic} has ${inSync} ${config[inSync]}, wanted is ${wanted.config[inSync]}`,
      fix: alter(`${inSync}=${wanted.config[inSync]}`),
    });
  const bytes = Number(wanted.config['max.message.bytes']);
  if (Number(config['max.message.bytes']) < bytes)
    found.push({
      kind: 'wrong',
      level: 'warn',
      what: `topic ${topic} takes messages of ${formatBytes(Number(config['max.message.bytes']))} at most, compressed; a batch may have ${formatBytes(bytes)} before that, and one that does not fit becomes a dead letter`,
      fix: alter(`max.message.bytes=${bytes}`),
    });
  const compression = config['compression.type'] ?? 'producer';
  if (!READABLE.includes(compression))
    found.push({
      kind: 'wrong',
      level: 'fail',
      what: `topic ${topic} is compressed anew by the brokers, with ${compression}, which forwarders cannot read`,
      fix: alter('compression.type=producer'),
    });
  return found;
}

/** What a person is told of differences that nothing is done about here. */
export function differenceLine(difference: Difference, { topic, partitions }: WantedTopic): CheckLine {
  if (difference.kind === 'missing')
    return { level: 'fail', what: `topic ${topic} is not there`, fix: 'metricstream-collector setup kafka' };
  if (difference.kind === 'grow')
    return {
      level: 'fail',
      what: `topic ${topic} has ${counted(difference.from)}, wanted are ${partitions}`,
      fix: `"metricstream-collector setup kafka --add-partitions", or sinks.kafka.partitions as it is; ${KEYS_MOVE}`,
    };
  const { level, what, fix } = difference;
  return { level, what, fix };
}

/** Partitions that cannot be written now, or soon cannot. */
export function healthLines({ topic, partitions, config }: TopicDescription): CheckLine[] {
  const inSyncMin = Number(config['min.insync.replicas'] ?? 1);
  const leaderless = partitions.filter(({ leader }) => leader === undefined).map(({ partition }) => partition);
  const short = partitions.filter(({ inSync }) => inSync.length < inSyncMin).map(({ partition }) => partition);
  const behind = partitions.filter(({ inSync, replicas }) => inSync.length < replicas.length).length;
  const lines: CheckLine[] = [];
  const fix = 'start the brokers that are down';
  if (leaderless.length > 0)
    lines.push({ level: 'fail', what: `topic ${topic}: no leader for partition ${leaderless.join(', ')}`, fix });
  if (short.length > 0)
    lines.push({
      level: 'fail',
      what: `topic ${topic}: fewer than ${inSyncMin} copies are in sync of partition ${short.join(', ')}; writes wait`,
      fix,
    });
  else if (behind > 0)
    lines.push({
      level: 'warn',
      what: `topic ${topic}: copies of ${behind} of ${counted(partitions.length)} are not in sync`,
      fix,
    });
  return lines;
}

export function topicText({ topic, partitions, replication, config }: NewTopic): string {
  const inSync = config['min.insync.replicas'];
  return `topic ${topic}: ${counted(partitions)}, ${copies(replication)} of each, min.insync.replicas ${inSync}`;
}

function counted(partitions: number): string {
  return partitions === 1 ? '1 partition' : `${partitions} partitions`;
}

function copies(count: number): string {
  return count === 1 ? '1 copy' : `${count} copies`;
}
