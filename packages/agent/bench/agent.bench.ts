/**
 * What the agent costs a host: CPU per sweep and memory, at one sweep a second against a sink of its own, beside a
 * bare `node` and, where it is installed, prometheus-node-exporter scraped once a second.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import type { AgentStatus } from '../src/status.ts';
import { type Proc, startProc } from './proc.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const SINK = fileURLToPath(new URL('./sink-server.ts', import.meta.url));
const MiB = 1024 * 1024;
/** Start, JIT and the inventory's child are over by then. */
const WARM_UP_MS = { quick: 2000, full: 10_000 };
const MEASURE_MS = { quick: 5000, full: 60_000 };

interface Measured {
  cpuMs: number;
  sweeps: number;
  points: number;
  rssBytes: number;
  anonBytes: number;
}

export const bench: Bench = {
  name: 'agent',
  title: 'the agent at one sweep a second, beside bare node and node_exporter: CPU per sweep, RSS',
  async run(options) {
    const dir = mkdtempSync(join(tmpdir(), 'metricstream-bench-'));
    try {
      return await measure(dir, options);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

async function measure(dir: string, options: BenchOptions): Promise<BenchRow[]> {
  const mode = options.quick ? 'quick' : 'full';
  const bare = startProc(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const sink = startProc(process.execPath, [SINK]);
  const exporter = startExporter();
  try {
    const [, port] = await sink.line(/^(\d+)\n/);
    const config = join(dir, 'agent.yaml');
    writeFileSync(config, configText(dir, String(port)));
    const cache = { NODE_COMPILE_CACHE: join(dir, 'cache') };
    // The first start fills the cache of stripped and compiled code, as the first start on a host does.
    await startProc(process.execPath, [MAIN, 'check', '-c', config], cache).stop();
    const warm = startProc(process.execPath, [MAIN, 'run', '-c', config], cache);
    await warm.line(/"admin listening"/);
    await warm.stop();
    const agent = startProc(process.execPath, [MAIN, 'run', '-c', config], cache);
    try {
      const measured = await measureAgent(agent, exporter, mode, options);
      return rowsOf(measured, bare, exporter);
    } finally {
      await agent.stop();
    }
  } finally {
    await Promise.all([bare.stop(), sink.stop(), exporter?.proc.stop()]);
  }
}

function configText(dir: string, port: string): string {
  return `
collector: { url: "http://127.0.0.1:${port}" }
state_dir: ${join(dir, 'state')}
collection: { interval: 1s }
admin: { listen: "127.0.0.1:0" }
`;
}

async function measureAgent(
  agent: Proc,
  exporter: Exporter | undefined,
  mode: 'quick' | 'full',
  options: BenchOptions,
): Promise<Measured> {
  const [, address] = await agent.line(/"address":"([^"]+)","msg":"admin listening"/);
  const status = async (): Promise<AgentStatus> =>
    (await (await fetch(`http://${String(address)}/status`)).json()) as AgentStatus;
  await sleep(WARM_UP_MS[mode]);
  options.progress(`agent: measuring for ${MEASURE_MS[mode] / 1000} s`);
  const before = await status();
  const cpuBefore = agent.cpuMs();
  await exporter?.measure(MEASURE_MS[mode]);
  if (!exporter) await sleep(MEASURE_MS[mode]);
  const cpuMs = agent.cpuMs() - cpuBefore;
  const memory = agent.memory();
  const after = await status();
  const sweeps = after.batches.acked - before.batches.acked;
  return { cpuMs, sweeps, points: (after.points.acked - before.points.acked) / sweeps, ...memory };
}

interface Exporter {
  proc: Proc;
  scrapes: number;
  cpuMs: number;
  measure(ms: number): Promise<void>;
}

/** One scrape a second, as Prometheus would at the agent's interval. */
function startExporter(): Exporter | undefined {
  const names = ['prometheus-node-exporter', 'node_exporter'];
  const paths = (process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)));
  const path = paths.find((one) => existsSync(one));
  if (path === undefined) return undefined;
  const address = '127.0.0.1:19100';
  const proc = startProc(path, [`--web.listen-address=${address}`]);
  const exporter: Exporter = {
    proc,
    scrapes: 0,
    cpuMs: 0,
    async measure(ms) {
      const before = proc.cpuMs();
      const untilMs = performance.now() + ms;
      for (; performance.now() < untilMs; exporter.scrapes++) {
        const begunMs = performance.now();
        await (await fetch(`http://${address}/metrics`)).arrayBuffer();
        await sleep(Math.max(0, 1000 - (performance.now() - begunMs)));
      }
      exporter.cpuMs = proc.cpuMs() - before;
    },
  };
  return exporter;
}

function rowsOf(agent: Measured, bare: Proc, exporter: Exporter | undefined): BenchRow[] {
  const bareMemory = bare.memory();
  const perSweepMs = agent.cpuMs / agent.sweeps;
  const mib = (bytes: number): number => Math.round((bytes / MiB) * 10) / 10;
  const rows: BenchRow[] = [
    {
      what: 'agent, CPU per sweep',
      value: Math.round(perSweepMs * 1000) / 1000,
      unit: 'ms',
      note: `${agent.sweeps} sweeps of ${Math.round(agent.points)} points: sampled, encoded, spooled, sent, acked`,
    },
    {
      what: 'agent, RSS above bare node',
      value: mib(agent.rssBytes - bareMemory.rssBytes),
      unit: 'MiB',
      hold: { op: '<=', value: 10 },
      note: `agent ${mib(agent.rssBytes)} (anonymous ${mib(agent.anonBytes)}), bare node ${mib(bareMemory.rssBytes)} (anonymous ${mib(bareMemory.anonBytes)})`,
    },
  ];
  if (!exporter || exporter.scrapes === 0)
    return [...rows, { what: 'node_exporter', value: 0, unit: 'ms', note: 'not on PATH: no comparison' }];
  const perScrapeMs = exporter.cpuMs / exporter.scrapes;
  rows.push({
    what: "agent, CPU per sweep / node_exporter's per scrape",
    value: Math.round((perSweepMs / perScrapeMs) * 1000) / 1000,
    unit: 'ratio',
    hold: { op: '<=', value: 0.1 },
    note: `node_exporter ${perScrapeMs.toFixed(2)} ms a scrape, RSS ${mib(exporter.proc.memory().rssBytes)} MiB`,
  });
  return rows;
}
