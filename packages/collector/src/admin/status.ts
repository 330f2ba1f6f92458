/**
 * What the collector says of itself at /status, in its last log line, and (as ready or not) at /readyz. Owns the shape
 * and the meaning of each figure; reads only counters, so asking costs the hot path nothing.
 */
import type { Counters } from '@metricstream/shared/counters.ts';
import { REFUSED_REASONS, REJECTED_REASONS } from '../ingest/counters.ts';
import type { FrontDoor } from '../front-door/front-door.ts';
import { REASONS } from '../http/reasons.ts';
import type { JournalThread } from '../journal-thread/start.ts';
import type { SinkThread } from '../sinks/start.ts';

/** A sink in trouble for longer than this makes the collector not ready: readiness is progress, not being up. */
const TROUBLE_MS_MAX = 30_000;

export interface SinkStatus {
  state: string;
  why: string;
  points_stored: number;
  points_dead: number;
  /** Of dead letters that this run's bound has taken. */
  points_dead_lost: number;
  points_dropped: number;
  /** Durable points the sink has not passed yet. */
  lag_points: number;
  lag_bytes: number;
  retries: number;
}

export interface CollectorStatus {
  /** Since this program started; `received` counts each triple once, `lost` only what `ack: memory` lost. */
  points: { received: number; durable: number; duplicate_batches: number; lost: number };
  batches: { accepted: number; refused: Record<string, number>; rejected: Record<string, number> };
  connections: number;
  clients: number;
  journal: { bytes: number; records_total: number; points_total: number; writing: boolean; damaged_bytes: number };
  sinks: Record<string, SinkStatus>;
  workers: { running: number; respawned: number };
  /** `tokens` in force; the file itself may be broken by now. */
  front_door: {
    tokens: number;
    tokens_expiring: number;
    tokens_file_broken: boolean;
    /** ISO 8601; absent without TLS. */
    certificate_expires?: string;
  };
  /** What needs somebody to look at it; at most 50, `alarms_total` says how many there are. */
  alarms: { name: 'client_cloned'; client_id: string; epochs: [older: number, newer: number]; since: string }[];
  alarms_total: number;
  ready: boolean;
  reasons: string[];
}

export interface StatusParts {
  journal: Pick<JournalThread, 'counters' | 'clones'>;
  /** Absent until the workers listen. */
  ingest: { counters: readonly Counters<string>[]; running: () => number; respawns: () => number } | undefined;
  sinks: readonly Pick<SinkThread, 'name' | 'counters' | 'state' | 'figures'>[];
  door?: Pick<FrontDoor, 'figures'> | undefined;
  stopping: () => boolean;
}

/** Reasons that were met, with their counts: zeros would bury what matters. */
function met(total: (name: string) => number, prefix: string, reasons: readonly string[]): [string, number][] {
  return reasons.map((reason): [string, number] => [reason, total(prefix + reason)]).filter(([, count]) => count > 0);
}

/** One figure over all ingest workers. */
export function ingestTotal(parts: Pick<StatusParts, 'ingest'>, name: string): number {
  return (parts.ingest?.counters ?? []).reduce((sum, table) => sum + table.get(name), 0);
}

export function collectorStatus(parts: StatusParts): CollectorStatus {
  const total = (name: string): number => ingestTotal(parts, name);
  const journal = parts.journal.counters;
  const sinks = Object.fromEntries(parts.sinks.map((sink) => [sink.name, sinkStatus(sink, journal)]));
  const reasons = notReady(parts, sinks);
  return {
    points: {
      received: total('points'),
      durable: journal.get('points'),
      duplicate_batches: total('duplicates'),
      lost: total('lostPoints'),
    },
    batches: {
      accepted: total('accepted'),
      refused: Object.fromEntries(met(total, 'refused_', REFUSED_REASONS)),
      rejected: Object.fromEntries([...met(total, 'rejected_', REJECTED_REASONS), ...met(total, 'http_', REASONS)]),
    },
    connections: total('connections'),
    clients: journal.get('ledgerClients'),
    journal: {
      bytes: journal.get('endPosition') - journal.get('oldestPosition'),
      records_total: journal.get('recordsTotal'),
      points_total: journal.get('pointsTotal'),
      writing: journal.get('failing') === 0,
      damaged_bytes: journal.get('recoveredDamagedBytes'),
    },
    sinks,
    workers: { running: parts.ingest?.running() ?? 0, respawned: parts.ingest?.respawns() ?? 0 },
    alarms: parts.journal.clones().map(({ clientId, olderEpoch, newerEpoch, sinceUnixMs }) => ({
      name: 'client_cloned',
      client_id: clientId,
      epochs: [olderEpoch, newerEpoch],
      since: new Date(sinceUnixMs).toISOString(),
    })),
    alarms_total: journal.get('clientsCloned'),
    front_door: doorStatus(parts),
    ready: reasons.length === 0,
    reasons,
  };
}

function sinkStatus(
  sink: Pick<SinkThread, 'name' | 'counters' | 'state'>,
  journal: JournalThread['counters'],
): SinkStatus {
  const { counters } = sink;
  return {
    ...sink.state(),
    points_stored: counters.get('pointsStored'),
    points_dead: counters.get('pointsDead'),
    points_dead_lost: counters.get('pointsDeadLost'),
    points_dropped: counters.get('pointsDropped'),
    lag_points: Math.max(0, journal.get('pointsTotal') - counters.get('pointsPassed')),
    lag_bytes: Math.max(0, journal.get('endPosition') - counters.get('position')),
    retries: counters.get('retries'),
  };
}

/** A broken tokens file is no reason to be not ready: who was known before still is. */
function doorStatus({ door }: StatusParts): CollectorStatus['front_door'] {
  const figures = door?.figures();
  return {
    tokens: figures?.tokens ?? 0,
    tokens_expiring: figures?.tokensExpiring ?? 0,
    tokens_file_broken: figures?.tokensFileBroken ?? false,
    ...(figures?.certificateExpiresUnixMs === undefined
      ? {}
      : { certificate_expires: new Date(figures.certificateExpiresUnixMs).toISOString() }),
  };
}

function notReady(parts: StatusParts, sinks: Record<string, SinkStatus>): string[] {
  const reasons: string[] = [];
  if (!parts.ingest) reasons.push('starting');
  if (parts.stopping()) reasons.push('stopping');
  if (parts.journal.counters.get('failing') !== 0) reasons.push('the journal cannot be written: clients get 503');
  for (const sink of parts.sinks) {
    const sinceMs = sink.counters.get('troubleSinceUnixMs');
    const { state, why } = sinks[sink.name] as SinkStatus;
    if (state === 'failed' || (sinceMs > 0 && Date.now() - sinceMs > TROUBLE_MS_MAX))
      reasons.push(`sink ${sink.name} is ${state}: ${why}`);
  }
  return reasons;
}
