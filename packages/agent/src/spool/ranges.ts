/**
 * What of the spool is unacked and not being sent: an ordered, bounded list of stretches of positions. Owns the list
 * only. Invariant: ranges ascend, none is empty, none touch; each begins where an unacked record begins (or at the
 * segment header before it) and ends where one ends; only the newest record is ever taken from the end.
 */

export interface Range {
  from: number;
  to: number;
  /** Seq of its first record when all of it is of the running epoch; 0 for what earlier epochs left. */
  firstSeq: number;
  /** Not later than its first record's sweep. */
  sinceUnixMs: number;
}

/** A record's place. */
export interface Place {
  start: number;
  end: number;
  /** Where the record before it ended, acked or not; headers of segments lie between. */
  previousEnd: number;
}

export interface Ranges {
  readonly list: readonly Readonly<Range>[];
  /** The record was appended. `seq` 0 for a record of an earlier epoch. */
  append(place: Place, seq: number, sinceUnixMs: number): void;
  /** The first record of the first range, which ends at `end`, is being sent or settled; it was swept at `unixMs`. */
  takeFirst(end: number, unixMs: number): void;
  /** The newest record, which must be in the list, is being sent. */
  takeNewest(place: Place): void;
  /** Everything below `position` is gone; `firstSeq` is that of the first record from there on, 0 when not known. */
  dropBelow(position: number, firstSeq: number): void;
  /** The first range begins at `position`: what was before in it cannot be read. */
  skipFirst(position: number, firstSeq: number): void;
  removeFirst(): void;
  /** Bytes in all ranges. */
  bytes(): number;
}

export function createRanges(): Ranges {
  const list: Range[] = [];

  function shorten(position: number, firstSeq: number): void {
    const first = list[0];
    if (!first) return;
    if (position >= first.to) list.shift();
    else if (position > first.from) {
      first.from = position;
      if (first.firstSeq > 0 && firstSeq > 0) first.firstSeq = firstSeq;
    }
  }

  return {
    list,
    append(place, seq, sinceUnixMs) {
      const last = list.at(-1);
      // Ranges of earlier epochs and of the running one stay apart, so that a range's first seq means something.
      if (last && last.to === place.previousEnd && last.firstSeq > 0 === seq > 0) last.to = place.end;
      else list.push({ from: place.start, to: place.end, firstSeq: seq, sinceUnixMs });
    },
    takeFirst(end, unixMs) {
      const first = list[0];
      if (!first) return;
      first.sinceUnixMs = unixMs;
      shorten(end, first.firstSeq + 1);
    },
    takeNewest(place) {
      const last = list.at(-1);
      if (!last || last.to !== place.end) throw new Error(`position ${place.start} is not the newest unacked`);
      if (last.from >= place.previousEnd) list.pop();
      else last.to = place.previousEnd;
    },
    dropBelow(position, firstSeq) {
      while (list[0] && list[0].to <= position) list.shift();
      shorten(position, firstSeq);
    },
    skipFirst: shorten,
    removeFirst() {
      list.shift();
    },
    bytes: () => list.reduce((sum, range) => sum + range.to - range.from, 0),
  };
}
