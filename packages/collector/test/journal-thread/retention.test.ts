/** Retention: nothing unread goes, a required sink stops ingest at the bound, and no fault of the disk gets out of it. */
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import { expect, test } from 'vitest';
import { createRetention } from '../../src/journal-thread/retention.ts';

const SEGMENT = 100;

/** A journal of whole segments in memory, whose directory can be made unreadable. */
function journalOf(end: number) {
  let oldest = 0;
  let broken = false;
  const look = (): void => {
    if (broken) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  };
  const journal: Pick<Journal, 'retainFrom' | 'oldest' | 'durable'> = {
    durable: createDurablePosition(end),
    oldest() {
      look();
      return oldest;
    },
    retainFrom(position, untilBytes = 0) {
      look();
      while (oldest + SEGMENT <= position && oldest + SEGMENT < end && end - oldest > untilBytes) oldest += SEGMENT;
    },
  };
  return {
    journal,
    break: (is: boolean) => {
      broken = is;
    },
  };
}

function bench(end: number, bytesMax: number, sinks: { at: number; required: boolean }[]) {
  const { journal, break: breakIt } = journalOf(end);
  const positions = sinks.map(({ at }) => createDurablePosition(at));
  const cursors = sinks.map(({ required }, i) => ({ position: positions[i]?.memory as SharedArrayBuffer, required }));
  const whys: string[] = [];
  let nowMs = 5000;
  const options = {
    journal,
    journalBytesMax: bytesMax,
    sinks: cursors,
    onFailure: (why: string) => void whys.push(why),
  };
  const retention = createRetention({ ...options, monotonicMs: () => nowMs });
  return {
    retention,
    positions,
    whys,
    break: breakIt,
    later: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a segment goes when every sink has passed it, the slowest decides', () => {
  const { retention, positions, later } = bench(1000, 2000, [
    { at: 950, required: true },
    { at: 350, required: false },
  ]);
  retention.housekeep();
  expect(retention.oldest()).toBe(300);
  positions[1]?.advance(780);
  retention.housekeep();
  expect(retention.oldest(), 'not more often than once a second').toBe(300);
  later(1001);
  retention.housekeep();
  expect(retention.oldest()).toBe(700);
});

test('at the bound a sink that is not required is passed over, by no more than is needed', () => {
  const { retention } = bench(1000, 1000, [
    { at: 950, required: true },
    { at: 50, required: false },
  ]);
  expect(retention.hasRoom(150)).toBe(true);
  expect(retention.oldest()).toBe(200);
  expect(retention.forced()).toBe(1);
});

test('at the bound a required sink stops ingest, and ingest goes on once it has moved', () => {
  const { retention, positions, later } = bench(1000, 1000, [{ at: 50, required: true }]);
  expect(retention.hasRoom(150)).toBe(false);
  expect(retention.oldest()).toBe(0);
  positions[0]?.advance(500);
  later(101);
  expect(retention.hasRoom(150)).toBe(true);
});

test('a directory that cannot be read is told, not thrown, makes no room, and is tried again', () => {
  const { retention, whys, later, break: breakIt } = bench(1000, 1000, [{ at: 950, required: true }]);
  breakIt(true);
  retention.housekeep();
  expect(retention.hasRoom(150)).toBe(false);
  expect(new Set(whys)).toEqual(new Set(['EMFILE: too many open files']));
  breakIt(false);
  later(101);
  expect(retention.hasRoom(150)).toBe(true);
});
