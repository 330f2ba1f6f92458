/** What a sink's thread counts, by name, in memory that main reads. Owns the list of names only; totals outlive runs. */

export const SINK_COUNTERS = [
  'recordsStored',
  'pointsStored',
  'recordsDead',
  'pointsDead',
  'pointsDeadLost',
  'pointsDropped',
  'pointsPassed',
  'position',
  'retries',
  'halts',
  'lastStoredUnixMs',
  'troubleSinceUnixMs',
] as const;

export type SinkCounter = (typeof SINK_COUNTERS)[number];
