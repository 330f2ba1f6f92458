/** The limits of a client hold over all workers and connections, to the percent, and nobody else feels them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { LIMITS_CONFIG, measureLimits } from './limits-kit.ts';

const WINDOW_MS = 6000;
/**
 * What is decided and not answered yet at either end of the window: of 64 connections at most a few batches of a
 * hundred milliseconds on a busy machine, of 6 s. The window of `pnpm bench fairness` is longer, and held to 1 %.
 */
const TOLERANCE = 0.03;

test('64 connections of one client to four workers get what one limit allows, each of the three, and others all', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-limits-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const collector = await startCollector({ dir, config: LIMITS_CONFIG });
  const others = startFleet({ clients: 5, url: collector.url, pauseMs: 100 });

  const measured = await measureLimits(collector.url, WINDOW_MS);
  await others.finish();

  for (const { limit, perSecond, deviation, refusals, others: odd } of measured) {
    expect(Math.abs(deviation), `${limit}: ${perSecond}/s`).toBeLessThan(TOLERANCE);
    expect([...refusals.keys()], limit).toEqual([`rate_${limit}`]);
    const { count, first, incomplete } = refusals.get(`rate_${limit}`) ?? {
      count: 0,
      first: undefined,
      incomplete: -1,
    };
    expect(count, limit).toBeGreaterThan(100);
    expect(incomplete, `answers without limit or wait: ${JSON.stringify(first)}`).toBe(0);
    expect([...odd.keys()], limit).toEqual([]);
  }
  expect([...others.answers.keys()]).toEqual(['200']);
  expect(others.acked.size).toBeGreaterThan(WINDOW_MS / 100);
  await collector.stop();
});
