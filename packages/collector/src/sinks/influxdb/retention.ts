/**
 * How old a point may be. Owns what the server said of its retention; promises that a point the server would still take
 * is never held back, so the clocks of the two may differ by a minute; what falls between is told by the server's answer.
 */
import type { CallOptions, InfluxdbClient } from './client.ts';
import type { InfluxdbTarget } from './settings.ts';

const ASK_INTERVAL_MS = 5 * 60_000;
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
      if (keepMs === 0) return learnedUnixNano;
      const floor = BigInt(Math.floor(nowUnixMs - keepMs - MARGIN_MS)) * NANOS_PER_MS;
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

/** A duration as Go prints it: `168h0m0s`, `0s`. */
function goDurationMs(text: string): number | undefined {
  const [whole, hours = '0', minutes = '0', seconds = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
