/**
 * A KafkaConsumer by kafkajs: with sinks/kafka/kafkajs.ts the only place that knows the library. Owns one membership of the
 * group after another: kafkajs stops for good on some errors, goes silent on others, and joins anew in the middle of
 * fetching when a leader moves; each ends the session here, and the next one begins at the committed offsets.
 *
 * The handler it calls hands every batch on at once and returns, so that the fetching, and the heartbeats with it, go on
 * while batches are held.
 *
 * A limit of `missed`: for a partition that another member had, the look at the offsets after the join races with kafkajs,
 * which sets an offset that is gone to the partition's beginning; when kafkajs is first, that gap is not counted.
 */
import { backoffMs } from '@metricstream/shared/backoff.ts';
import { sleep } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import { throttled } from '@metricstream/shared/log.ts';
import type { GroupLag } from '../../sinks/kafka/client.ts';
import { createAdmin } from '../../sinks/kafka/kafkajs-admin.ts';
import { within } from '../../sinks/kafka/kafkajs-session.ts';
import type { KafkaConsumer, KafkaConsumerOptions } from './consumer.ts';
import type { ArrivedBatch, Blocked } from './kafkajs-arrived.ts';
import { createHeld } from './kafkajs-held.ts';
import { type Membership, startMembership } from './kafkajs-membership.ts';

const HELD_BYTES_MAX = 16 * 1024 * 1024;
const PARTITION_BYTES_MAX = 1024 * 1024;
const SESSION_TIMEOUT_MS = 10_000;
const RESTART_BACKOFF = { initialMs: 200, maxMs: 5000 };
const COMMIT_WAIT_MS = 200;
const LOOK_MS = 2000;
const BLOCKED_REST_MS = 5000;
const LOG_EVERY_MS = 30_000;

