/** kill -9 of the agent at any moment, with the collector killed now and then too: what the spool had is stored, once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, startAgent, startCollector } from '../app.ts';
import { linesByTriple } from './ledger.ts';
import { stopWhenStored } from './sinks.ts';

const KILLS = 14;

interface AgentStatus {
  epoch: number;
  points: { sampled: number; acked: number; in_spool: number; dropped: Record<string, number> };
}

test(`after ${KILLS} kills of the agent, seqs are stored once each and without a gap, and what is left adds up`, {
  timeout: 180_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ms-agent-kill-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const random = seeded(51);
  // Two ports of its own: the agent must find the collector again where it was.
  const first = await startCollector({ dir });
  const listen = new URL(first.url).host;
  let collector: CollectorApp = first;
  const config = {
    collector: { url: first.url },
    collection: { interval: '1s', jitter: '0s', groups: { processes: false } },
    retry: { initial: '50ms', max: '500ms' },
  };
  const epochs = new Set<number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const agent = await startAgent({ dir, config });
    epochs.add(((await agent.status()) as AgentStatus).epoch);
    // Around the whole second the agent samples, spools, sends: that is where the kill must fall.
    await delay(1000 - (Date.now() % 1000) + random.int(400));
    if (kill % 5 === 4) {
      await collector.kill9();
      collector = await startCollector({ dir, config: { listen } });
    }
    await agent.kill9();
  }
  const last = await startAgent({ dir, config });
  const inSpool = async () => ((await last.status()) as AgentStatus).points.in_spool;
  const deadline = Date.now() + 30_000;
  while ((await inSpool()) > 0 && Date.now() < deadline) await delay(50);
  await delay(1200);
  await last.stop();
  const final = last.logs.find((line) => line['final'] !== undefined)?.['final'] as AgentStatus;
  expect(final.points).toMatchObject({ in_spool: 0, dropped: {} });
  await stopWhenStored(collector);

  const stored = linesByTriple(join(dir, 'points'));
  const seqsByEpoch = new Map<string, number[]>();
  for (const key of stored.keys()) {
    const [, epoch, seq] = key.split(' ');
    seqsByEpoch.set(epoch as string, [...(seqsByEpoch.get(epoch as string) ?? []), Number(seq)]);
  }
  for (const [epoch, seqs] of seqsByEpoch) {
    const sorted = seqs.toSorted((a, b) => a - b);
    expect(sorted, `epoch ${epoch}, seed ${random.seed}`).toEqual(sorted.map((_, i) => i + 1));
  }
  expect(epochs.size, 'every start is an epoch of its own').toBe(KILLS);
  expect(seqsByEpoch.size).toBeGreaterThan(KILLS / 2);
});
