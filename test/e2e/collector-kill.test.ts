/** kill -9 of the collector at any moment, under load: everything a client was told yes to is on disk, once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { stopWhenStored } from './sinks.ts';

const KILLS = 40;

test(`after ${KILLS} kills under load, each acknowledged batch is stored once, and nothing else is`, {
  timeout: 240_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-kill-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const random = seeded(50);
  // Small segments and files, so that kills fall into rotations too.
  const config = {
    journal: { segment: '5MiB', max_bytes: '64MiB' },
    sinks: { jsonl: { dir: join(dir, 'points'), rotate: '1MiB' } },
    limits: { per_client: { requests: 'unlimited' } },
  };
  let collector = await startCollector({ dir, config });
  const fleet = startFleet({ clients: 12, url: collector.url, pauseMs: 1 });
  for (let kill = 0; kill < KILLS; kill++) {
    const before = fleet.acked.size;
    await delay(20 + random.int(250));
    await collector.kill9();
    collector = await startCollector({ dir, config });
    fleet.url = collector.url;
    while (fleet.acked.size === before) await delay(5);
  }
  await fleet.finish();
  const end = await stopWhenStored(collector);
  expect(end, collector.lastWords()).toMatchObject({ code: 0 });
  const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
  expect(faults, `seed ${random.seed}`).toEqual({ lost: [], repeated: [], invented: [] });
  expect(stored).toBe(fleet.acked.size);
  expect(fleet.acked.size).toBeGreaterThan(KILLS * 10);
  expect(fleet.answers.get('error') ?? 0, 'the kills must have hit requests').toBeGreaterThan(KILLS);
});
