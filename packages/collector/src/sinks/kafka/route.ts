/**
 * The routing of one sink as it runs: its table, who is hot, which clients there are. Owns the moment of a change; promises
 * that it is the journal's front, which no partition has passed.
 */
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { createHomes, type Homes } from './homes.ts';
import { createHotClients } from './hot.ts';
import { createRouter, type Routed } from './router.ts';
import type { RoutingTable } from './routing.ts';
import { entryAt, newestEntry, prunedTable, ROUTING_ENTRIES_MAX, withEntry } from './routing.ts';
import type { KafkaSettings } from './settings.ts';

export interface RouteOptions {
  settings: Pick<KafkaSettings, 'partitions' | 'hot'>;
  /** As loaded: its newest entry is the settings'. */
  table: RoutingTable;
  clientsMax: number;
  log: Log;
}

export interface Route {
  readonly homes: Homes;
  table(): RoutingTable;
  /** Clients whose share is large, whatever is done about them. */
  hotClients(): number;
  route(record: JournalRecord, position: number): Routed[];
  /** These were read for the first time, and the next will stand at `front` or after. */
  onFresh(records: readonly JournalRecord[], front: number): void;
  /** All partitions have passed `position`. */
  prune(position: number): void;
}

export function createRoute({ settings, clientsMax, log, ...options }: RouteOptions): Route {
  const { partitions, hot: wanted } = settings;
  let table = options.table;
  const homes = createHomes({ partitions, clientsMax });
  const router = createRouter({ homes, partitions });
  const detector = createHotClients({ ...wanted, partitions, hot: newestEntry(table).hot });

  function change(hot: readonly string[], from: number): void {
    const before = newestEntry(table);
    if (before.hot === hot) return;
    if (table.length >= ROUTING_ENTRIES_MAX) {
      log.warn('kafka hot clients stay as they are until partitions that lag have caught up', { hot: before.hot });
      return;
    }
    table = withEntry(table, { ...before, from, hot });
    log.info('kafka hot clients have changed', { answer: wanted.answer, hot, before: before.hot });
  }

  return {
    homes,
    table: () => table,
    hotClients: () => detector.hot().length,
    route(record, position) {
      const newest = newestEntry(table);
      return router.route(record, position >= newest.from ? newest : entryAt(table, position));
    },
    onFresh(records, front) {
      for (const { clientId, body, receivedUnixMs } of records) detector.add(clientId, body.length, receivedUnixMs);
      if (wanted.answer !== 'off') change(detector.hot(), front);
    },
    prune(position) {
      table = prunedTable(table, position);
    },
  };
}
