/**
 * What the agent says about itself: `/status`, `/readyz`. Pure; agent.ts brings the figures. Points are counted for
 * this run, except `in_spool`, so: in_spool at the start + sampled = acked + all of dropped + in_spool.
 */
import { formatDuration } from '@metricstream/shared/units.ts';
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { SamplerStats } from './samplers/run-samplers.ts';
import type { SpoolStats } from './spool/spool.ts';
import type { UplinkStats } from './uplink.ts';

/** The body of `/status`, and `final` in the last line of the log. */
export interface AgentStatus {
  client_id: string;
  epoch: number;
  points: {
    sampled: number;
    /** Of batches whose sending has begun, each counted once. */
    sent: number;
    acked: number;
    dropped: Record<string, number>;
    /** Unacked now, earlier runs' included. */
    in_spool: number;
  };
  batches: { acked: number; refused: number };
  ack_ms: { p50: number; p99: number };
  collector: { url: string; state: CollectorState; last_error: string };
  spool: { bytes: number; oldest_age_ms: number; runway_s: number };
  /** Failures by sampler and reason; samplers without any are left out. */
  samplers: Record<string, Record<string, number>>;
}

/** `waiting`: nothing was sent yet; `halted`: nothing can be sent until somebody changes something. */
export type CollectorState = 'waiting' | 'ok' | 'retrying' | 'halted' | 'stopped';

export interface StatusParts {
  clientId: string;
  epoch: number;
  url: string;
  pointsSampled: number;
  dropped: Readonly<Record<string, number>>;
  spool: SpoolStats;
  uplink: UplinkStats;
  ackMs(percentile: number): number;
  lanes: readonly PumpStats[];
  samplers: readonly Readonly<SamplerStats>[];
}

export function statusOf(parts: StatusParts): AgentStatus {
  const { spool, uplink } = parts;
  return {
    client_id: parts.clientId,
    epoch: parts.epoch,
    points: {
      sampled: parts.pointsSampled,
      sent: uplink.pointsSent,
      acked: spool.pointsAcked,
      dropped: { ...parts.dropped },
      in_spool: spool.points,
    },
    batches: { acked: spool.batchesAcked, refused: uplink.refused },
    ack_ms: { p50: parts.ackMs(50), p99: parts.ackMs(99) },
    collector: { url: parts.url, state: collectorState(parts.lanes, spool.batchesAcked), last_error: uplink.lastError },
    spool: { bytes: spool.bytes, oldest_age_ms: spool.oldestAgeMs, runway_s: spool.runwaySeconds },
    samplers: failuresOf(parts.samplers),
  };
}

/** The worst of the lanes. */
export function collectorState(lanes: readonly PumpStats[], batchesAcked: number): CollectorState {
  for (const bad of ['halted', 'retrying'] as const) if (lanes.some((lane) => lane.state === bad)) return bad;
  if (lanes.length > 0 && lanes.every((lane) => lane.state === 'stopped')) return 'stopped';
  return batchesAcked > 0 ? 'ok' : 'waiting';
}

function failuresOf(samplers: readonly Readonly<SamplerStats>[]): AgentStatus['samplers'] {
  const found: AgentStatus['samplers'] = {};
  for (const { sampler, failures } of samplers) {
    const met = Object.entries(failures).filter(([, count]) => count > 0);
    if (met.length > 0) found[sampler] = Object.fromEntries(met);
  }
  return found;
}

/** An agent that is behind by more than this many intervals, and a little, is not well. */
const LATE_INTERVALS = 3;
const LATE_MS = 30_000;

export interface ReadinessParts {
  intervalMs: number;
  /** Since the last sweep ended, or since the start. */
  sinceSweepMs: number;
  spool: Pick<SpoolStats, 'oldestAgeMs'>;
  lastError: string;
  halted: boolean;
}

/** @returns why the agent is not ready, one sentence each; empty when it is. */
export function notReadyReasons(parts: ReadinessParts): string[] {
  const reasons: string[] = [];
  const lateMs = LATE_INTERVALS * parts.intervalMs + LATE_MS;
  if (parts.sinceSweepMs > lateMs) reasons.push(`nothing was sampled for ${shown(parts.sinceSweepMs)}`);
  if (parts.halted) reasons.push(`nothing can be sent: ${parts.lastError}`);
  if (parts.spool.oldestAgeMs > lateMs) {
    const why = parts.lastError === '' ? '' : ` (${parts.lastError})`;
    reasons.push(`the oldest unsent batch is ${shown(parts.spool.oldestAgeMs)} old${why}`);
  }
  return reasons;
}

/** @returns the duration in whole seconds. */
function shown(ms: number): string {
  return formatDuration(Math.round(ms / 1000) * 1000);
}
