/**
 * One journal read for many partitions. Owns the front (how far the journal has been read, counted and searched for hot
 * clients) and which lane reads on when. Promises that each record gets to each of its lanes, in order; that a lane which
 * is full, because its partition is slow or dead, holds up nobody: the front goes on, and the lane, when it has room again,
 * has the journal read from its own place until it has caught up; and that memory holds what the lanes hold, no more.
 *
 * Every stretch that is read is given to all lanes whose place lies in it. So lanes that are together stay together at the
 * price of one reading; after an outage of all brokers they come back in one company. The front and the lane that is
 * furthest behind take turns, so that neither keeps the other waiting.
 */
import { sleep } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import type { Chunk, JournalReader, Skipped } from '@metricstream/shared/journal/reader.ts';
import { type CursorAlarm, reasonOf } from '@metricstream/shared/journal/source.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Front } from './cursor.ts';
import type { Lane } from './lane.ts';
import type { Routed } from './router.ts';
import type { Waker } from './waker.ts';

const CHUNK_BYTES_MAX = 1024 * 1024;
const READ_AGAIN_MS = 500;

/** One for the front, one for all that lag: each keeps a segment open. */
export interface Readers {
  front: JournalReader;
  behind: JournalReader;
}

export interface FanOutOptions {
  readers: Readers;
  durable: DurablePosition;
  /** By partition. Its waker is woken when it has got something, and at the end. */
  lanes: readonly { lane: Lane; waker: Waker }[];
  front: Front;
  /** Time between two readings at the front, unless there is much to read. */
  lingerMs: number;
  /** Woken when a lane has room again. */
  waker: Waker;
  route(record: JournalRecord, position: number): Routed[];
  /** Records met for the first time have been read, up to the front. */
  onFresh(records: readonly JournalRecord[]): void;
  onDropped(reason: string, points: number): void;
  onAlarm(alarm: CursorAlarm): void;
  /** Something has moved. */
  onMoved(): void;
  onTrouble(why: string): void;
}

export interface FanOut {
  /** Runs until `drain` is aborted and all is read by all, or until `abort` is aborted. */
  run(drain: AbortSignal, abort: AbortSignal): Promise<void>;
}

