/**
 * One membership of a consumer group through one kafkajs consumer, from joining to its end. Promises that it ends, and says
 * why, whenever nothing would come any more though there are brokers (kafkajs-watch.ts decides); that it keeps its place in
 * the group where it can (a new member waits for the old one's session to end); and that of a generation only what was
 * fetched within it is handed on: kafkajs joins anew in the middle of fetching when a leader moves, and then brings what
 * was asked for from old positions.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';
import kafkajs, { type Consumer, type EachBatchPayload } from 'kafkajs';
import { foreignCodec } from '../../sinks/kafka/codecs.ts';
import { createAdmin } from '../../sinks/kafka/kafkajs-admin.ts';
import { absentReason, faultOf, haltReason, isAbsent } from '../../sinks/kafka/kafkajs-errors.ts';
import { type KafkaSession, openSession, RETRY, within } from '../../sinks/kafka/kafkajs-session.ts';
import type { KafkaConnection } from '../../sinks/kafka/settings.ts';
import { beginFetch } from '../../sinks/kafka/unread.ts';
import { type ArrivedBatch, arrived, type Blocked } from './kafkajs-arrived.ts';
import { createWatch, type Watch } from './kafkajs-watch.ts';

// kafkajs is CommonJS, and its names are not seen by Node's import.
const { CompressionCodecs, CompressionTypes } = kafkajs;
CompressionCodecs[CompressionTypes.Snappy] = () => foreignCodec('snappy');
CompressionCodecs[CompressionTypes.LZ4] = () => foreignCodec('lz4');

/** Through any outage. */
const RETRIES = 1e6;
const MAX_WAIT_MS = 300;
/** Of one fetch from one broker, as stored. */
const FETCH_BYTES_MAX = 2 * 1024 * 1024;
/** Other members must come back within this when the group is divided anew; ours does at once. */
const REBALANCE_TIMEOUT_MS = 15_000;
const HEARTBEAT_MS = 2000;
const WATCH_MS = 500;
/** A broker that is silent is left by then, and new partitions of the topic are seen. */
const METADATA_MAX_AGE_MS = 5000;
const LEAVE_MS = 4500;
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
  /** A partition begins with a message that is well and cannot be read; it comes again and again. */
  onBlocked(blocked: Blocked): void;
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
  readonly watch: Watch;
  session: KafkaSession | undefined;
  consumer: Consumer | undefined;
  /** Of kafkajs's latest call; it commits with the generation that is current. */
  commitOffsets: EachBatchPayload['commitOffsetsIfNecessary'] | undefined;
  ended: boolean;
  /** In a generation that was joined while nothing was fetched. */
  joined: boolean;
  /** Since the first join it fetches, and can be told to leave: before, kafkajs would only close its connections. */
  readonly fetching: PromiseWithResolvers<void>;
  /** No fetch is under way: the next join is the first one, or follows a pause of them all. */
  paused: boolean;
  /** The next fetch shall fail, so that kafkajs pauses all of them and joins anew. */
  rejoin: boolean;
}

