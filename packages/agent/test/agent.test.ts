import { describe, expect, it } from 'vitest';
import type { AgentStatus } from '../src/status.ts';
import { fakeCollector } from './fake-collector.ts';
import { configFile, finalOf, start } from './process.ts';
import { tempDir } from './support.ts';

const STATUS_KEYS = ['client_id', 'epoch', 'points', 'batches', 'ack_ms', 'collector', 'spool', 'samplers'];

describe('the agent as a process', () => {
  it('samples, sends, answers on its admin port, and ends with a balance that adds up', async () => {
    const collector = await fakeCollector();
    const agent = start('run', '-c', configFile(tempDir(), collector.url));
    const { address } = await agent.line('admin listening');
    await collector.until(() => collector.acked.size >= 5);
    const get = async (path: string) => fetch(`http://${String(address)}${path}`);
    expect((await get('/readyz')).status).toBe(200);
    const status = (await (await get('/status')).json()) as AgentStatus;
    expect(Object.keys(status)).toEqual(STATUS_KEYS);
    expect(status.collector).toEqual({ url: collector.url, state: 'ok', last_error: '' });
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(/^metricstream_agent_points_acked_total [1-9]/m);
    expect(metrics).toMatch(/^metricstream_agent_ack_seconds\{quantile="0.5"\} 0\.\d/m);
    agent.child.kill('SIGTERM');
    const { code, lines } = await agent.ended;
    expect(code).toBe(0);
    const { points } = finalOf(lines);
    const stored = [...collector.acked.values()].reduce((sum, batch) => sum + batch.points, 0);
    expect(points).toEqual({ sampled: stored, sent: stored, acked: stored, dropped: {}, in_spool: 0 });
  });

  it('keeps what is rejected as a dead letter, counts it, and goes on', async () => {
    const collector = await fakeCollector();
    collector.behave = (count) => (count === 2 ? 'reject' : 'ok');
    const agent = start('run', '-c', configFile(tempDir(), collector.url));
    await collector.until(() => collector.acked.size >= 3);
    agent.child.kill('SIGTERM');
    const { lines } = await agent.ended;
    const { points } = finalOf(lines);
    const dropped = points.dropped['rejected'] ?? 0;
    expect(dropped).toBeGreaterThan(0);
    expect(points.sampled).toBe(points.acked + dropped + points.in_spool);
  });

  it('stops within the drain when the collector is gone, keeping everything', async () => {
    const agent = start('run', '-c', configFile(tempDir(), 'http://127.0.0.1:1'));
    await agent.line('collector (live): trying again');
    const stopAt = performance.now();
    agent.child.kill('SIGTERM');
    const { code, lines } = await agent.ended;
    expect(code).toBe(0);
    expect(performance.now() - stopAt).toBeLessThan(8000);
    const { points } = finalOf(lines);
    expect(points.in_spool).toBe(points.sampled);
    expect(points.in_spool).toBeGreaterThan(0);
  });

  it('leaves at once, with 1, on a second signal', async () => {
    const agent = start('run', '-c', configFile(tempDir(), 'http://127.0.0.1:1'));
    await agent.line('collector (live): trying again');
    agent.child.kill('SIGINT');
    await agent.line('stopping');
    agent.child.kill('SIGINT');
    expect((await agent.ended).code).toBe(1);
  });

  it('refuses a state directory that another agent uses', async () => {
    const collector = await fakeCollector();
    const path = configFile(tempDir(), collector.url);
    const first = start('run', '-c', path);
    await first.line('admin listening');
    const second = await start('run', '-c', path).ended;
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringContaining('is in use by another MetricStream program'),
    ]);
  });
});
