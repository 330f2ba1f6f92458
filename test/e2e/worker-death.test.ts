/**
 * A thread of the real program that dies, by an error, by leaving, or by needing more memory than it may: the process
 * lives, others go on, a successor comes, nothing that got a yes is lost, and the figures say it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';

const SWITCH = pathToFileURL(join(import.meta.dirname, 'kill-switch.ts')).href;
const WAIT = { interval: 10, timeout: 30_000 };
const NO_FAULTS = { lost: [], repeated: [], invented: [] };

interface Figures {
  workers: { running: number; respawned: number };
  sinks: Record<string, { state: string; lag_points: number }>;
}

async function rig() {
  const dir = mkdtempSync(join(tmpdir(), 'ms-worker-death-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const collector = await startCollector({
    dir,
    // So few that a worker's heap is small and soon full, and that places of dead connections would be missed.
    config: { workers: 2, limits: { connections: 12, per_client: { requests: 'unlimited' } } },
    env: { NODE_OPTIONS: `--import ${SWITCH}`, KILL_SWITCH_DIR: dir },
  });
  const fleet = startFleet({ clients: 6, url: collector.url, pauseMs: 1 });
  return {
    dir,
    collector,
    fleet,
    die: (thread: string, how: 'throw' | 'exit' | 'memory') => writeFileSync(join(dir, `${thread}.${how}`), ''),
    figures: async () => (await collector.status()) as Figures,
    async progress(batches: number) {
      const before = fleet.acked.size;
      while (fleet.acked.size < before + batches) await delay(5);
    },
    async endsWhole() {
      await fleet.finish();
      expect(await collector.stop(), collector.lastWords()).toEqual({ code: 0, signal: null });
      const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
      expect(faults).toEqual(NO_FAULTS);
      expect(stored).toBe(fleet.acked.size);
    },
  };
}

function errorsOf(collector: CollectorApp, msg: string): unknown[] {
  return collector.logs.filter((line) => line.msg === msg).map((line) => line['error']);
}

test('an ingest worker that dies by any of three ways is replaced, alone, and nothing acknowledged is lost', {
  timeout: 120_000,
}, async () => {
  const { collector, fleet, die, figures, progress, endsWhole } = await rig();
  let deaths = 0;
  for (const how of ['throw', 'exit', 'memory'] as const) {
    for (const worker of ['ingest-0', 'ingest-1']) {
      await progress(100);
      die(worker, how);
      deaths++;
      while ((await figures()).workers.respawned < deaths) await delay(10);
      await progress(100);
    }
  }
  // The last successor waits longest before it begins.
  await expect.poll(async () => (await figures()).workers, WAIT).toEqual({ running: 2, respawned: deaths });
  const waits = collector.logs
    .filter((line) => line['worker'] === 0)
    .flatMap((line) => line['replaced_after_ms'] ?? []);
  expect(waits, 'longer each time').toEqual([100, 200, 400]);
  const words = errorsOf(collector, 'ingest worker failed').join('\n');
  expect(words).toContain('thrown by a test');
  expect(words).toContain('memory limit');
  const metrics = await (await fetch(`${collector.admin}/metrics`)).text();
  expect(metrics).toContain(`metricstream_collector_workers_respawned_total ${deaths}`);
  expect(fleet.answers.get('error') ?? 0, 'the deaths must have hit requests').toBeGreaterThan(0);
  await endsWhole();
});

test('a sink thread that needs more memory than it may starts again where its cursor stands; ingest goes on meanwhile', {
  timeout: 120_000,
}, async () => {
  const { collector, die, figures, progress, endsWhole } = await rig();
  await progress(100);
  die('sink-jsonl', 'memory');
  const { why } = await collector.waitForLog('sink jsonl: failed');
  expect(why).toContain('memory limit');
  await progress(100);
  await collector.waitForLog('sink jsonl: going on');
  expect((await figures()).workers.respawned).toBe(0);
  await endsWhole();
});
