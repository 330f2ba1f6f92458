/** What the journal thread counts, by name, in memory that main reads at scrape time. Owns the list of names only. */

export const JOURNAL_COUNTERS = [
  'records',
  'points',
  'bytes',
  'duplicates',
  'conflicts',
  'failedRecords',
  'fullRecords',
  'groups',
  'failedGroups',
  'failing',
  'syncSeconds',
  'ledgerClients',
  'clientsCloned',
  'cloneAlarms',
  'recordsTotal',
  'pointsTotal',
  'endPosition',
  'oldestPosition',
  'recoveredDamagedBytes',
  'forcedSegments',
] as const;

export type JournalCounter = (typeof JOURNAL_COUNTERS)[number];
