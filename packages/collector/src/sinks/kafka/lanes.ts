/** A pump for each partition. Owns their making: lane, source, sink and pump, each knowing only its own partition. */
import type { BackoffOptions } from '@metricstream/shared/backoff.ts';
import type { Pump } from '@metricstream/shared/pump/pump.ts';
import { createPump } from '@metricstream/shared/pump/pump.ts';
import type { Committed, DeadLetter } from '@metricstream/shared/pump/types.ts';
import type { KafkaClient } from './client.ts';
import { createLane, type Lane, type LanePlace } from './lane.ts';
import { createLaneSink, type LaneCounts, newLaneCounts } from './lane-sink.ts';
import { createLaneSource } from './lane-source.ts';
import type { Encoder } from './messages.ts';
import type { TopicWatch } from './topic-watch.ts';
import { createWaker, type Waker } from './waker.ts';

export interface LanesOptions {
  client: Pick<KafkaClient, 'produce'>;
  topic: string;
  /** By partition. */
  places: readonly LanePlace[];
  /** Of all lanes together. */
  bytesMax: number;
  encoder: Encoder;
  watch: TopicWatch;
  deadLetter: DeadLetter;
  backoff: BackoffOptions;
  ending(): 'not_yet' | 'all' | 'now';
  onCommit(done: Committed): void;
  saveIfOverdue(): void;
  /** A pump is in trouble, or in no trouble any more. */
  onState(): void;
}

export interface RunningLane {
  lane: Lane;
  waker: Waker;
  counts: LaneCounts;
  pump: Pump;
}

export function createLanes(options: LanesOptions): RunningLane[] {
  const { client, topic, places, encoder, watch, onCommit } = options;
  const bytesMax = Math.floor(options.bytesMax / places.length);
  return places.map((place, partition) => {
    const lane = createLane({ partition, place, bytesMax });
    const waker = createWaker();
    const counts = newLaneCounts();
    const source = createLaneSource({
      lane,
      waker,
      bytesOf: (record) => encoder.bytes(record),
      bytesMax: () => watch.requestBytesMax(),
      ending: options.ending,
      onCommit,
      saveIfOverdue: options.saveIfOverdue,
    });
    const sink = createLaneSink({ client, topic, partition, encoder, watch, counts });
    const { deadLetter, backoff, onState } = options;
    return { lane, waker, counts, pump: createPump({ source, sink, deadLetter, backoff, onState }) };
  });
}
