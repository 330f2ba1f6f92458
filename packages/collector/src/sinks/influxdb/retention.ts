/**
 * How old a point may be. Owns what the server said of its retention; promises that a point the server would still take
 * is never held back, whatever the clock here says: the age counts by the server's own time, and while that is not known,
 * or at the edge, the server's answer tells.
 */
import type { CallOptions, InfluxdbClient } from './client.ts';
import type { InfluxdbTarget } from './settings.ts';

const ASK_INTERVAL_MS = 5 * 60_000;
/** The `Date` of an answer may be a proxy's. */
const MARGIN_MS = 60_000;
const NANOS_PER_MS = 1_000_000n;

export interface Retention {
  /** Asks the server, now and then. Never rejects: a token that may only write is told nothing, and needs nothing. */
  refresh(nowMs: number, options: CallOptions): Promise<void>;
  /** @returns what is older has no place on the server any more; 0 when nothing is known. */
  floorUnixNano(nowUnixMs: number): bigint;
  /** The server has dropped points of this time. */
  learn(droppedUnixNano: bigint): void;
}

export function createRetention(client: InfluxdbClient, target: InfluxdbTarget): Retention {
  let keepMs = 0;
  let askAgainMs = Number.NEGATIVE_INFINITY;
  let learnedUnixNano = 0n;
  return {
    async refresh(nowMs, options) {
      if (nowMs < askAgainMs) return;
      askAgainMs = nowMs + ASK_INTERVAL_MS;
      // Somebody may have made it longer.
      learnedUnixNano = 0n;
      keepMs = (await askRetention(client, target, options).catch(() => undefined)) ?? 0;
    },
    floorUnixNano(nowUnixMs) {
      const serverUnixMs = client.serverUnixMs();
      if (keepMs === 0 || serverUnixMs === undefined) return learnedUnixNano;
      const earlierMs = Math.min(nowUnixMs, serverUnixMs);
      const floor = BigInt(Math.floor(earlierMs - keepMs - MARGIN_MS)) * NANOS_PER_MS;
      return floor > learnedUnixNano ? floor : learnedUnixNano;
    },
    learn(droppedUnixNano) {
      if (droppedUnixNano >= learnedUnixNano) learnedUnixNano = droppedUnixNano + 1n;
    },
  };
}

/** @returns how long the server keeps points, 0 for ever, undefined when it does not say. */
export async function askRetention(
  client: InfluxdbClient,
  target: InfluxdbTarget,
  options: CallOptions = {},
): Promise<number | undefined> {
  if (target.version === 1) {
    const [policies] = await client.influxql(`SHOW RETENTION POLICIES ON "${target.database}"`, options);
    for (const { columns, values } of policies ?? []) {
      const [name, duration] = [columns.indexOf('name'), columns.indexOf('duration')];
      const row = values.find((one) => one[name] === target.retentionPolicy);
      if (row !== undefined) return goDurationMs(String(row[duration]));
    }
    return undefined;
  }
  const query = new URLSearchParams({ org: target.org, name: target.bucket });
  const { json } = await client.api({ method: 'GET', path: `/api/v2/buckets?${String(query)}`, ...options });
  const { buckets } = (json ?? {}) as { buckets?: { name: string; retentionRules?: { everySeconds?: number }[] }[] };
  const bucket = buckets?.find(({ name }) => name === target.bucket);
  return bucket === undefined ? undefined : (bucket.retentionRules?.[0]?.everySeconds ?? 0) * 1000;
}

/** @returns a duration as InfluxDB 1.x prints it (`168h0m0s`, `0s`) in ms; undefined when it is none. */
export function goDurationMs(text: string): number | undefined {
  const [whole, hours = '0', minutes = '0', seconds = '0'] =
    /^(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
