/**
 * Slow, silent, deaf and greedy clients beside five that behave: the bad ones are gone when their time is up, what they
 * cost is bounded and counted, and those who behave lose nothing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { startFlood } from './flood.ts';
import { deaf, type Hostile, idle, silent, slowBodies, slowHeads } from './hostile-clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { stopWhenStored } from './sinks.ts';

const HEAD_TIMEOUT_MS = 1500;
const BODY_TIMEOUT_MS = 2500;
const IDLE_TIMEOUT_MS = 2000;
/** Not an option (ingest/settings.ts): how long one write waits for a client that does not read. */
const WRITE_TIMEOUT_MS = 15_000;
/** Until the kernel's buffers between a deaf client and us are full of answers. */
const FILL_MS = 2500;
/** Beyond its timeout: the listener's tick, the moment in which a closed connection still listens, a busy machine. */
const GRACE_MS = 2500;
const SLOW = 100;
const DEAF = 5;
const REQUESTS_PER_SECOND = 20;
/** For 400 slow connections, 5 deaf ones with 256 KiB unread each, and the flood. */
const RSS_GROWTH_BYTES_MAX = 96 * 1024 * 1024;

const CONFIG = {
  workers: 2,
  limits: {
    head_timeout: `${HEAD_TIMEOUT_MS}ms`,
    body_timeout: `${BODY_TIMEOUT_MS}ms`,
    idle_timeout: `${IDLE_TIMEOUT_MS}ms`,
    per_client: { requests: `${REQUESTS_PER_SECOND}/s`, burst: '1s' },
  },
};

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test('clients that behave lose nothing to those that do not, who are gone in time and are counted', {
  timeout: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-hostile-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const collector = await startCollector({ dir, config: CONFIG });
  const { url } = collector;
  const fleet = startFleet({ clients: 5, url, pauseMs: 100 });
  const small = { series: 5, sweeps: 1, labelLength: 0 };
  const warm = await startFlood({ url, clientId: 'warm', connections: 4, shape: small });
  await warm.limited;
  warm.stop();
  const rssBefore = rssBytes(collector.pid);

  const greedy = await startFlood({ url, clientId: 'greedy', connections: 8, shape: small });
  const all: [what: string, hostile: Hostile, goneMsMax: number][] = [
    ['slow heads', await slowHeads({ url, count: SLOW }), HEAD_TIMEOUT_MS],
    ['slow bodies', await slowBodies({ url, count: SLOW }), BODY_TIMEOUT_MS],
    ['silent', await silent({ url, count: SLOW }), Math.max(HEAD_TIMEOUT_MS, IDLE_TIMEOUT_MS)],
    ['idle', await idle({ url, count: SLOW }), IDLE_TIMEOUT_MS],
    ['deaf', await deaf({ url, count: DEAF }), WRITE_TIMEOUT_MS + FILL_MS],
  ];
  onTestFinished(() => all.forEach(([, hostile]) => hostile.stop()));
  let rssMost = 0;
  const watching = setInterval(() => (rssMost = Math.max(rssMost, rssBytes(collector.pid))), 50);
  for (const [what, hostile, goneMsMax] of all) {
    // The deaf last long: enough of greed by then.
    if (what === 'deaf') greedy.stop();
    expect(await hostile.gone, `${what}, ms`).toBeLessThan(goneMsMax + GRACE_MS);
  }
  clearInterval(watching);
  await fleet.finish();

  expect(all.map(([what, { answers }]) => [what, [...answers]])).toEqual([
    ['slow heads', [[408, SLOW]]],
    ['slow bodies', [[408, SLOW]]],
    ['silent', [[0, SLOW]]],
    ['idle', [[200, SLOW]]],
    ['deaf', [[0, DEAF]]],
  ]);
  expect(rssMost - rssBefore, 'growth in bytes').toBeLessThan(RSS_GROWTH_BYTES_MAX);

  const status = (await collector.status()) as { batches: Record<'refused' | 'rejected', Record<string, number>> };
  const { refused, rejected } = status.batches;
  expect(rejected).toMatchObject({ head_timeout: SLOW, body_timeout: SLOW, write_timeout: DEAF });
  const refusals = greedy.refusals.get('rate_requests')?.count ?? 0;
  expect(refusals, 'far more than 50 times its limit').toBeGreaterThan(50 * greedy.accepted.batches);
  expect(refused['rate_requests']).toBeGreaterThanOrEqual(refusals);

  expect([...fleet.answers.keys()], 'who behaves is told yes, each time').toEqual(['200']);
  expect((await stopWhenStored(collector)).code).toBe(0);
  const stored = linesByTriple(join(dir, 'points'));
  for (const key of stored.keys()) if (!key.startsWith('client-')) stored.delete(key);
  const { lost, repeated, invented } = reconcile(stored, fleet.sent, fleet.acked);
  expect({ lost, repeated, invented }).toEqual({ lost: [], repeated: [], invented: [] });
  expect(fleet.acked.size).toBeGreaterThan(5 * 50);
});
