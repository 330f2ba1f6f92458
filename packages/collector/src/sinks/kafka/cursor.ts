/**
 * What the Kafka sink finds again after a start: each partition's place in the journal, how far the journal has been read,
 * and the routing table, in one file that is replaced whole. Owns the file's form and what a start makes of it; promises
 * that no partition begins after something it has not sent, whatever the file says, and that a partition which neither the
 * configuration nor a batch that waits has a use for is needed no more.
 */
import type { CursorState, CursorTotals } from '@metricstream/shared/journal/cursor.ts';
import { emptyTotals, loadCursor, passedIn } from '@metricstream/shared/journal/cursor.ts';
import { pointsBefore } from '@metricstream/shared/journal/reader.ts';
import { listSegments } from '@metricstream/shared/journal/segment.ts';
import type { CursorAlarm } from '@metricstream/shared/journal/source.ts';
import type { LanePlace } from './lane.ts';
import type { HotAnswer, RoutingTable } from './routing.ts';
import { newestEntry, parseTable, partitionsNeeded, prunedTable, withEntry } from './routing.ts';

/** How far the journal has been read and counted. */
export interface Front {
  position: number;
  /** Points ever appended before it. */
  points: number;
}

/** Beside the position, which is the lowest of all lanes. */
export interface KafkaCursor {
  front: Front;
  /** By partition. */
  lanes: LanePlace[];
  routing: RoutingTable;
}

export interface LoadOptions {
  path: string;
  journal: { dir: string; id: number; end: number };
  /** What the configuration says now. */
  wanted: { partitions: number; answer: HotAnswer };
  onAlarm(alarm: CursorAlarm): void;
}

export interface Loaded extends KafkaCursor {
  pointsBefore: number;
  totals: CursorTotals;
}

/** @throws what the system throws for a cursor that is there and cannot be read. */
export function loadKafkaCursor(options: LoadOptions): Loaded {
  const { path, journal, wanted } = options;
  const loaded = loadCursor(path);
  if (loaded === 'damaged') options.onAlarm({ alarm: 'damaged_cursor', path });
  const kept = loaded === 'damaged' ? undefined : loaded;
  const ours = kept?.journalId === journal.id;
  if (kept && !ours) options.onAlarm({ alarm: 'foreign_journal', position: kept.position });
  const state = kept !== undefined && ours ? continued(kept, options) : beginning(options);
  const routing = routingFrom(state, wanted);
  const lanes = Array.from({ length: partitionsNeeded(routing) }, (_, partition) => {
    // Of a partition that is new, nothing stands before the front.
    return state.lanes[partition] ?? { position: state.front.position, records: 0, points: 0 };
  });
  return { ...state, lanes, routing };
}

export function stateToSave(journalId: number, { front, lanes, routing, pointsBefore, totals }: Loaded): CursorState {
  const sink: KafkaCursor = { front, lanes, routing };
  return { journalId, position: lowest(lanes, front.position), pointsBefore, sink, totals };
}

export function lowest(lanes: readonly LanePlace[], front: number): number {
  return lanes.reduce((least, { position }) => Math.min(least, position), front);
}

/** @returns how many partitions batches that wait were routed to, whatever is configured now; 0 when none waits. */
export function partitionsWaiting({ front, lanes, routing }: KafkaCursor): number {
  const isWaiting = lowest(lanes, front.position) < front.position;
  return isWaiting ? partitionsNeeded(routing.filter(({ from }) => from < front.position)) : 0;
}

type State = Omit<Loaded, 'routing'> & { routing: RoutingTable | undefined };

function beginning({ journal }: LoadOptions): State {
  const position = listSegments(journal.dir)[0]?.base ?? journal.end;
  const { points } = pointsBefore(journal.dir, position);
  return { pointsBefore: points, totals: emptyTotals(), front: { position, points }, lanes: [], routing: undefined };
}

/**
 * Places beyond the journal's end (its owner has brought `position` back, and knows nothing of these) are set to it. A
 * state that is none begins at the lowest place for everybody: what was sent from there on is sent again.
 */
function continued(kept: CursorState, { path, journal, onAlarm }: LoadOptions): State {
  const { pointsBefore: before, totals } = kept;
  const position = Math.min(kept.position, journal.end);
  const saved = parseState(kept.sink, kept.position);
  if (saved === undefined) {
    onAlarm({ alarm: 'damaged_cursor', path });
    return {
      pointsBefore: before,
      totals,
      front: { position, points: before + passedIn(totals) },
      lanes: [],
      routing: undefined,
    };
  }
  const { routing } = saved;
  const front = { ...saved.front, position: Math.min(saved.front.position, journal.end) };
  const lanes = saved.lanes.map((place) => ({ ...place, position: Math.min(place.position, journal.end) }));
  return { pointsBefore: before, totals, front, lanes, routing };
}

/** The table with a new entry at the front if the configuration has changed. Lanes that no entry uses are gone with it. */
function routingFrom({ front, lanes, routing }: State, wanted: LoadOptions['wanted']): RoutingTable {
  const from = front.position;
  if (routing === undefined) return [{ from, ...wanted, hot: [] }];
  const kept = routing.filter((entry, index) => entry.from <= from || index === 0);
  const { partitions, answer, hot } = newestEntry(kept);
  const isWanted = partitions === wanted.partitions && answer === wanted.answer;
  const table = isWanted ? kept : withEntry(kept, { from, ...wanted, hot: answer === wanted.answer ? hot : [] });
  return prunedTable(table, lowest(lanes, from));
}

function parseState(saved: unknown, position: number): KafkaCursor | undefined {
  if (typeof saved !== 'object' || saved === null) return undefined;
  const { front, lanes, routing } = saved as Partial<KafkaCursor>;
  const table = parseTable(routing);
  if (table === undefined || front === undefined || !Array.isArray(lanes)) return undefined;
  if (![front.position, front.points].every(isWhole)) return undefined;
  if (!lanes.every((lane) => [lane.position, lane.records, lane.points].every(isWhole))) return undefined;
  const sound = lanes.length >= partitionsNeeded(table) && lanes.every((lane) => lane.position >= position);
  return sound ? { front, lanes, routing: table } : undefined;
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
