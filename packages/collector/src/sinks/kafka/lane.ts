/**
 * One partition's way through the journal. Owns its place, the records read and not yet confirmed by the broker, and the
 * count of those it has not read yet. Promises that its place never passes a record that is not stored, dead-lettered or
 * counted as dropped, and that it holds no more than its share of bytes (but one record always).
 */
import type { Skipped } from '@metricstream/shared/journal/reader.ts';
import type { LaneRecord } from './messages.ts';
import type { Routed } from './router.ts';

/** What a record costs beside its body. */
const RECORD_OVERHEAD_BYTES = 320;

/** A lane as it is saved: everything of it before `position` is done; so much is known to come after. */
export interface LanePlace {
  position: number;
  records: number;
  points: number;
}

export interface Count {
  records: number;
  points: number;
}

export interface LaneOptions {
  partition: number;
  place: LanePlace;
  /** Of the sink's memory. */
  bytesMax: number;
}

export interface Lane {
  readonly partition: number;
  /** Where it goes on reading; all of its records before are held or done. */
  readAt: number;
  /** Its records at and after `readAt` that are known of, because the journal was read further for others. */
  readonly unread: Count;
  /** Receive time of the oldest of them; 0 when there is none. */
  unreadSinceUnixMs: number;
  /** The last stretch it could not read, until what it lost there is counted. */
  gap: Skipped | undefined;
  /** Whether it takes a record with such a body; when not, it is not thirsty before it does. */
  hasRoom(bodyBytes: number): boolean;
  /** Whether reading for it is worth the while. */
  isThirsty(): boolean;
  put(routed: Routed, position: number): void;
  /** Takes the next records to write, one at least if it holds any, as many as fit. */
  begin(fits: { recordsMax: number; bytesMax: number; bytesOf(record: LaneRecord): number }): LaneRecord[];
  /** What was begun is done. */
  finish(): void;
  place(): LanePlace;
  /** Known and not done. */
  lag(): Count & { sinceUnixMs: number };
}

export function createLane({ partition, place, bytesMax }: LaneOptions): Lane {
  const unread: Count = { records: place.records, points: place.points };
  const queue: LaneRecord[] = [];
  let head = 0;
  let begun: LaneRecord[] = [];
  const held = { bytes: 0, records: 0, points: 0 };

  let refusedBytes = 0;

  const fits = (bodyBytes: number): boolean =>
    held.records === 0 || held.bytes + bodyBytes + RECORD_OVERHEAD_BYTES <= bytesMax;

  const oldest = (): LaneRecord | undefined => begun[0] ?? queue[head];

  function count(records: readonly LaneRecord[], sign: 1 | -1): void {
    for (const record of records) {
      held.bytes += sign * (record.body.length + RECORD_OVERHEAD_BYTES);
      held.points += sign * record.points;
    }
    held.records += sign * records.length;
  }

  const lane: Lane = {
    partition,
    readAt: place.position,
    unread,
    unreadSinceUnixMs: 0,
    gap: undefined,
    hasRoom(bodyBytes) {
      const has = fits(bodyBytes);
      refusedBytes = has ? 0 : bodyBytes;
      return has;
    },
    isThirsty: () => held.bytes * 2 <= bytesMax && fits(refusedBytes),
    put(routed, position) {
      const record: LaneRecord = { ...routed.take(), position, key: routed.key, part: routed.part };
      queue.push(record);
      count([record], 1);
    },
    begin({ recordsMax, bytesMax: bytesMost, bytesOf }) {
      const from = head;
      let bytes = 0;
      for (; head < queue.length && head - from < recordsMax; head++) {
        bytes += bytesOf(queue[head] as LaneRecord);
        if (bytes > bytesMost && head > from) break;
      }
      begun = queue.slice(from, head);
      if (head * 2 >= queue.length) {
        queue.splice(0, head);
        head = 0;
      }
      return begun;
    },
    finish() {
      count(begun, -1);
      begun = [];
    },
    place() {
      const { records, points } = lane.lag();
      return { position: oldest()?.position ?? lane.readAt, records, points };
    },
    lag: () => ({
      records: held.records + unread.records,
      points: held.points + unread.points,
      sinceUnixMs: oldest()?.receivedUnixMs ?? lane.unreadSinceUnixMs,
    }),
  };
  return lane;
}
