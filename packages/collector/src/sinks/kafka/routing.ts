/**
 * Which partition a record belongs to, as a function of its place in the journal. Owns the routing table: from which
 * position on how many partitions there are, and which clients are hot (ADR-004). Pure.
 *
 * Why by position: each partition has its own place in the journal. If a record belonged to partition 3 before a restart
 * and to 7 after it, and 7 had already passed the record, it would reach neither. So a change of partitions or of hot
 * clients is a new entry, valid from a position that no partition has passed yet; the table is saved in the cursor's file,
 * in one piece with the partitions' places; and an entry goes when every partition has passed the next one's beginning.
 * Nothing is saved before the topic was seen to have all partitions that the table needs: nothing was sent until then, so
 * the next start may want fewer of them from the same position on.
 *
 * What order means across a change: one key's batches stand in journal order within one entry, in the key's partition. When
 * a client becomes hot, or cold again, or partitions are added, its later batches go to other partitions than its earlier
 * ones, and a consumer may see them before those. `dedicated_partition` keeps all of a hot client's batches in order in
 * their one partition; `split_by_metric` keeps the order of each metric only, as each has a key of its own. Consumers that
 * need more sort by the time of the points; InfluxDB does not care.
 */
import { partitionFor } from './murmur2.ts';
import { HOT_ANSWERS, type KafkaSettings } from './settings.ts';

export type HotAnswer = KafkaSettings['hot']['answer'];

export interface RoutingEntry {
  /** Valid for records at and after this position, up to the next entry's. */
  readonly from: number;
  readonly partitions: number;
  readonly answer: HotAnswer;
  /** Client ids, sorted. Empty when the answer is `off`. */
  readonly hot: readonly string[];
}

/** Entries in the order of their positions, one at least. */
export type RoutingTable = readonly RoutingEntry[];

/** With so many, hot clients change no more until a partition that lags has let some go. Bounds the cursor's file. */
export const ROUTING_ENTRIES_MAX = 64;

/** Partitions that an entry sends to: the keys' own, and the dedicated one. */
function partitionsOf({ partitions, answer }: Pick<RoutingEntry, 'partitions' | 'answer'>): number {
  return answer === 'dedicated_partition' ? partitions + 1 : partitions;
}

/** Partitions that some entry of the table sends to. */
export function partitionsNeeded(table: RoutingTable): number {
  return Math.max(...table.map(partitionsOf));
}

/** The entry that is valid at a position; the first one for positions before all. */
export function entryAt(table: RoutingTable, position: number): RoutingEntry {
  return (table.findLast(({ from }) => from <= position) ?? table[0]) as RoutingEntry;
}

export function newestEntry(table: RoutingTable): RoutingEntry {
  return table.at(-1) as RoutingEntry;
}

/** @returns the table with this entry as its newest. One at the same position was valid for no record, and goes. */
export function withEntry(table: RoutingTable, entry: RoutingEntry): RoutingTable {
  return [...table.filter(({ from }) => from < entry.from), entry];
}

/** @returns the table without entries that ended at or before `position`, which every partition has passed. */
export function prunedTable(table: RoutingTable, position: number): RoutingTable {
  const first = table.findLastIndex(({ from }) => from <= position);
  return first <= 0 ? table : table.slice(first);
}

/** @returns the table as it was saved, or undefined for anything else. */
export function parseTable(saved: unknown): RoutingTable | undefined {
  if (!Array.isArray(saved) || saved.length === 0) return undefined;
  const entries = saved as Partial<RoutingEntry>[];
  let before = -1;
  for (const { from, partitions, answer, hot } of entries) {
    const sound =
      isWhole(from) &&
      from > before &&
      isWhole(partitions) &&
      partitions > 0 &&
      HOT_ANSWERS.some((known) => known === answer) &&
      Array.isArray(hot) &&
      hot.every((client) => typeof client === 'string');
    if (!sound) return undefined;
    before = from;
  }
  return entries as RoutingTable;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Metrics of one batch that share a partition: they travel in one message. */
export interface MetricGroup {
  partition: number;
  /** The composite key of the first of them; all of them hash to this partition. */
  key: string;
  metrics: ReadonlySet<string>;
}

/** @returns the metrics of a hot client by the partition of `client_id:metric`, lowest partition first. */
export function groupMetrics(clientId: string, metrics: Iterable<string>, partitions: number): MetricGroup[] {
  const groups = new Map<number, { partition: number; key: string; metrics: Set<string> }>();
  for (const metric of new Set(metrics)) {
    const key = `${clientId}:${metric}`;
    const partition = partitionFor(key, partitions);
    const group = groups.get(partition);
    if (group === undefined) groups.set(partition, { partition, key, metrics: new Set([metric]) });
    else group.metrics.add(metric);
  }
  return [...groups.values()].sort((a, b) => a.partition - b.partition);
}
