/**
 * What an ingest worker counts, by name, in memory that main reads at scrape time. Owns the names and the one list of
 * reasons a request can be turned away for; http/ has its own list of framing faults, counted beside these.
 */
import { REASONS } from '../http/reasons.ts';

/** Why this worker said 429 or 503: the same bytes may come again. */
export const REFUSED_REASONS = [
  'rate_requests',
  'rate_bytes',
  'rate_points',
  'rate_unauthenticated',
  'clients_full',
  'ring_full',
  'journal_failed',
  'journal_full',
] as const;
export type RefusedReason = (typeof REFUSED_REASONS)[number];

/** Why this worker said never: the same bytes will always be turned away. */
export const REJECTED_REASONS = [
  'not_found',
  'method_not_allowed',
  'unauthenticated',
  'forbidden',
  'content_type',
  'content_encoding',
  'client_id',
  'header',
  'undecompressable',
  'too_large',
  'unparsable',
  'rules',
  'conflict',
] as const;
export type RejectedReason = (typeof REJECTED_REASONS)[number];

export const INGEST_COUNTERS = [
  'accepted',
  'duplicates',
  'points',
  'linesAccepted',
  'linesRejected',
  'bytes',
  'lostBatches',
  'lostPoints',
  'connections',
  'ringUsedBytes',
  'latencySumS',
  ...REFUSED_REASONS.map((reason) => `refused_${reason}` as const),
  ...REJECTED_REASONS.map((reason) => `rejected_${reason}` as const),
  ...REASONS.map((reason) => `http_${reason}` as const),
] as readonly string[];
