/** Two real agents with one client_id, as a copied disk image makes them: the collector says so, and by name. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startAgent, startCollector } from '../app.ts';

interface Status {
  alarms: { name: string; client_id: string; epochs: [number, number]; since: string }[];
  alarms_total: number;
  ready: boolean;
}

test('an agent that starts again raises no alarm; a second one with a copy of its state directory does', {
  timeout: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-clones-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const collector = await startCollector({ dir });
  const status = async () => (await collector.status()) as Status;
  const metrics = async () => (await fetch(`${collector.admin}/metrics`)).text();
  const config = {
    collector: { url: collector.url },
    collection: { interval: '200ms', jitter: '0s', groups: { processes: false } },
  };
  const original = join(dir, 'original');
  const batches = async (agent: { status(): Promise<unknown> }, more: number) => {
    const acked = async () => ((await agent.status()) as { points: { acked: number } }).points.acked;
    for (let seen = await acked(), changes = 0; changes < more; await delay(50)) {
      const now = await acked();
      if (now !== seen) changes++;
      seen = now;
    }
  };
  for (let start = 0; start < 2; start++) {
    const agent = await startAgent({ dir: original, config });
    await batches(agent, 2);
    await (start === 0 ? agent.kill9() : agent.stop());
  }
  expect(await status()).toMatchObject({ alarms: [], alarms_total: 0 });

  cpSync(join(original, 'agent'), join(dir, 'copy', 'agent'), { recursive: true });
  const first = await startAgent({ dir: original, config });
  const second = await startAgent({ dir: join(dir, 'copy'), config });
  const line = await collector.waitForLog('client_cloned');
  const epochOf = async (agent: { status(): Promise<unknown> }) => ((await agent.status()) as { epoch: number }).epoch;
  const epochs = [await epochOf(first), await epochOf(second)].toSorted((a, b) => a - b);
  expect(line).toMatchObject({ level: 'error', epochs });
  expect(line['do']).toContain('delete the file client_id');
  let now = await status();
  for (; now.alarms_total === 0; now = await status()) await delay(20);
  expect(now).toMatchObject({
    alarms: [{ name: 'client_cloned', client_id: line['client_id'], epochs }],
    alarms_total: 1,
  });
  expect(now.ready, 'it is no reason not to take data').toBe(true);
  expect(await metrics()).toMatch(/^metricstream_collector_clients_cloned 1$/m);
  expect(await metrics()).toMatch(/^metricstream_collector_clone_alarms_total 1$/m);
  await Promise.all([first.stop(), second.stop()]);

  // What the log says helps: without the file, the second has an id of its own.
  rmSync(join(dir, 'copy', 'agent', 'client_id'));
  const again = await startAgent({ dir: join(dir, 'copy'), config });
  expect(((await again.status()) as { client_id: string }).client_id).not.toBe(line['client_id']);
  await again.stop();
  await collector.stop();
});
