import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AgentStatus } from '../src/status.ts';
import { fakeCollector } from './fake-collector.ts';
import { seeded, tempDir } from './support.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Running {
  child: ChildProcess;
  /** Resolves with the first line whose msg is this. */
  line(msg: string): Promise<Record<string, unknown>>;
  ended: Promise<{ code: number | null; lines: Record<string, unknown>[]; stderr: string; stdout: string }>;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: Record<string, unknown>[] = [];
  const waiting = new Map<string, (line: Record<string, unknown>) => void>();
  let stderr = '';
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  createInterface({ input: child.stderr }).on('line', (text) => {
    stderr += `${text}\n`;
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push(line);
    waiting.get(String(line['msg']))?.(line);
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, lines, stderr, stdout }));
  return {
    child,
    ended,
    line: (msg) => {
      const there = lines.find((line) => line['msg'] === msg);
      return there ? Promise.resolve(there) : new Promise((resolve) => waiting.set(msg, resolve));
    },
  };
}

function configFile(dir: string, url: string, intervalMs = 100): string {
  const path = join(dir, 'agent.yaml');
  const text = `
client_id: web-1
collector: { url: "${url}", timeout: 2s }
state_dir: ${join(dir, 'state')}
collection: { interval: ${intervalMs}ms }
retry: { initial: 10ms, max: 50ms }
admin: { listen: "127.0.0.1:0" }
`;
  writeFileSync(path, text);
  return path;
}

describe('the agent as a process', () => {
  it('samples, sends, answers on its admin port, and ends with a balance that adds up', async () => {
    const collector = await fakeCollector();
    const agent = start('run', '-c', configFile(tempDir(), collector.url));
    const { address } = await agent.line('admin listening');
    await collector.until(() => collector.acked.size >= 5);
    const get = async (path: string) => fetch(`http://${String(address)}${path}`);
    expect((await get('/readyz')).status).toBe(200);
    const status = (await (await get('/status')).json()) as AgentStatus;
    expect(Object.keys(status)).toEqual([
      ...['client_id', 'epoch', 'points', 'batches', 'ack_ms', 'collector', 'spool', 'samplers'],
    ]);
    expect(status.collector).toEqual({ url: collector.url, state: 'ok', last_error: '' });
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(/^metricstream_agent_points_acked_total [1-9]/m);
    expect(metrics).toMatch(/^metricstream_agent_ack_seconds\{quantile="0.5"\} 0\.\d/m);
    agent.child.kill('SIGTERM');
    const { code, lines } = await agent.ended;
    expect(code).toBe(0);
    const last = lines.at(-1);
    expect(last?.['msg']).toBe('stopped');
    const { points } = last?.['final'] as AgentStatus;
    const stored = [...collector.acked.values()].reduce((sum, batch) => sum + batch.points, 0);
    expect(points).toEqual({ sampled: stored, sent: stored, acked: stored, dropped: {}, in_spool: 0 });
  });

  it('loses nothing over a dozen kills at any moment, and sends no batch in two versions (seed 42)', async () => {
    const random = seeded(42);
    const collector = await fakeCollector();
    collector.behave = (count) => (count % 5 === 0 ? 'cut' : count % 7 === 0 ? 'busy' : 'ok');
    const dir = tempDir();
    const path = configFile(dir, collector.url, 100);
    for (let kill = 0; kill < 12; kill++) {
      const agent = start('run', '-c', path);
      const target = collector.requests + 1 + random.below(6);
      await collector.until(() => collector.requests >= target);
      agent.child.kill('SIGKILL');
      await agent.ended;
    }
    collector.behave = () => 'ok';
    const agent = start('run', '-c', path);
    await agent.line('admin listening');
    await collector.until(() => [...collector.acked.values()].some((batch) => isLast(batch.epoch)));
    agent.child.kill('SIGTERM');
    const { code, lines } = await agent.ended;
    const { epoch, points } = lines.at(-1)?.['final'] as AgentStatus;
    function isLast(batchEpoch: string): boolean {
      return Number(batchEpoch) === Math.max(...[...collector.acked.values()].map((batch) => Number(batch.epoch)));
    }
    expect(code).toBe(0);
    expect(points.in_spool).toBe(0);
    expect(collector.changed).toEqual([]);
    const epochs = Map.groupBy(collector.acked.values(), (batch) => batch.epoch);
    expect(epochs.size).toBeGreaterThan(5);
    for (const [of, batches] of epochs) {
      batches.sort((a, b) => a.seq - b.seq);
      expect(batches.map((batch) => batch.seq), `epoch ${of}`).toEqual(batches.map((_, index) => index + 1));
      // Each batch carries the running total: what is stored adds up to it, so nothing is missing in between.
      let sum = 0;
      for (const batch of batches) expect(batch.sampledTotal, `epoch ${of}`).toBe((sum += batch.points));
    }
    expect(Math.max(...[...epochs.keys()].map(Number))).toBe(epoch);
  });

  it('keeps what is rejected as a dead letter, counts it, and goes on', async () => {
    const collector = await fakeCollector();
    collector.behave = (count) => (count === 2 ? 'reject' : 'ok');
    const agent = start('run', '-c', configFile(tempDir(), collector.url));
    await collector.until(() => collector.acked.size >= 3);
    agent.child.kill('SIGTERM');
    const { lines } = await agent.ended;
    const { points } = lines.at(-1)?.['final'] as AgentStatus;
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
    const { points } = lines.at(-1)?.['final'] as AgentStatus;
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
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('is in use by another MetricStream program')]);
  });
});

describe('the command line', () => {
  it.each([
    [['--version'], 0],
    [['--help'], 0],
    [['rum'], 2],
    [['test', '--source', 'proc'], 2],
    [['check', '-c', '/no/such/file.yaml'], 78],
    [['run', '-c', '/no/such/file.yaml'], 78],
  ])('%j ends with %i', async (args, code) => {
    expect((await start(...args).ended).code).toBe(code);
  });

  it('check accepts a good file', async () => {
    const ended = await start('check', '-c', configFile(tempDir(), 'http://127.0.0.1:7440')).ended;
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('ok (sends to http://127.0.0.1:7440')]);
  });
});
