/**
 * One membership of a consumer group through one kafkajs consumer, from joining to its end. Promises that it ends, and says
 * why, whenever nothing would come any more though there are brokers: kafkajs crashed, it has no answers while others get
 * them, one broker is silent, or the group was joined in the middle of fetching (what is on its way then has old
 * positions). While no broker answers at all it lasts: a member that comes back is known, a new one waits for the old
 * one's session to end.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { createAdmin } from '../../sinks/kafka/kafkajs-admin.ts';
import { absentReason, faultOf, haltReason, isAbsent } from '../../sinks/kafka/kafkajs-errors.ts';
import {
  type KafkaSession,
  openSession,
  REQUEST_TIMEOUT_MS,
  RETRY,
  within,
} from '../../sinks/kafka/kafkajs-session.ts';
import type { KafkaConnection } from '../../sinks/kafka/settings.ts';
import type { ConsumedBatch, ConsumedMessage } from './consumer.ts';

/** Through any outage. */
const RETRIES = 1e6;
const MAX_WAIT_MS = 300;
/** Of one fetch from one broker, as stored. */
const FETCH_BYTES_MAX = 2 * 1024 * 1024;
/** Other members must come back within this when the group is divided anew; ours does at once. */
const REBALANCE_TIMEOUT_MS = 15_000;
/** Joining waits for the others. */
const JOIN_STALL_MS = REBALANCE_TIMEOUT_MS + REQUEST_TIMEOUT_MS;
const STALL_MS = 2 * REQUEST_TIMEOUT_MS;
/** One fetch that got no answer, and the next one under way. */
const SILENT_BROKER_MS = REQUEST_TIMEOUT_MS + 2000;
/** How long kafkajs may take once a broker answers others. */
const GRACE_MS = 4000;
const WATCH_MS = 500;
/** New partitions of the topic are seen this much later. */
const METADATA_MAX_AGE_MS = 60_000;
const LEAVE_MS = 4500;

export type ArrivedBatch = Omit<ConsumedBatch, 'topic' | 'generation'> & { fetchedOffset: number; end: number };

export interface MembershipOptions {
  connection: KafkaConnection;
  group: string;
  topic: string;
  log: Log;
  /** Which broker of the list is asked first. */
  seed: number;
  partitionBytesMax: number;
  sessionTimeoutMs: number;
  onAssigned(partitions: readonly number[]): void;
  /** All of them; before the group is joined anew. */
  onRevoked(): void;
  /** @returns false when it must be fetched again. */
  onBatch(batch: ArrivedBatch): boolean;
}

export interface Membership {
  /** Resolves with the reason. */
  readonly ended: Promise<string>;
  pause(partition: number): void;
  resume(partition: number): void;
  /** One try. */
  commit(partition: number, nextOffset: number): Promise<void>;
  /** Ends it from outside. */
  stop(): void;
  /** Leaves the group and closes the connections, within 5 s. */
  leave(): Promise<void>;
}

interface State {
  session: KafkaSession | undefined;
  consumer: Consumer | undefined;
  /** Of kafkajs's latest call; it commits with the generation that is current. */
  commitOffsets: EachBatchPayload['commitOffsetsIfNecessary'] | undefined;
  ended: boolean;
  joined: boolean;
  /** The next join is no surprise: the first one, or one after a pause of all fetching. */
  joinExpected: boolean;
  progressMs: number;
  /** By broker: since when a fetch has had no answer, and when the last one began. */
  fetches: Map<string, { sinceMs: number; startedMs: number }>;
  /** Since when others get answers and kafkajs does not. */
  leftOutMs: number | undefined;
  asking: boolean;
}

export function startMembership(options: MembershipOptions): Membership {
  const { topic } = options;
  const end = Promise.withResolvers<string>();
  const state: State = {
    session: undefined,
    consumer: undefined,
    commitOffsets: undefined,
    ended: false,
    joined: false,
    joinExpected: true,
    progressMs: performance.now(),
    fetches: new Map(),
    leftOutMs: undefined,
    asking: false,
  };
  const finish = (why: string): void => {
    state.ended = true;
    clearInterval(watch);
    end.resolve(why);
  };
  const watch = setInterval(() => {
    const why = silentBroker(state.fetches, performance.now()) ?? leftOut(options, state, performance.now());
    if (why !== undefined) finish(why);
  }, WATCH_MS);
  run(options, state, finish).catch((error: unknown) => finish(reasonOf(error, options)));
  return {
    ended: end.promise,
    pause: (partition) => state.consumer?.pause([{ topic, partitions: [partition] }]),
    resume: (partition) => state.consumer?.resume([{ topic, partitions: [partition] }]),
    async commit(partition, nextOffset) {
      if (state.ended || state.commitOffsets === undefined) throw new Error('not a member of the group now');
      await state.commitOffsets({ topics: [{ topic, partitions: [{ partition, offset: String(nextOffset) }] }] });
    },
    stop: () => finish('closed'),
    async leave() {
      try {
        if (state.joined)
          await within(LEAVE_MS, state.consumer?.disconnect() ?? Promise.resolve(), 'leaving the group');
      } catch {
        // The group learns it from the missing heartbeats.
      }
      state.session?.kill();
    },
  };
}

