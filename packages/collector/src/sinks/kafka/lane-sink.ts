/**
 * One partition as the sink of a pump. Owns the cutting of a delivery into requests, and promises: `stored` only on the
 * broker's word for every message; a request at a time; what one request has stored is not sent again because the next
 * one failed; a message that the broker will never take is found, alone, and everything around it is stored.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Loss, Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import type { KafkaClient, OutMessage } from './client.ts';
import { type Encoder, type LaneRecord, messageBytes } from './messages.ts';
import type { TopicWatch } from './topic-watch.ts';

const REQUEST_MESSAGES_MAX = 10_000;

/** Of one partition, since the start. */
export interface LaneCounts {
  messages: number;
  /** Before compression. */
  bytes: number;
  stored: number;
  failed: number;
  produceMs: number;
}

export interface LaneSinkOptions {
  client: Pick<KafkaClient, 'produce'>;
  topic: string;
  partition: number;
  encoder: Encoder;
  watch: Pick<TopicWatch, 'fault' | 'requestBytesMax'>;
  counts: LaneCounts;
}

/** How far a record has come, while its delivery is being tried. */
interface Progress {
  /** Its messages that are settled: stored or found unfit. */
  settled: number;
  unfit: { text: string; why: string }[];
  unreadable: string | undefined;
}

interface Item {
  message: OutMessage;
  progress: Progress;
}

type Failure = Extract<Outcome, { kind: 'retry' | 'halt' }>;

export function newLaneCounts(): LaneCounts {
  return { messages: 0, bytes: 0, stored: 0, failed: 0, produceMs: 0 };
}

export function createLaneSink(options: LaneSinkOptions): Sink {
  const { client, topic, partition, encoder, watch, counts } = options;
  const known = new WeakMap<LaneRecord, Progress>();

  function progressOf(record: LaneRecord): Progress {
    const before = known.get(record);
    if (before !== undefined) return before;
    const progress: Progress = { settled: 0, unfit: [], unreadable: undefined };
    known.set(record, progress);
    return progress;
  }

  async function produce(items: readonly Item[], signal: AbortSignal): Promise<Failure | undefined> {
    const started = performance.now();
    const messages = items.map(({ message }) => message);
    const outcome = await client.produce({ topic, partition, messages }, signal);
    counts.produceMs += performance.now() - started;
    if (outcome.kind === 'stored') {
      counts.stored++;
      counts.messages += items.length;
      for (const { message, progress } of items) {
        counts.bytes += messageBytes(message);
        progress.settled++;
      }
      return undefined;
    }
    counts.failed++;
    if (outcome.kind === 'retry' || outcome.kind === 'halt') return outcome;
    if (items.length === 1) {
      const [{ message, progress }] = items as [Item];
      progress.unfit.push({ text: textOf(message), why: outcome.why });
      progress.settled++;
      return undefined;
    }
    const middle = items.length >> 1;
    return (await produce(items.slice(0, middle), signal)) ?? (await produce(items.slice(middle), signal));
  }

  function* itemsOf(records: readonly LaneRecord[]): Generator<Item> {
    for (const record of records) {
      const progress = progressOf(record);
      if (progress.unreadable !== undefined) continue;
      try {
        for (const message of encoder.messages(record, progress.settled)) yield { message, progress };
      } catch (error) {
        progress.unreadable = `this version cannot read the batch: ${messageOf(error)}`;
      }
    }
  }

  async function send(records: readonly LaneRecord[], signal: AbortSignal): Promise<Failure | undefined> {
    const bytesMax = watch.requestBytesMax();
    let items: Item[] = [];
    let bytes = 0;
    for (const item of itemsOf(records)) {
      const more = messageBytes(item.message);
      if (items.length > 0 && (bytes + more > bytesMax || items.length >= REQUEST_MESSAGES_MAX)) {
        const failure = await produce(items, signal);
        if (failure !== undefined) return failure;
        items = [];
        bytes = 0;
      }
      items.push(item);
      bytes += more;
    }
    return items.length === 0 ? undefined : produce(items, signal);
  }

  return {
    name: 'kafka',
    async write(delivery, signal) {
      const fault = await watch.fault(signal);
      if (fault !== undefined) return fault;
      const records = delivery.records as LaneRecord[];
      const failure = await send(records, signal);
      return failure ?? outcomeOf(records.map((record) => ({ record, progress: progressOf(record) })));
    },
    async close() {},
  };
}

/** A batch that does not fit is a record rejected; a point that does not fit is a loss of its record. */
function outcomeOf(done: { record: LaneRecord; progress: Progress }[]): Outcome {
  const which: number[] = [];
  const losses: Loss[] = [];
  let why = '';
  for (const [index, { record, progress }] of done.entries()) {
    const whole =
      progress.unreadable ?? (progress.unfit.length === progress.settled ? progress.unfit[0]?.why : undefined);
    if (whole !== undefined) {
      which.push(index);
      why = whole;
    } else {
      for (const unfit of progress.unfit) losses.push({ index, points: record.points > 0 ? 1 : 0, ...unfit });
    }
  }
  return which.length > 0 ? { kind: 'rejected', which, why, losses } : { kind: 'stored', losses };
}

function textOf({ value }: OutMessage): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
}
