/**
 * Questions to a cluster and changes of its topics, through kafkajs. Each is asked over connections of its own, so that
 * none depends on what became of an earlier one; each answers or rejects within seconds.
 */
import { sleep } from '@metricstream/shared/clock.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import kafkajs, { type Admin } from 'kafkajs';
import type { BrokerAnswer, ClusterDescription, KafkaClient, TopicDescription } from './client.ts';
import { errorOf, faultOf, haltReason, isAbsent, reachReason } from './kafkajs-errors.ts';
import { type KafkaSession, openSession, RETRY, within } from './kafkajs-session.ts';
import type { KafkaConnection } from './settings.ts';

/** A seed that accepts the connection and says nothing is left after this. */
const CONNECT_MS = 2500;
const QUESTION_MS = 10_000;
/** kafkajs's own: over the seeds, and for answers that pass (NOT_CONTROLLER, a coordinator that is being found). */
const RETRIES = 5;
/** No number of acks that Kafka knows: it looks at permissions first, then refuses the request, and writes nothing. */
const NO_SUCH_ACKS = 5;

export interface AdminOptions {
  connection: KafkaConnection;
  log: Log;
}

interface Connected {
  session: KafkaSession;
  admin: Admin;
}

export type KafkaAdmin = Omit<KafkaClient, 'produce' | 'troubles' | 'close'>;

export function createAdmin(options: AdminOptions): KafkaAdmin {
  const { connection, log } = options;

  /** Runs the work over new connections and ends them. @param asked what an error is about. */
  async function ask<T>(asked: { topic?: string }, work: (connected: Connected) => Promise<T>): Promise<T> {
    let session: KafkaSession | undefined;
    try {
      const connected = await connectAny(options);
      session = connected.session;
      return await within(QUESTION_MS, work(connected), 'a question to Kafka');
    } catch (error) {
      throw errorOf(error, { connection, ...asked });
    } finally {
      session?.kill();
    }
  }

  return {
    async connect(signal) {
      for (;;) {
        try {
          return await ask({}, async () => {});
        } catch (error) {
          const final = error instanceof MetricStreamError && error.code !== 'unreachable';
          if (final || signal.aborted) throw error;
        }
        await sleep(RETRY.maxRetryTime, signal);
      }
    },
    cluster: () => ask({}, ({ admin }) => clusterOf(admin)),
    describeTopic: (topic) => ask({ topic }, ({ admin }) => describe(admin, topic)),
    createTopic: ({ topic, partitions, replication, config }) =>
      ask({ topic }, ({ admin }) => {
        const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
        const spec = { topic, numPartitions: partitions, replicationFactor: replication, configEntries };
        return admin.createTopics({ topics: [spec], timeout: 5000 });
      }),
    addPartitions: ({ topic, partitions }) =>
      ask({ topic }, async ({ admin }) => {
        await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }], timeout: 5000 });
      }),
    mayWrite: (topic) => ask({ topic }, ({ session }) => mayWrite(session, topic)),
    endOffsets: (topic) =>
      ask({ topic }, async ({ admin }) => {
        const ends: number[] = [];
        for (const { partition, high } of await admin.fetchTopicOffsets(topic)) ends[partition] = Number(high);
        return ends;
      }),
    groupLag: ({ group, topic }) =>
      ask({ topic }, async ({ admin }) => {
        const [held, [own]] = await Promise.all([
          admin.fetchTopicOffsets(topic),
          admin.fetchOffsets({ groupId: group, topics: [topic] }),
        ]);
        const rows = held.map(({ partition, low, high }) => {
          const offset = Number(own?.partitions.find((one) => one.partition === partition)?.offset ?? -1);
          const committed = offset < 0 ? undefined : offset;
          const [begin, end] = [Number(low), Number(high)];
          return { partition, committed, begin, end, lag: Math.max(0, end - Math.max(offset, begin)) };
        });
        return rows.sort((a, b) => a.partition - b.partition);
      }),
    probe: (address) => probe({ connection: { ...connection, brokers: [address] }, log }),
  };
}

/** A session whose seed has answered: the first of the list that does, and soon. */
async function connectAny({ connection, log }: AdminOptions, retries = RETRIES): Promise<Connected> {
  for (let first = 0; ; first++) {
    const session = await openSession({ connection, first, retries, log });
    const admin = session.kafka.admin({ retry: { ...RETRY, retries: RETRIES } });
    try {
      await within(CONNECT_MS, admin.connect(), 'connecting');
      return { session, admin };
    } catch (error) {
      session.kill();
      if (first + 1 >= connection.brokers.length || haltReason(faultOf(error), { connection })) throw error;
    }
  }
}

async function probe(options: AdminOptions): Promise<BrokerAnswer> {
  const [address = ''] = options.connection.brokers;
  let session: KafkaSession | undefined;
  try {
    const connected = await connectAny(options, 0);
    session = connected.session;
    return { up: true, cluster: await within(QUESTION_MS, clusterOf(connected.admin), 'asking for the brokers') };
  } catch (error) {
    if (error instanceof MetricStreamError && error.code === 'io')
      return { up: false, why: error.message, fix: 'make the file readable, or name another one' };
    const fault = faultOf(error);
    return { up: false, ...(haltReason(fault, options) ?? reachReason(fault, address)) };
  } finally {
    session?.kill();
  }
}

async function clusterOf(admin: Admin): Promise<ClusterDescription> {
  const { brokers, controller, clusterId } = await admin.describeCluster();
  return {
    id: clusterId,
    brokers: brokers
      .map(({ nodeId, host, port }) => ({ id: nodeId, address: `${host}:${port}` }))
      .sort((a, b) => a.id - b.id),
    controller: controller ?? undefined,
  };
}

async function describe(admin: Admin, topic: string): Promise<TopicDescription | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = (topics[0]?.partitions ?? []).map(({ partitionId, leader, replicas, isr }) => ({
      partition: partitionId,
      leader: leader < 0 ? undefined : leader,
      replicas,
      inSync: isr,
    }));
    partitions.sort((a, b) => a.partition - b.partition);
    const replication = Math.min(...partitions.map(({ replicas }) => replicas.length));
    return { topic, partitions, replication, config: await configOf(admin, topic) };
  } catch (error) {
    if (isAbsent(faultOf(error))) return undefined;
    throw error;
  }
}

/** Empty when these credentials may not look at it. */
async function configOf(admin: Admin, topic: string): Promise<Record<string, string>> {
  try {
    const { resources } = await admin.describeConfigs({
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
      includeSynonyms: false,
    });
    const entries = resources[0]?.configEntries ?? [];
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    if (faultOf(error).type === 'TOPIC_AUTHORIZATION_FAILED') return {};
    throw error;
  }
}

async function mayWrite({ kafka }: KafkaSession, topic: string): Promise<boolean> {
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    retry: { ...RETRY, retries: RETRIES },
    createPartitioner: () => () => 0,
  });
  await producer.connect();
  try {
    await producer.send({ topic, acks: NO_SUCH_ACKS, messages: [{ value: 'asks for permission' }] });
  } catch (error) {
    const fault = faultOf(error);
    if (fault.type === 'INVALID_REQUIRED_ACKS') return true;
    if (fault.type === 'TOPIC_AUTHORIZATION_FAILED') return false;
    throw error;
  }
  throw new MetricStreamError('bug', `a write to topic ${topic} with ${NO_SUCH_ACKS} acks was taken`);
}
