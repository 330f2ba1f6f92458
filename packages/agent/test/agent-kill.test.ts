import { describe, expect, it } from 'vitest';
import { fakeCollector } from './fake-collector.ts';
import { configFile, finalOf, start } from './process.ts';
import { seeded, tempDir } from './support.ts';

describe('an agent that is killed', () => {
  it('loses nothing over a dozen kills at any moment, and sends no batch in two versions (seed 42)', async () => {
    const random = seeded(42);
    const collector = await fakeCollector();
    collector.behave = (count) => (count % 5 === 0 ? 'cut' : count % 7 === 0 ? 'busy' : 'ok');
    const dir = tempDir();
    const path = configFile(dir, collector.url, 100);
    const epochsAcked = (): number => new Set([...collector.acked.values()].map((batch) => batch.epoch)).size;
    // A kill may fall before the agent's first own batch; go on until half a dozen epochs have got through.
    for (let kill = 0; kill < 12 || epochsAcked() < 6; kill++) {
      const agent = start('run', '-c', path);
      const target = collector.requests + 1 + random.below(6);
      await collector.until(() => collector.requests >= target);
      agent.child.kill('SIGKILL');
      await agent.ended;
    }
    collector.behave = () => 'ok';
    const agent = start('run', '-c', path);
    const { epoch: running } = await agent.line('agent started');
    await collector.until(() => collector.acked.has(`${String(running)}:2`));
    agent.child.kill('SIGTERM');
    const { code, lines } = await agent.ended;
    const { epoch, points } = finalOf(lines);
    expect(code).toBe(0);
    expect(points.in_spool).toBe(0);
    expect(collector.changed).toEqual([]);
    const epochs = Map.groupBy(collector.acked.values(), (batch) => batch.epoch);
    expect(epochs.size).toBeGreaterThan(5);
    for (const [of, batches] of epochs) {
      batches.sort((a, b) => a.seq - b.seq);
      expect(
        batches.map((batch) => batch.seq),
        `epoch ${of}`,
      ).toEqual(batches.map((_, index) => index + 1));
      // Each batch carries the running total: what is stored adds up to it, so nothing is missing in between.
      let sum = 0;
      for (const batch of batches) expect(batch.sampledTotal, `epoch ${of}`).toBe((sum += batch.points));
    }
    expect(epoch).toBe(running);
  }, 60_000);
});