export function createFanOut(options: FanOutOptions): FanOut {
  const { durable, front, waker } = options;
  const lanes = options.lanes.map(({ lane }) => lane);
  /** The durable position as last seen. */
  let limit = 0;
  let durableAwaited = false;
  let readFrontMs = Number.NEGATIVE_INFINITY;
  let frontsTurn = true;

  function countGap(gap: Skipped, within: readonly Lane[]): void {
    for (const lane of within) if (lane.readAt < gap.to && lane.readAt < front.position) lane.gap = gap;
    if (gap.to <= front.position) return;
    const points = gap.pointsBeforeTo === undefined ? 0 : Math.max(0, gap.pointsBeforeTo - front.points);
    front.points = Math.max(front.points, gap.pointsBeforeTo ?? 0);
    options.onDropped(reasonOf(gap), points);
    options.onAlarm({ alarm: 'skipped', skipped: gap, points });
  }

  /** A lane that has come to the front and still misses something will not find it any more. */
  function settle(lane: Lane): void {
    const { unread, gap } = lane;
    if (lane.readAt < front.position) return;
    if (unread.records > 0) {
      const skipped: Skipped = gap ?? { from: lane.readAt, to: lane.readAt, why: 'damage' };
      options.onDropped(reasonOf(skipped), unread.points);
      options.onAlarm({ alarm: 'skipped', skipped, points: unread.points });
    }
    Object.assign(unread, { records: 0, points: 0 });
    lane.unreadSinceUnixMs = 0;
    lane.gap = undefined;
  }

  function give({ partition, points, take, ...rest }: Routed, record: JournalRecord, at: number, fresh: boolean): void {
    const { lane, waker: laneWaker } = options.lanes[partition] as FanOutOptions['lanes'][number];
    const { unread } = lane;
    if (fresh) {
      unread.records++;
      unread.points += points;
      if (lane.unreadSinceUnixMs === 0) lane.unreadSinceUnixMs = record.receivedUnixMs;
    }
    if (!reading.has(lane) || lane.readAt > at) return;
    if (!lane.hasRoom(record.body.length)) {
      lane.readAt = at;
      lane.unreadSinceUnixMs = record.receivedUnixMs;
      reading.delete(lane);
      return;
    }
    unread.records = Math.max(0, unread.records - 1);
    unread.points = Math.max(0, unread.points - points);
    if (unread.records === 0) lane.unreadSinceUnixMs = 0;
    lane.put({ partition, points, take, ...rest }, at);
    laneWaker.wake();
  }

  /** The lanes that read on in the stretch being given out. */
  const reading = new Set<Lane>();

  /** Gives a stretch to every lane whose place lies in it; all at once, so that a cursor saved at any time is right. */
  function distribute(from: number, { records, positions, next, skipped }: Chunk): void {
    reading.clear();
    for (const lane of lanes) if (lane.readAt >= from && lane.readAt < next) reading.add(lane);
    for (const gap of skipped) countGap(gap, [...reading]);
    const freshAt = positions.findIndex((position) => position >= front.position);
    for (const [index, record] of records.entries()) {
      const at = positions[index] as number;
      const fresh = at >= front.position;
      for (const routed of options.route(record, at)) give(routed, record, at, fresh);
      if (fresh) front.points += record.points;
    }
    front.position = Math.max(front.position, next);
    for (const lane of reading) lane.readAt = next;
    for (const lane of lanes) settle(lane);
    if (freshAt >= 0) options.onFresh(records.slice(freshAt));
    options.onMoved();
  }

  function furthestBehind(): Lane | undefined {
    let found: Lane | undefined;
    for (const lane of lanes) {
      if (lane.readAt >= front.position || !lane.isThirsty()) continue;
      if (found === undefined || lane.readAt < found.readAt) found = lane;
    }
    return found;
  }

  /** When the front is due, in ms from now; undefined when there is nothing to read. */
  function frontDueMs(draining: boolean): number | undefined {
    limit = durable.get();
    const fresh = limit - front.position;
    if (fresh <= 0) return undefined;
    if (draining || fresh >= CHUNK_BYTES_MAX) return 0;
    return Math.max(0, readFrontMs + options.lingerMs - performance.now());
  }

  function awaitDurable(abort: AbortSignal): void {
    if (durableAwaited) return;
    durableAwaited = true;
    void durable.changed(limit, abort).then(() => {
      durableAwaited = false;
      waker.wake();
    });
  }

  /** Reads the next stretch that is due; undefined when none is at the moment. */
  function readNext(dueMs: number | undefined): { from: number; chunk: Chunk } | undefined {
    const behind = furthestBehind();
    frontsTurn = dueMs === 0 && (behind === undefined || !frontsTurn);
    if (frontsTurn) {
      readFrontMs = performance.now();
      return { from: front.position, chunk: options.readers.front.read(front.position, limit, CHUNK_BYTES_MAX) };
    }
    if (behind === undefined) return undefined;
    const chunk = options.readers.behind.read(behind.readAt, front.position, CHUNK_BYTES_MAX);
    return { from: behind.readAt, chunk };
  }

  /** @returns false at the end. */
  async function step(drain: AbortSignal, abort: AbortSignal): Promise<boolean> {
    const dueMs = frontDueMs(drain.aborted);
    let read: ReturnType<typeof readNext>;
    try {
      read = readNext(dueMs);
    } catch (error) {
      options.onTrouble(`the journal cannot be read: ${messageOf(error)}`);
      await sleep(READ_AGAIN_MS, abort);
      return true;
    }
    options.onTrouble('');
    if (read !== undefined) {
      distribute(read.from, read.chunk);
      // Lets the pumps and the sockets have their turn.
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
    if (dueMs === undefined && drain.aborted && lanes.every((lane) => lane.readAt >= front.position)) return false;
    if (dueMs === undefined) awaitDurable(abort);
    await waker.wait(dueMs, abort);
    return true;
  }

  return {
    async run(drain, abort) {
      const onDrain = (): void => waker.wake();
      drain.addEventListener('abort', onDrain);
      try {
        while (!abort.aborted && (await step(drain, abort)));
      } finally {
        drain.removeEventListener('abort', onDrain);
      }
    },
  };
}