/** Joins the group and stays in it until `close`. Returns at once; connecting goes on by itself. */
export function openKafkaConsumer(options: KafkaConsumerOptions): KafkaConsumer {
  const { group, topic, log } = options;
  const seldom = throttled(log, LOG_EVERY_MS);
  const closing = new AbortController();
  const takers = new Set<() => void>();
  const figures = { rebalances: 0, restarts: 0, missed: 0 };
  const admin = createAdmin({ connection: options.connection, log });
  /** By partition: up to where what is gone has been counted. */
  const missedTo = new Map<number, number>();
  /** As of the start of a membership, until its first join. */
  let before: readonly GroupLag[] = [];
  let membership: Membership | undefined;
  let joins = 0;
  let failures = 0;
  let seed = 0;
  const held = createHeld({
    bytesMax: options.heldBytesMax ?? HELD_BYTES_MAX,
    pause: (partition) => membership?.pause(partition),
    resume: (partition) => membership?.resume(partition),
  });

  function wake(): void {
    for (const taker of takers) taker();
    takers.clear();
  }

  function lose(): void {
    const had = held.revoke();
    if (had.length > 0) options.onRevoked?.(had);
  }

  function gain(assigned: readonly number[]): void {
    // kafkajs has them in the order of their texts.
    const partitions = assigned.toSorted((a, b) => a - b);
    lose();
    if (joins++ > 0) figures.rebalances++;
    failures = 0;
    held.assign(partitions);
    log.info('kafka partitions assigned', { group, topic, partitions: partitions.join(' ') });
    options.onAssigned?.(partitions);
    countGone(before, partitions);
    before = [];
    const { generation } = held;
    void look().then((lag) => generation === held.generation && countGone(lag, partitions));
  }

  /**
   * What retention took since the group's last commit. Looked at before a membership and after every join: kafkajs commits
   * another offset as soon as it meets such a gap, and then nothing shows it.
   */
  async function look(): Promise<readonly GroupLag[]> {
    try {
      return await within(LOOK_MS, admin.groupLag({ group, topic }), 'looking at the offsets');
    } catch (error) {
      log.debug('kafka offsets cannot be looked at', { group, topic, why: messageOf(error) });
      return [];
    }
  }

  function countGone(lag: readonly GroupLag[], partitions: readonly number[]): void {
    for (const { partition, committed, begin } of lag)
      if (committed !== undefined && partitions.includes(partition)) miss(partition, { from: committed, to: begin });
  }

  /** Counts messages that are gone, once. */
  function miss(partition: number, { from, to }: { from: number; to: number }): void {
    const missed = to - Math.max(from, missedTo.get(partition) ?? 0);
    if (missed <= 0) return;
    missedTo.set(partition, to);
    figures.missed += missed;
    const what = 'kafka messages were gone before they were read: retention is shorter than the lag';
    seldom.error(what, { group, topic, partition, missed });
  }

  /** @returns whether the fetching goes on after this batch, or asks for it again. */
  function arrive({ fetchedOffset, end, ...batch }: ArrivedBatch): boolean {
    const { partition } = batch;
    const arrival = held.arrive({ ...batch, topic, generation: held.generation }, { fetchedOffset, end });
    if (!arrival.taken) return false;
    const unread = batch.messages.find((message) => message.unread !== undefined);
    if (unread !== undefined) {
      const what = 'kafka messages are passed by: their record batch is too large to be read';
      seldom.error(what, { group, topic, partition, offset: unread.offset, why: unread.unread });
    }
    const first = batch.messages[0]?.offset ?? 0;
    miss(partition, { from: first - arrival.missed, to: first });
    if (arrival.rewound) missedTo.delete(partition);
    if (arrival.rewound) seldom.warn('kafka partition begins anew: was the topic made again?', { topic, partition });
    wake();
    return true;
  }

  /** The other partitions go on; this one waits for what only its owner can do. */
  function block({ partition, offset, why }: Blocked): void {
    const fix =
      'set compression.type=producer on the topic and gzip, zstd or none in its producers; to pass these messages by, ' +
      'set the offset of the group behind them';
    seldom.error('kafka messages cannot be read, their partition stands still', {
      group,
      topic,
      partition,
      offset,
      why,
      fix,
    });
    held.rest(partition, true);
    setTimeout(() => held.rest(partition, false), BLOCKED_REST_MS).unref();
  }

  /** One membership after another until closed. */
  async function stay(): Promise<void> {
    for (;;) {
      before = await look();
      if (closing.signal.aborted) return;
      membership = startMembership({
        connection: options.connection,
        group,
        topic,
        log: seldom,
        seed,
        partitionBytesMax: options.partitionBytesMax ?? PARTITION_BYTES_MAX,
        sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
        onAssigned: gain,
        onRevoked: lose,
        onBatch: arrive,
        onBlocked: block,
      });
      const why = await membership.ended;
      lose();
      await membership.leave();
      if (closing.signal.aborted) return;
      figures.restarts++;
      seed++;
      seldom.warn('kafka consumer starts anew', { group, topic, why });
      await sleep(backoffMs(failures++, RESTART_BACKOFF), closing.signal);
    }
  }

  const stayed = stay();

  return {
    async take(signal) {
      for (;;) {
        if (signal.aborted || closing.signal.aborted) return undefined;
        const batch = held.take();
        if (batch !== undefined) return batch;
        const woken = Promise.withResolvers<void>();
        const onAbort = (): void => woken.resolve();
        takers.add(woken.resolve);
        signal.addEventListener('abort', onAbort, { once: true });
        await woken.promise;
        takers.delete(woken.resolve);
        signal.removeEventListener('abort', onAbort);
      }
    },
    owns: (batch) => held.owns(batch),
    async commit(batch, { nextOffset = batch.nextOffset, signal } = {}) {
      for (;;) {
        if (!held.owns(batch) || signal?.aborted === true) return false;
        try {
          await membership?.commit(batch.partition, nextOffset);
          if (held.owns(batch)) held.commit(batch, nextOffset);
          return true;
        } catch (error) {
          seldom.warn('kafka offset is not committed, trying on', { group, topic, why: messageOf(error) });
        }
        await sleep(COMMIT_WAIT_MS, signal);
      }
    },
    figures: () => ({ ...figures, heldBytes: held.bytes, partitions: held.progress() }),
    async close() {
      closing.abort();
      lose();
      wake();
      membership?.stop();
      await stayed;
    },
  };
}
