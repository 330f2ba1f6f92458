/** Readers of Kafka that share no code with the product: Kafka's own Java consumer, partitioner and admin, and kcat. */
import { debianProgram } from './debian.ts';
import { askKafka } from './kafka-judge.ts';
import { run } from './run.ts';

export interface Message {
  partition: number;
  offset: number;
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  /** In their order; a name may come twice. */
  headers: [name: string, value: Buffer | null][];
}

export interface ReadOptions {
  timeoutMs?: number;
  /** Of the Java consumer, for brokers with security and the like. */
  properties?: Record<string, string>;
}

type Encoded = Omit<Message, 'key' | 'value' | 'headers'> & {
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
};

/**
 * All messages of a topic from its beginning to the end it had when the reading began, by Kafka's consumer: in order
 * within each partition, partitions one after the other.
 */
export async function readTopic(brokers: string[], topic: string, options: ReadOptions = {}): Promise<Message[]> {
  const { timeoutMs = 30_000, properties = {} } = options;
  const rows = await askKafka<Encoded>('read', { brokers: brokers.join(','), topic, timeoutMs, properties });
  const messages = rows.map(
    ({ key, value, headers, ...rest }): Message => ({
      ...rest,
      key: bytes(key),
      value: bytes(value),
      headers: headers.map(([name, value]) => [name, bytes(value)]),
    }),
  );
  return messages.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function bytes(base64: string | null): Buffer | null {
  return base64 === null ? null : Buffer.from(base64, 'base64');
}

/** The partition that Kafka's own producer picks for each key, of so many. */
export function javaPartitions(keys: string[], partitions: number): Promise<number[]> {
  return askKafka<number>('partitions', { keys, partitions });
}

/**
 * Runs kcat to its end; gives what it printed. Give `-e` when consuming, or it waits for more. Before
 * librdkafka 2.6.1 it cannot do SCRAM with a Kafka 4.
 */
export async function kcat(args: string[], input: string | Uint8Array = ''): Promise<string> {
  const { command, env } = await debianProgram({ name: 'kcat', pkg: 'kcat' });
  return (await run(command, args, { env, input, timeoutMs: 30_000 })).toString('utf8');
}
