/** What fault tests change in a Kafka cluster, and what they look at, by Kafka's own admin client. */
import { askKafka } from './kafka-judge.ts';

export interface PartitionState {
  partition: number;
  /** Node id; 0 when there is none. */
  leader: number;
  replicas: number[];
  inSync: number[];
}

export interface GroupPartition {
  topic: string;
  partition: number;
  committed: number;
  end: number;
  lag: number;
  /** The member that owns it now; empty when there is none. */
  member: string;
}

export interface TopicSettings {
  topic: string;
  partitions: number;
  config?: Record<string, string>;
}

export interface KafkaAdmin {
  /** With the cluster's default replication: every node has a copy. */
  createTopic(settings: TopicSettings): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  describeTopic(topic: string): Promise<PartitionState[]>;
  /** Grows a topic to so many partitions. */
  addPartitions(grown: { topic: string; partitions: number }): Promise<void>;
  configureTopic(changed: { topic: string; config: Record<string, string> }): Promise<void>;
  /** Makes `node` the leader; it must hold a copy. */
  moveLeader(moved: { topic: string; partition: number; node: number }): Promise<void>;
  /** What the group has committed, and how far behind it is; rejects for a group that is not known. */
  describeGroup(group: string): Promise<GroupPartition[]>;
}

/** An admin of the cluster at `brokers`. `properties` are the Java client's, for brokers with security. */
export function kafkaAdmin(brokers: string[], properties: Record<string, string> = {}): KafkaAdmin {
  const client = { brokers: brokers.join(','), properties };
  const change = async (op: string, args: object) => {
    await askKafka(op, { ...client, ...args });
  };
  return {
    createTopic: (settings) => change('createTopic', settings),
    deleteTopic: (topic) => change('deleteTopic', { topic }),
    addPartitions: (grown) => change('addPartitions', grown),
    configureTopic: (changed) => change('configureTopic', changed),
    moveLeader: (moved) => change('moveLeader', moved),
    describeTopic: (topic) => askKafka<PartitionState>('describeTopic', { ...client, topic }),
    async describeGroup(group) {
      const rows = await askKafka<GroupPartition>('describeGroup', { ...client, group });
      return rows.sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);
    },
  };
}
