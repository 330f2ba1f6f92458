/** The options under sinks.kafka: defaults, bounds, what they say about each other, and their form in the program. */
import {
  addresses,
  bytes,
  choice,
  duration,
  flag,
  integer,
  ratio,
  secret,
  text,
} from '@metricstream/shared/config/leaves.ts';
import type { CrossFault } from '@metricstream/shared/config/load.ts';
import { z } from 'zod';
import {
  HOT_ANSWERS,
  KAFKA_COMPRESSIONS,
  KAFKA_ENCODINGS,
  type KafkaSettings,
  SASL_MECHANISMS,
} from '../sinks/kafka/settings.ts';

const MiB = 1024 * 1024;
const PARTITIONS_MAX = 10_000;

const topic = () =>
  text({ expected: 'a topic name: letters, digits, ".", "_" and "-"', pattern: /^[a-zA-Z0-9._-]+$/, charsMax: 249 });
const path = () => text({ expected: 'the path of a file', pattern: /^[^\0]*$/, charsMax: 1024 });

export const kafkaSchema = z.strictObject({
  enabled: flag().prefault(true),
  brokers: addresses({ example: '["kafka-1:9092", "kafka-2:9092"]' }),
  topic: topic().prefault('metrics-raw'),
  dead_letter_topic: topic().prefault('metrics-dead'),
  partitions: integer({ min: 1, max: PARTITIONS_MAX }).prefault(12),
  replication: integer({ min: 1, max: 32 }).prefault(3),
  encoding: choice(KAFKA_ENCODINGS).prefault('batch'),
  compression: choice(KAFKA_COMPRESSIONS).prefault('zstd'),
  in_flight: bytes({ min: MiB, max: 1024 * MiB }).prefault('32MiB'),
  required: flag().prefault(false),
  sasl: z
    .strictObject({
      mechanism: choice(SASL_MECHANISMS),
      username: text({ expected: 'a user name', pattern: /^.+$/, charsMax: 256 }),
      password: secret({ expected: 'a password', charsMax: 1024 }),
    })
    .optional(),
  tls: z
    .strictObject({
      ca_file: path().prefault(''),
      cert_file: path().prefault(''),
      key_file: path().prefault(''),
      verify: flag().prefault(true),
    })
    .optional(),
  hot: z
    .strictObject({
      answer: choice(HOT_ANSWERS).prefault('off'),
      share: ratio().prefault(0.2),
      window: duration({ min: 1000, max: 3_600_000 }).prefault('60s'),
    })
    .prefault({}),
});

type KafkaFile = z.output<typeof kafkaSchema>;

/** @param at where the section stands in the file. */
export function checkKafka(file: KafkaFile, at: string[]): CrossFault[] {
  const found: CrossFault[] = [];
  if (file.topic === file.dead_letter_topic)
    found.push({
      path: [...at, 'dead_letter_topic'],
      others: [[...at, 'topic']],
      what: `is the topic itself, ${file.topic}`,
      expected: 'another topic: what is no batch would come back for ever',
    });
  if (file.tls !== undefined && (file.tls.cert_file === '') !== (file.tls.key_file === ''))
    found.push({
      path: [...at, 'tls'],
      what: 'has one of cert_file and key_file',
      expected: 'both, or neither',
    });
  if (file.encoding === 'json' && file.hot.answer === 'split_by_metric')
    found.push({
      path: [...at, 'hot', 'answer'],
      others: [[...at, 'encoding']],
      level: 'warning',
      what: 'splits batches by metric, and with encoding json only the key of each point changes',
    });
  if (file.sasl !== undefined && file.sasl.mechanism === 'plain' && file.tls === undefined)
    found.push({
      path: [...at, 'sasl', 'mechanism'],
      others: [[...at, 'tls']],
      level: 'warning',
      what: 'plain without tls sends the password as it is',
    });
  return found;
}

export function shapeKafka(file: KafkaFile): KafkaSettings {
  const { brokers, sasl, tls, topic: name, partitions, replication, encoding, compression, hot } = file;
  return {
    connection: {
      brokers,
      sasl,
      tls: tls && { caFile: tls.ca_file, certFile: tls.cert_file, keyFile: tls.key_file, verify: tls.verify },
    },
    topic: name,
    deadLetterTopic: file.dead_letter_topic,
    partitions,
    replication,
    encoding,
    compression,
    hot: { answer: hot.answer, share: hot.share, windowMs: hot.window },
    inFlightBytesMax: file.in_flight,
  };
}
