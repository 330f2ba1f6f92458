/**
 * The points of a stand-in's buckets, in memory, as InfluxDB 2.7 keeps them: by identity (measurement, tags, time), a
 * field written again replaces the former, its type is fixed by the first write. What it refuses it counts and words.
 */
import type { FieldValue, ParsedPoint } from './line-protocol.ts';

export interface StoredPoint {
  measurement: string;
  tags: Record<string, string>;
  fields: Record<string, FieldValue>;
  timeNs: bigint;
}

export interface PointStore {
  /** Stores what can be stored; gives the message about the rest, or undefined when everything was. */
  write(points: TimedPoint[], limits: StoreLimits): string | undefined;
  /** Every point, in the order in which each was first written. */
  points(): StoredPoint[];
}

export type TimedPoint = Omit<ParsedPoint, 'time'> & { timeNs: bigint };

export interface StoreLimits {
  bucketId: string;
  /** 0 keeps everything. */
  retentionSeconds: number;
  nowNs: bigint;
}

const nsPerSecond = 1_000_000_000n;
const pointsMax = 5_000_000;

/** An empty bucket. */
export function createPointStore(): PointStore {
  const stored = new Map<string, StoredPoint>();
  const types = new Map<string, FieldValue['type']>();

  /** The conflict of the point's first field that has one. */
  const conflictOf = ({ measurement, fields }: TimedPoint): string | undefined => {
    for (const [name, { type }] of Object.entries(fields)) {
      const known = types.get(JSON.stringify([measurement, name]));
      if (known === undefined || known === type) continue;
      return `input field "${name}" on measurement "${measurement}" is type ${type}, already exists as type ${known}`;
    }
    return undefined;
  };
  const store = ({ measurement, tags, fields, timeNs }: TimedPoint) => {
    for (const [name, { type }] of Object.entries(fields)) types.set(JSON.stringify([measurement, name]), type);
    const identity = `${seriesKey(measurement, tags)} ${timeNs}`;
    const before = stored.get(identity);
    if (before !== undefined) Object.assign(before.fields, fields);
    else if (stored.size < pointsMax) stored.set(identity, { measurement, tags, fields: { ...fields }, timeNs });
    else throw new Error(`the stand-in holds ${pointsMax} points, which is all it may: write less to it`);
  };
  return {
    write(points, limits) {
      const bound = limits.nowNs - BigInt(limits.retentionSeconds) * nsPerSecond;
      const tooOld = limits.retentionSeconds === 0 ? [] : points.filter(({ timeNs }) => timeNs < bound);
      const conflicts: string[] = [];
      for (const point of points) {
        if (limits.retentionSeconds !== 0 && point.timeNs < bound) continue;
        const conflict = conflictOf(point);
        if (conflict === undefined) store(point);
        else conflicts.push(conflict);
      }
      if (conflicts[0] !== undefined) return partial(`field type conflict: ${conflicts[0]}`, conflicts.length, limits);
      if (tooOld.length > 0) return partial(wordTooOld(tooOld, limits, bound), tooOld.length, limits);
      return undefined;
    },
    points: () => [...stored.values()],
  };
}

/** Measurement and tags in one text, the tags sorted: the identity of a series. */
function seriesKey(measurement: string, tags: Record<string, string>): string {
  return JSON.stringify([measurement, Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function partial(reason: string, dropped: number, { bucketId }: StoreLimits): string {
  const where = `for database: ${bucketId} for retention policy: autogen`;
  return `failure writing points to database: partial write: ${reason} dropped=${dropped} ${where}`;
}

function wordTooOld(points: TimedPoint[], { retentionSeconds }: StoreLimits, bound: bigint): string {
  const sorted = [...points].sort((a, b) => (a.timeNs < b.timeNs ? -1 : 1));
  const word = ({ line, timeNs }: TimedPoint) =>
    `point ${line.replace(/(?<!\\) .*$/s, '')} at ${instant(timeNs)} dropped because it violates a Retention Policy Lower Bound at ${instant(bound)}`;
  const [oldest, newest] = [sorted[0], sorted.at(-1)].map((point) => (point === undefined ? '' : word(point)));
  const duration = `${Math.floor(retentionSeconds / 3600)}h${Math.floor((retentionSeconds % 3600) / 60)}m${retentionSeconds % 60}s`;
  return `dropped ${points.length} points outside retention policy of duration ${duration} - oldest ${oldest}, newest ${newest}`;
}

function instant(timeNs: bigint): string {
  return new Date(Number(timeNs / 1_000_000n)).toISOString();
}
