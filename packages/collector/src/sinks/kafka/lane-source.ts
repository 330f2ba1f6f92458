/**
 * A lane as the source of a pump: it gives what the lane holds, and counts what became of it. A commit moves the lane's
 * place in memory; the cursor's file follows within half a second (cursor-keeper.ts says why that is enough).
 */
import type { Committed, Source } from '@metricstream/shared/pump/types.ts';
import type { Lane } from './lane.ts';
import type { LaneRecord } from './messages.ts';
import type { Waker } from './waker.ts';

const DELIVERY_RECORDS_MAX = 10_000;

export interface LaneSourceOptions {
  lane: Lane;
  bytesOf(record: LaneRecord): number;
  /** Of one delivery; more than a request takes would be cut anyway. */
  bytesMax(): number;
  /** Woken when the lane has got something, and at the end. */
  waker: Waker;
  /** `all`: no more will come. `now`: leave what is there. */
  ending(): 'not_yet' | 'all' | 'now';
  onCommit(done: Committed): void;
  /** @throws when the cursor has to be saved at once and cannot be. */
  saveIfOverdue(): void;
}

export function createLaneSource({ lane, waker, ...options }: LaneSourceOptions): Source {
  let taken = false;
  return {
    async take() {
      for (;;) {
        if (options.ending() === 'now') return undefined;
        const records = lane.begin({
          recordsMax: DELIVERY_RECORDS_MAX,
          bytesMax: options.bytesMax(),
          bytesOf: options.bytesOf,
        });
        if (records.length > 0) {
          taken = true;
          return { records, bytes: records.reduce((sum, { body }) => sum + body.length, 0) };
        }
        if (options.ending() === 'all') return undefined;
        await waker.wait();
      }
    },
    commit(_delivery, done) {
      if (taken) {
        taken = false;
        lane.finish();
        options.onCommit(done);
      }
      options.saveIfOverdue();
    },
  };
}