export function startMembership(options: MembershipOptions): Membership {
  const { connection, topic, log } = options;
  const end = Promise.withResolvers<string>();
  const state: State = {
    watch: createWatch(performance.now()),
    session: undefined,
    consumer: undefined,
    commitOffsets: undefined,
    ended: false,
    joined: false,
    fetching: Promise.withResolvers(),
    paused: true,
    rejoin: false,
  };
  const finish = (why: string): void => {
    state.ended = true;
    clearInterval(timer);
    end.resolve(why);
  };
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      await createAdmin({ connection, log }).connect(AbortSignal.abort());
      state.watch.asked(true, performance.now());
    } catch (error) {
      state.watch.asked(false, performance.now());
      log.warn('kafka does not answer, waiting', { why: messageOf(error) });
    }
    asking = false;
  };
  const timer = setInterval(() => {
    const verdict = state.watch.verdict(performance.now());
    if (verdict === 'anew') finish('brokers answer, and kafkajs gets nowhere');
    else if (verdict === 'rejoin') state.rejoin = true;
    else if (verdict === 'ask') void ask();
  }, WATCH_MS);
  const fetching = (what: 'pause' | 'resume', partition: number): void => {
    try {
      state.consumer?.[what]([{ topic, partitions: [partition] }]);
    } catch {
      // It has stopped: nothing is fetched.
    }
  };
  run(options, state, finish).catch((error: unknown) => finish(reasonOf(error, options)));
  return {
    ended: end.promise,
    pause: (partition) => fetching('pause', partition),
    resume: (partition) => fetching('resume', partition),
    async commit(partition, nextOffset) {
      if (!state.joined || state.commitOffsets === undefined) throw new Error('not a member of the group now');
      await state.commitOffsets({ topics: [{ topic, partitions: [{ partition, offset: String(nextOffset) }] }] });
    },
    stop: () => finish('closed'),
    async leave() {
      const { consumer, session } = state;
      try {
        const left = state.joined ? state.fetching.promise.then(() => consumer?.disconnect()) : Promise.resolve();
        await within(LEAVE_MS, left, 'leaving the group');
      } catch {
        // The group learns it from the missing heartbeats.
      }
      session?.kill();
      // What it still tries ends by this.
      void consumer?.disconnect().catch(() => undefined);
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
    heartbeatInterval: Math.min(HEARTBEAT_MS, Math.floor(options.sessionTimeoutMs / 5)),
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
      if (state.ended || !state.joined) return;
      state.commitOffsets = payload.commitOffsetsIfNecessary;
      const { batch, blocked } = arrived(payload);
      if (blocked !== undefined) options.onBlocked(blocked);
      if (batch.messages.length > 0 && options.onBatch(batch)) payload.resolveOffset(String(batch.nextOffset - 1));
    },
  });
}

function listen(consumer: Consumer, options: MembershipOptions, state: State, finish: (why: string) => void): void {
  const { events } = consumer;
  const { watch } = state;
  consumer.on(events.REQUEST, () => watch.answered(performance.now()));
  consumer.on(events.REQUEST_TIMEOUT, ({ payload }) => watch.timedOut(payload.apiName));
  consumer.on(events.HEARTBEAT, () => watch.heartbeat(performance.now()));
  consumer.on(events.FETCH_START, () => {
    // The one way to have kafkajs look for the coordinator and keep its place in the group.
    state.fetching.resolve();
    beginFetch((why) => options.log.error('kafka messages cannot be read', { topic: options.topic, why }));
    if (state.rejoin) throw Object.assign(new Error('joining anew'), { type: 'NOT_COORDINATOR_FOR_GROUP' });
  });
  consumer.on(events.REBALANCING, () => {
    watch.joining(performance.now());
    state.paused = true;
    state.rejoin = false;
    lose();
  });
  consumer.on(events.GROUP_JOIN, ({ payload }) => {
    watch.joined(performance.now());
    if (state.ended) return;
    if (state.paused) {
      state.paused = false;
      state.joined = true;
      options.onAssigned(payload.memberAssignment[options.topic] ?? []);
    } else {
      // While fetching, on a leader's move: once more in good order.
      state.rejoin = true;
      lose();
    }
  });
  consumer.on(events.CRASH, ({ payload: { error } }) => finish(reasonOf(error, options)));

  function lose(): void {
    if (state.joined && !state.ended) options.onRevoked();
    state.joined = false;
  }
}

function reasonOf(error: unknown, { connection, topic }: MembershipOptions): string {
  const fault = faultOf(error);
  const halt = haltReason(fault, { connection, topic });
  if (halt !== undefined) return `${halt.why}: ${halt.fix}`;
  if (isAbsent(fault)) return absentReason(topic);
  return fault.type === undefined ? messageOf(error) : `${fault.type}: ${fault.message}`;
}