/** Joins, and lets kafkajs work. Resolves once it does. */
async function run(options: MembershipOptions, state: State, finish: (why: string) => void): Promise<void> {
  const { connection, group, topic, log, seed } = options;
  const session = await openSession({ connection, first: seed, retries: RETRIES, log });
  state.session = session;
  if (state.ended) return session.kill();
  const consumer = session.kafka.consumer({
    groupId: group,
    sessionTimeout: options.sessionTimeoutMs,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: Math.floor(options.sessionTimeoutMs / 5),
    maxBytesPerPartition: options.partitionBytesMax,
    maxBytes: Math.max(FETCH_BYTES_MAX, options.partitionBytesMax),
    maxWaitTimeInMs: MAX_WAIT_MS,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    retry: { ...RETRY, retries: RETRIES, restartOnFailure: async () => false },
  });
  state.consumer = consumer;
  listen(consumer, options, state, finish);
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => {
      if (state.ended) return;
      state.commitOffsets = payload.commitOffsetsIfNecessary;
      if (options.onBatch(arrived(payload))) payload.resolveOffset(payload.batch.lastOffset());
    },
  });
}

function listen(consumer: Consumer, options: MembershipOptions, state: State, finish: (why: string) => void): void {
  const { events } = consumer;
  const progress = (): void => {
    state.progressMs = performance.now();
  };
  consumer.on(events.HEARTBEAT, progress);
  consumer.on(events.FETCH_START, ({ payload: { nodeId } }: { payload: { nodeId: string } }) => {
    const startedMs = performance.now();
    state.fetches.set(nodeId, { sinceMs: state.fetches.get(nodeId)?.sinceMs ?? startedMs, startedMs });
  });
  consumer.on(events.FETCH, ({ payload: { nodeId } }: { payload: { nodeId: string } }) => {
    progress();
    state.fetches.delete(nodeId);
  });
  consumer.on(events.REBALANCING, () => {
    if (state.ended) return;
    state.joinExpected = true;
    state.joined = false;
    progress();
    options.onRevoked();
  });
  consumer.on(events.GROUP_JOIN, ({ payload }) => {
    if (state.ended) return;
    progress();
    state.joined = true;
    state.fetches.clear();
    if (!state.joinExpected)
      return finish('the group was joined anew while fetching: a leader moved or partitions came');
    state.joinExpected = false;
    options.onAssigned(payload.memberAssignment[options.topic] ?? []);
  });
  consumer.on(events.CRASH, ({ payload: { error } }) => finish(reasonOf(error, options)));
}

/** One that is asked again and again and does not answer: who leads its partitions now is for new metadata to say. */
function silentBroker(fetches: State['fetches'], nowMs: number): string | undefined {
  for (const [nodeId, { sinceMs, startedMs }] of fetches) {
    // One that is not asked any more is gone from the cluster.
    if (nowMs - startedMs > SILENT_BROKER_MS) fetches.delete(nodeId);
    else if (nowMs - sinceMs > SILENT_BROKER_MS) return `broker ${nodeId} does not answer fetches`;
  }
  return undefined;
}

/** Whether kafkajs gets nowhere while somebody else does. Asks the brokers itself when nothing was heard for long. */
function leftOut({ connection, log }: MembershipOptions, state: State, nowMs: number): string | undefined {
  if (nowMs - state.progressMs < (state.joined ? STALL_MS : JOIN_STALL_MS)) {
    state.leftOutMs = undefined;
    return undefined;
  }
  if (state.leftOutMs !== undefined && nowMs - state.leftOutMs > GRACE_MS)
    return 'brokers answer, and kafkajs gets nowhere';
  if (state.asking) return undefined;
  state.asking = true;
  createAdmin({ connection, log })
    .connect(AbortSignal.abort())
    .then(() => (state.leftOutMs ??= performance.now()))
    .catch((error: unknown) => {
      state.leftOutMs = undefined;
      log.warn('kafka does not answer, waiting', { why: messageOf(error) });
    })
    .finally(() => {
      state.asking = false;
    });
  return undefined;
}

function reasonOf(error: unknown, { connection, topic }: MembershipOptions): string {
  const fault = faultOf(error);
  const halt = haltReason(fault, { connection, topic });
  if (halt !== undefined) return `${halt.why}: ${halt.fix}`;
  if (isAbsent(fault)) return absentReason(topic);
  if (fault.name === 'KafkaJSNotImplemented')
    return `${fault.message}: a producer or the topic's compression.type uses a compression that is not gzip or zstd`;
  return fault.type === undefined ? messageOf(error) : `${fault.type}: ${fault.message}`;
}

function arrived({ batch }: EachBatchPayload): ArrivedBatch {
  const messages = batch.messages.map(toConsumed);
  let bytes = 0;
  for (const { key, value, headers } of messages) {
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    for (const [name, text] of Object.entries(headers)) bytes += name.length + text.length;
  }
  return {
    partition: batch.partition,
    messages,
    bytes,
    nextOffset: Number(batch.lastOffset()) + 1,
    // In every batch of kafkajs, and missing in its types.
    fetchedOffset: Number((batch as typeof batch & { fetchedOffset: string }).fetchedOffset),
    end: Number(batch.highWatermark),
  };
}

function toConsumed({ offset, timestamp, key, value, headers = {} }: KafkaMessage): ConsumedMessage {
  const texts = Object.entries(headers).map(([name, one]) => [
    name,
    String((Array.isArray(one) ? one.at(-1) : one) ?? ''),
  ]);
  return {
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key: key ?? undefined,
    value: value ?? undefined,
    headers: Object.fromEntries(texts),
  };
}
