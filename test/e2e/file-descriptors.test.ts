/**
 * A process that runs out of file descriptors (too many connections for its limit) goes on with the connections it has,
 * ends nothing, and is whole again by itself when there are descriptors again.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';

/** `prlimit` (util-linux) changes the limit of a running process, its own user's without any right. */
const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
const FREE_DESCRIPTORS = 12;

test.runIf(canLimit)('out of file descriptors under load, nothing ends and nothing is lost', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-descriptors-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const config = { limits: { per_client: { requests: 'unlimited' } } };
  const collector = await startCollector({ dir, config });
  const fleet = startFleet({ clients: 8, url: collector.url, pauseMs: 5 });
  const jsonl = async () =>
    ((await collector.status()) as { sinks: { jsonl: { points_stored: number; lag_points: number } } }).sinks.jsonl;
  // Every thread has read its code by then.
  while ((await jsonl()).points_stored < 100) await delay(10);
  const open = readdirSync(`/proc/${collector.pid}/fd`).length;
  execFileSync('prlimit', ['--pid', String(collector.pid), `--nofile=${open + FREE_DESCRIPTORS}:`]);

  const { port } = new URL(collector.url);
  const idle = Array.from({ length: FREE_DESCRIPTORS * 4 }, () => connect(Number(port), '127.0.0.1'));
  for (const socket of idle) socket.on('error', () => {});
  await collector.waitForLog('journal: old segments cannot be looked at, trying again', 10_000);
  const before = fleet.acked.size;
  while (fleet.acked.size < before + 100) await delay(10);
  for (const socket of idle) socket.destroy();

  await fleet.finish();
  while ((await jsonl()).lag_points > 0) await delay(20);
  expect(await collector.stop(), collector.lastWords()).toMatchObject({ code: 0 });
  const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
  expect(faults).toEqual({ lost: [], repeated: [], invented: [] });
  expect(stored).toBe(fleet.acked.size);
  expect(fleet.answers.get('error') ?? 0, 'no connection was cut').toBe(0);
});
