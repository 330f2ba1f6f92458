/**
 * A full disk under load: 503 for what is new, nothing acknowledged is lost, and the collector goes on by itself when
 * there is room again. The disk is a small tmpfs of the test's own, so the test needs root.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { stopWhenStored } from './sinks.ts';

const root = process.getuid?.() === 0 && process.platform === 'linux';

/** Mounts a tmpfs of 40 MB and gives a way to fill it to the last byte. */
function smallDisk(): { dir: string; fill(): void; free(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'ms-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', dir]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true, force: true });
  });
  const ballast = openSync(join(dir, 'ballast'), 'w');
  return {
    dir,
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      const block = Buffer.alloc(65_536);
      try {
        for (let left = bavail * bsize; left >= 0; left -= block.length) writeSync(ballast, block);
        for (;;) writeSync(ballast, block, 0, 4096);
      } catch {
        // Full, which is what was wanted.
      }
    },
    free() {
      ftruncateSync(ballast, 0);
      closeSync(ballast);
    },
  };
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited 20 s for: ${what}`);
    await delay(20);
  }
}

test.runIf(root)('a disk that fills up under load refuses with 503, loses nothing, and recovers unaided', async () => {
  const disk = smallDisk();
  const state = join(disk.dir, 'state');
  mkdirSync(state);
  const points = join(state, 'points');
  const config = {
    state_dir: state,
    journal: { segment: '5MiB', max_bytes: '32MiB' },
    sinks: { jsonl: { dir: points, rotate: '2MiB' } },
    limits: { per_client: { requests: 'unlimited' } },
  };
  const elsewhere = mkdtempSync(join(tmpdir(), 'ms-conf-'));
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
  const collector = await startCollector({ dir: elsewhere, config });
  const fleet = startFleet({ clients: 8, url: collector.url, pauseMs: 2 });
  const answers = (status: string): number => fleet.answers.get(status) ?? 0;

  await until('some batches acknowledged', () => answers('200') > 100);
  disk.fill();
  await until('503 from every client', () => answers('503') > 50);
  const refusedAt = answers('200');
  await delay(300);
  expect(answers('200') - refusedAt, 'nothing new is acknowledged on a full disk').toBeLessThan(10);
  const during = (await collector.status()) as { ready: boolean; reasons: string[] };
  expect(during.ready).toBe(false);
  expect(during.reasons.join()).toContain('journal');
  disk.free();
  await until('acknowledged again after there is room', () => answers('200') > refusedAt + 200);
  await fleet.finish();
  expect(await stopWhenStored(collector), collector.lastWords()).toMatchObject({ code: 0 });
  const { stored, ...faults } = reconcile(linesByTriple(points), fleet.sent, fleet.acked);
  expect(faults).toEqual({ lost: [], repeated: [], invented: [] });
  expect(stored).toBe(fleet.acked.size);
  expect(answers('error'), 'no connection was cut for it').toBe(0);
});
