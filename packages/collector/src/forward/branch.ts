/**
 * One sink of the forwarder with all it stands on: a consumer group of its own, a pump, the dead-letter topic. Owns their
 * wiring and their end, and promises that branches share nothing: a sink that is away holds up its own group only.
 */
import { addDropped } from '@metricstream/shared/journal/cursor.ts';
import type { WireLimits } from '@metricstream/proto/limits.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import { type Log, throttled } from '@metricstream/shared/log.ts';
import { createPump, type PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import { SINK_BACKOFF } from '../sinks/context.ts';
import { openKafka } from '../sinks/kafka/kafkajs.ts';
import type { KafkaSettings } from '../sinks/kafka/settings.ts';
import { createDeadLetterTopic } from '../sources/kafka/dead-letter-topic.ts';
import { openKafkaConsumer } from '../sources/kafka/kafkajs-consumer.ts';
import { createKafkaSource } from '../sources/kafka/kafka-source.ts';
import { createMessageReader } from '../sources/kafka/messages.ts';
import { createLagWatch } from './lag.ts';
import type { OpenSink } from './sinks.ts';
import { type BranchView, newWrites, stalledWhy } from './status.ts';

const LOG_EVERY_MS = 30_000;
const STALL_LOOK_MS = 5000;

export interface BranchOptions {
  name: string;
  group: string;
  kafka: KafkaSettings;
  limits: WireLimits;
  sink: OpenSink;
  log: Log;
  /** The pump has ended although nobody asked it to: a fault of the program. */
  onFailure(why: string): void;
}

export interface Branch {
  view(): BranchView;
  /** Takes nothing more, stores what it has within `drainMs`, commits, leaves the group. */
  stop(drainMs: number): Promise<void>;
}

export function startBranch(options: BranchOptions): Branch {
  const { name, group, kafka, sink: open } = options;
  const { connection, topic, deadLetterTopic, compression } = kafka;
  const log = options.log.child({ sink: name });
  const [drain, abort] = [new AbortController(), new AbortController()];
  // Before the first join it is not ready, however young.
  const membership = { joined: false, sinceUnixMs: 0 };
  const joined = (is: boolean): void => void Object.assign(membership, { joined: is, sinceUnixMs: Date.now() });
  const client = openKafka({ connection, compression, log });
  const topics = { to: deadLetterTopic, from: topic };
  const deadLetter = createDeadLetterTopic({ client, topics, abort: abort.signal, log });
  const consumer = openKafkaConsumer({
    connection,
    group,
    topic,
    log,
    onAssigned: () => joined(true),
    onRevoked: () => joined(false),
  });
  const dropped: Record<string, number> = {};
  const source = createKafkaSource({
    consumer,
    read: createMessageReader(options.limits),
    deadLetters: deadLetter,
    abort: abort.signal,
    beforeCommit(done) {
      open.beforeCommit?.(done);
      for (const [reason, points] of Object.entries(done.pointsDropped))
        addDropped({ pointsDropped: dropped }, reason, points);
    },
  });
  const writes = newWrites();
  const sink = counted(open.sink, (kind) => writes[kind]++);
  const pump = createPump({ source, sink, deadLetter, backoff: SINK_BACKOFF, onState: createStateLog(name, log) });
  const lag = createLagWatch({
    ask: () => client.groupLag({ group, topic }),
    assigned: () => consumer.figures().partitions,
    times: () => source.figures(),
  });

  const view = (): BranchView => ({
    name,
    group,
    topic,
    membership,
    pump: pump.stats,
    writes,
    dropped,
    source: source.figures(),
    consumer: consumer.figures(),
    lag: lag.partitions(),
    deadLetters: deadLetter.stats,
    figures: open.figures(),
  });
  const asking = lag.run(drain.signal);
  const seldom = throttled(log, LOG_EVERY_MS);
  const watch = setInterval(() => {
    const why = stalledWhy(view(), Date.now());
    if (why !== undefined) seldom.error(`sink ${name}: no progress`, { why });
  }, STALL_LOOK_MS).unref();
  const running = pump.run(drain.signal, abort.signal).catch((error: unknown) => options.onFailure(messageOf(error)));

  return {
    view,
    async stop(drainMs) {
      clearInterval(watch);
      drain.abort();
      const late = setTimeout(() => abort.abort(), drainMs);
      await running;
      clearTimeout(late);
      abort.abort();
      await consumer.close();
      await Promise.all([client.close(), asking]);
      open.release();
    },
  };
}

/** The sink, and a count of what its writes came to. */
function counted(sink: Sink, count: (kind: Outcome['kind']) => void): Sink {
  return {
    name: sink.name,
    async write(delivery, signal) {
      try {
        const outcome = await sink.write(delivery, signal);
        count(outcome.kind);
        return outcome;
      } catch (error) {
        count('retry');
        throw error;
      }
    },
    close: () => sink.close(),
  };
}

function createStateLog(name: string, log: Log): (stats: PumpStats) => void {
  let trouble = '';
  return ({ state, why }) => {
    if (why !== '' && why !== trouble) log.error(`sink ${name}: ${state}`, { why });
    if (why === '' && trouble !== '') log.info(`sink ${name}: going on`, { after: trouble });
    trouble = why;
  };
}
