/** What a collector finds wrong in its directories: it says so, loses nothing for it, and goes on as soon as it can. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { stopWhenStored } from './sinks.ts';

function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-odd-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const NO_FAULTS = { lost: [], repeated: [], invented: [] };

test('a cursor beyond the end of the journal is set to the end before anything is appended behind it', async () => {
  const dir = temporaryDirectory();
  const first = await startCollector({ dir });
  const before = startFleet({ clients: 2, url: first.url, pauseMs: 5, namePrefix: 'before' });
  while (before.acked.size < 50) await delay(5);
  await before.finish();
  await first.stop();
  const path = join(dir, 'collector', 'cursors', 'jsonl.json');
  const cursor = JSON.parse(readFileSync(path, 'utf8')) as { position: number };
  // So little beyond that the next batches would reach it while the sink's thread is still starting.
  writeFileSync(path, JSON.stringify({ ...cursor, position: cursor.position + 400 }));

  const second = await startCollector({ dir });
  await second.waitForLog("sink jsonl: the cursor stood beyond the journal's end and was set to it");
  const after = startFleet({ clients: 2, url: second.url, pauseMs: 5, namePrefix: 'after' });
  while (after.acked.size < 50) await delay(5);
  await after.finish();
  await stopWhenStored(second);
  const sent = new Map([...before.sent, ...after.sent]);
  const acked = new Set([...before.acked, ...after.acked]);
  const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), sent, acked);
  expect(faults).toEqual(NO_FAULTS);
  expect(stored).toBe(acked.size);
});

test('a sink that cannot start holds up nobody, and starts by itself once it can', async () => {
  const dir = temporaryDirectory();
  const points = join(dir, 'points');
  writeFileSync(points, 'a file where the directory should be');
  writeFileSync(join(dir, 'notes.txt'), 'nobody touches this');
  const collector = await startCollector({ dir });
  const fleet = startFleet({ clients: 2, url: collector.url, pauseMs: 5 });
  while (fleet.acked.size < 50) await delay(5);
  const { why } = await collector.waitForLog('sink jsonl: failed');
  expect(why).toMatch(/EEXIST|ENOTDIR/);
  rmSync(points);
  await collector.waitForLog('sink jsonl: going on');
  await fleet.finish();
  expect(await stopWhenStored(collector)).toMatchObject({ code: 0 });
  const { stored, ...faults } = reconcile(linesByTriple(points), fleet.sent, fleet.acked);
  expect(faults).toEqual(NO_FAULTS);
  expect(stored).toBe(fleet.acked.size);
});
