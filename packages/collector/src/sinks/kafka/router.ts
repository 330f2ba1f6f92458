/**
 * From a record to what each partition gets of it. Owns the memory of clients' partitions and of hot clients' metrics, but
 * no decision: that is the routing entry's.
 */
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Homes } from './homes.ts';
import { partitionFor } from './murmur2.ts';
import type { RoutingEntry } from './routing.ts';
import { createSplitter } from './split.ts';

/** What one partition gets of a record. */
export interface Routed {
  partition: number;
  key: string;
  /** `i/n` of a record that is split by metric. */
  part: string | undefined;
  points: number;
  /** Its body is a copy: readers of a journal use theirs again. */
  take(): JournalRecord;
}

export interface Router {
  route(record: JournalRecord, entry: RoutingEntry): Routed[];
}

/** @param homes of so many partitions as the newest entry has; others are computed. */
export function createRouter({ homes, partitions }: { homes: Homes; partitions: number }): Router {
  const splitter = createSplitter();

  function whole(record: JournalRecord, partition: number): Routed {
    const take = (): JournalRecord => ({ ...record, body: record.body.slice() });
    return { partition, key: record.clientId, part: undefined, points: record.points, take };
  }

  return {
    route(record, entry) {
      const { clientId } = record;
      if (entry.hot.length > 0 && entry.hot.includes(clientId)) {
        if (entry.answer === 'dedicated_partition') return [whole(record, entry.partitions)];
        const parts = splitter.split(record, entry.partitions);
        if (parts !== undefined) return parts.map(({ encode, ...part }) => ({ ...part, take: encode }));
      }
      const home = entry.partitions === partitions ? homes.of(clientId) : partitionFor(clientId, entry.partitions);
      return [whole(record, home)];
    },
  };
}
