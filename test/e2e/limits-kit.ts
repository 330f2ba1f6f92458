/**
 * One client at each of its limits, by 64 connections to a collector of four workers. Owns the configuration in which
 * each client meets one limit only, and the measuring: from the moment its burst is spent, what was accepted per second.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type BatchShape, type Flood, startFlood } from './flood.ts';

export const WORKERS = 4;
export const CONNECTIONS = 64;
export const RATES = { requests: 200, bytes: 200_000, points: 6000 };
const SETTLE_MS = 500;
export type LimitName = keyof typeof RATES;

export const LIMITS_CONFIG = {
  workers: WORKERS,
  limits: {
    per_client: {
      requests: `${RATES.requests}/s`,
      bytes: `${RATES.bytes}B/s`,
      points: `${RATES.points}/s`,
      burst: '1s',
    },
  },
};

/** Of small batches 200 come before anything else is full; of long labels and of many points, the bytes and points. */
const SHAPES: Record<LimitName, BatchShape> = {
  requests: { series: 5, sweeps: 1, labelLength: 0 },
  bytes: { series: 20, sweeps: 1, labelLength: 100 },
  points: { series: 60, sweeps: 2, labelLength: 0 },
};

export interface LimitMeasured {
  limit: LimitName;
  perSecond: number;
  /** Relative to the limit: 0.01 is one percent above it. */
  deviation: number;
  refusals: Flood['refusals'];
  others: Flood['others'];
}

/** Floods by one client for each limit, all at once. */
export async function measureLimits(url: string, windowMs: number): Promise<LimitMeasured[]> {
  return Promise.all((Object.keys(RATES) as LimitName[]).map((limit) => measure(url, limit, windowMs)));
}

async function measure(url: string, limit: LimitName, windowMs: number): Promise<LimitMeasured> {
  const flood = await startFlood({ url, clientId: `over-${limit}`, connections: CONNECTIONS, shape: SHAPES[limit] });
  try {
    await flood.limited;
    // What was accepted of the burst waits for the journal while the first refusals overtake it.
    await delay(SETTLE_MS);
    const read = (): number => flood.accepted[limit === 'requests' ? 'batches' : limit];
    const startedMs = performance.now();
    const before = read();
    await delay(windowMs);
    const perSecond = ((read() - before) * 1000) / (performance.now() - startedMs);
    const { refusals, others } = flood;
    return { limit, perSecond, deviation: perSecond / RATES[limit] - 1, refusals, others };
  } finally {
    flood.stop();
  }
}
