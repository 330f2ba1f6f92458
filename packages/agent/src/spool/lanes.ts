/**
 * The two ways out of the spool, each a source of one record at a time. The live lane takes the newest record, and only
 * one newer than all it took before; the backlog lane takes the oldest one that is not being sent. Promises that no
 * record is in both, and that a record leaves the spool only when its delivery is committed.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Committed, Delivery, Source } from '@metricstream/shared/pump/types.ts';
import { lossOf } from './dropped.ts';
import { save, saveSometimes } from './keep.ts';
import { takeOldest } from './read.ts';
import type { LaneName, Placed, SpoolState } from './state.ts';
import { RANGES_MAX } from './state.ts';

/** After a failed read of the disk. */
const READ_RETRY_MS = 1000;

export function liveLane(state: SpoolState): Source {
  return lane(state, 'live', () => {
    const { newest } = state;
    if (!newest || state.ranges.list.length >= RANGES_MAX) return undefined;
    state.newest = undefined;
    state.ranges.takeNewest(newest.place);
    return newest;
  });
}

export function backlogLane(state: SpoolState): Source {
  return lane(state, 'backlog', () => takeOldest(state));
}

function lane(state: SpoolState, name: LaneName, next: () => Placed | 'more' | undefined): Source {
  function tryNext(): Placed | 'more' | 'unreadable' | undefined {
    try {
      return next();
    } catch (error) {
      state.options.log.error('spool: cannot be read; trying again', { lane: name, why: messageOf(error) });
      return 'unreadable';
    }
  }

  return {
    async take(signal) {
      for (;;) {
        // Nothing may come between looking and waiting, or a wake-up is lost.
        const found = tryNext();
        if (found === 'more') await turn();
        else if (found === undefined || found === 'unreadable') {
          if (signal.aborted) return undefined;
          if (found === undefined) await state.waker.wait(signal);
          else await state.options.clock.sleep(READ_RETRY_MS, signal);
        } else {
          state.sending[name] = found;
          return { records: [found.record], bytes: found.record.body.length };
        }
      }
    },
    commit(_delivery: Delivery, done: Committed) {
      const placed = state.sending[name];
      if (!placed) throw new Error(`lane ${name}: commit without take`);
      state.sending[name] = undefined;
      settle(state, placed, done.recordsDead > 0);
    },
  };
}

function settle(state: SpoolState, { place, record }: Placed, rejected: boolean): void {
  state.held.remove(record.epoch, record.points);
  if (rejected) {
    state.dropped.add(lossOf(record, 'rejected'));
  } else {
    state.pointsAcked += record.points;
    state.batchesAcked++;
    if (record.epoch === state.epoch) state.dropped.acked(record.seq);
  }
  state.changedSinceSave = true;
  // One whose bytes the bound has taken would be missed as damage after a crash.
  if (place.start < state.keptFrom) save(state);
  else saveSometimes(state);
  // The live lane may have paused for the number of ranges.
  state.waker.wake();
}
