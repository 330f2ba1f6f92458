/**
 * Batches that were made here, before anybody takes them for batches. Owns the halving and promises that the walker has
 * the last word on what is encoded from single points, and that a point it refuses takes no other with it.
 */
import type { Walker } from '@metricstream/proto/walk.ts';

export interface WalkedTo<Point> {
  batch(body: Uint8Array, points: readonly Point[], count: number): void;
  /** Alone, it still was no batch. */
  refused(point: Point, reason: string): void;
}

/** Encodes the points as one batch, or as halves until each is one or a single point is refused. */
export function encodeWalked<Point>(
  points: readonly Point[],
  encode: (points: readonly Point[]) => Uint8Array,
  walk: Walker,
  to: WalkedTo<Point>,
): void {
  const [first] = points;
  if (first === undefined) return;
  const body = encode(points);
  const walked = walk(body);
  if (walked.ok) return to.batch(body, points, walked.points);
  if (points.length === 1) return to.refused(first, walked.reason);
  const middle = points.length >> 1;
  encodeWalked(points.slice(0, middle), encode, walk, to);
  encodeWalked(points.slice(middle), encode, walk, to);
}
