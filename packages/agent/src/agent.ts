/**
 * The agent, put together: state directory → spool → uplink → admin → lanes → sampling, started in this order and
 * stopped in reverse. Owns no rules of its own. Promises that a stop ends the sampling first, then gives what is left
 * a few seconds to go out, and keeps in the spool whatever did not.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AdminRoute,
  type AdminServer,
  healthRoute,
  readyRoute,
  startAdminServer,
} from '@metricstream/shared/admin-server.ts';
import { systemClock } from '@metricstream/shared/clock.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { lockDirectory } from '@metricstream/shared/journal/lock.ts';
import { createLifecycle, type Lifecycle, type Step } from '@metricstream/shared/lifecycle.ts';
import { type Log, throttled } from '@metricstream/shared/log.ts';
import type { Metrics } from '@metricstream/shared/metrics.ts';
import { createDeadLetter, type Lost } from '@metricstream/shared/pump/dead-letter.ts';
import { createPump, type Pump, type PumpStats } from '@metricstream/shared/pump/pump.ts';
import type { AgentFigures } from './agent-metrics.ts';
import { type Batcher, createBatcher } from './batcher.ts';
import type { AgentConfig } from './config.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { beginEpoch } from './epoch.ts';
import { clientIdentity } from './identity.ts';
import { createInventory } from './inventory/inventory.ts';
import { createSamplers } from './samplers/index.ts';
import { createSweeper, type Sweeper } from './samplers/run-samplers.ts';
import { openSpool, type Spool } from './spool/spool.ts';
import { type AgentStatus, notReadyReasons, statusOf } from './status.ts';
import { createTicks, phaseOf, type Ticks } from './ticks.ts';
import { createUplink, type Uplink } from './uplink.ts';
import { AGENT_VERSION } from './version.ts';

/** For what is left when the agent is stopped. */
const DRAIN_MS = 5000;
const STOP_DEADLINE_MS = 8000;
const DEAD_LETTER_BYTES_MAX = 16 * 1024 * 1024;
const WARN_EVERY_MS = 60_000;

export interface AgentOptions {
  config: AgentConfig;
  /** Tells two configurations of one client apart; carried by every batch. */
  configHash: bigint;
  log: Log;
}

export interface Agent {
  readonly lifecycle: Lifecycle;
  /** Undefined until the spool is open; after a stop, the last figures. */
  status(): AgentStatus | undefined;
}

/** What is built at the start, sink first. */
interface Parts {
  clientId: string;
  spool: Spool;
  credentials: Credentials;
  uplink: Uplink;
  batcher: Batcher;
  sweeper: Sweeper;
  ticks: Ticks;
  lanes: Pump[];
  lock: { release(): void };
  lastSweepMs: number;
}

export function createAgent(options: AgentOptions): Agent {
  const { config, log } = options;
  let parts: Parts | undefined;
  const built = (): Parts => {
    if (!parts) throw new MetricStreamError('bug', 'a part of the agent was started before its spool');
    return parts;
  };
  const steps: Step[] = [
    {
      name: 'spool',
      async start() {
        parts = await build(options);
      },
      stop() {
        parts?.credentials.close();
        parts?.spool.close();
        parts?.lock.release();
      },
    },
    adminStep(config, log, built),
    lanesStep(built),
    samplingStep(built),
  ];
  return {
    lifecycle: createLifecycle(steps, { log, stopDeadlineMs: STOP_DEADLINE_MS }),
    status: () => (parts ? statusOf(figuresOf(config, parts)) : undefined),
  };
}

async function build({ config, configHash, log }: AgentOptions): Promise<Parts> {
  const clock = systemClock;
  const { stateDir, collector } = config;
  const lock = lockState(stateDir);
  try {
    const clientId = clientIdentity({ configured: config.clientId, host: config.host, stateDir });
    const quiet = throttled(log, WARN_EVERY_MS);
    const spool = openSpool({
      dir: join(stateDir, 'spool'),
      clientId,
      bytesMax: config.spool.bytesMax,
      ageMaxMs: config.spool.ageMaxMs,
      beginEpoch: (atLeastAbove) => beginEpoch({ stateDir, nowUnixMs: clock.unixMs(), atLeastAbove }),
      clock,
      log: quiet,
    });
    const sending: Spool['sending'] = (record) => spool.sending(record);
    const credentials = createCredentials({ ...collector, log });
    const uplink = createUplink({ ...collector, clientId, epoch: spool.epoch, credentials, sending, clock });
    const dir = join(stateDir, 'dead-letters');
    const onLost = (lost: Lost): void =>
      log.error('the oldest dead letters are gone, the directory is full', { dir, ...lost });
    const deadLetter = await createDeadLetter({ dir, bytesMax: DEAD_LETTER_BYTES_MAX, onLost });
    const onState = (stats: PumpStats): void => logState(log, stats);
    const lanes = (['live', 'backlog'] as const).map((lane) => {
      return createPump({ source: spool[lane], sink: uplink.sink(lane), deadLetter, backoff: config.retry, onState });
    });
    const batcher = createBatcher({
      clientId,
      agentVersion: AGENT_VERSION,
      configHash,
      resource: resourceOf(config),
      sweepsPerBatch: config.batch.sweeps,
      spool,
      log: quiet,
    });
    const { intervalMs, jitterMs, timeoutMs, source, groups } = config.collection;
    const samplers = [...createSamplers({ source, groups }), createInventory()];
    const sweeper = createSweeper({ samplers, timeoutMs, clock });
    const ticks = createTicks({ intervalMs, phaseMs: phaseOf(clientId, jitterMs), clock });
    log.info('agent started', {
      client_id: clientId,
      epoch: spool.epoch,
      collector: collector.url,
      in_spool: spool.stats().points,
    });
    return {
      clientId,
      spool,
      credentials,
      uplink,
      batcher,
      sweeper,
      ticks,
      lanes,
      lock,
      lastSweepMs: clock.monotonicMs(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function lockState(stateDir: string): { release(): void } {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o750 });
  } catch (cause) {
    const what = `cannot make ${stateDir}; create it for this user, or set state_dir`;
    throw new MetricStreamError('directory_unusable', what, { cause });
  }
  return lockDirectory(stateDir);
}

function resourceOf(config: AgentConfig): [string, string][] {
  return [['host', config.host], ['datacenter', config.datacenter], ...Object.entries(config.tags)];
}

/** Said once per change of state, not per batch. */
function logState(log: Log, stats: PumpStats): void {
  if (stats.state === 'stopped') return;
  const fields = { why: stats.why };
  if (stats.state === 'halted') log.error(`${stats.sink}: halted, the batches stay in the spool`, fields);
  else if (stats.state === 'retrying') log.warn(`${stats.sink}: trying again`, fields);
  else log.info(`${stats.sink}: sending again`);
}

function samplingStep(built: () => Parts): Step {
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  return {
    name: 'sampling',
    start() {
      const parts = built();
      const onTick = async (): Promise<void> => {
        parts.batcher.add(await parts.sweeper.sweep());
        parts.lastSweepMs = performance.now();
      };
      running = parts.ticks.run(onTick, ending.signal);
    },
    async stop() {
      ending.abort();
      await running;
      const { sweeper, batcher } = built();
      sweeper.close();
      batcher.flush();
    },
  };
}

function lanesStep(built: () => Parts): Step {
  const draining = new AbortController();
  const aborting = new AbortController();
  let running: Promise<unknown> | undefined;
  return {
    name: 'lanes',
    start() {
      running = Promise.all(built().lanes.map((lane) => lane.run(draining.signal, aborting.signal)));
    },
    async stop() {
      draining.abort();
      const timer = setTimeout(() => aborting.abort(), DRAIN_MS);
      await running;
      clearTimeout(timer);
    },
  };
}

function adminStep(config: AgentConfig, log: Log, built: () => Parts): Step {
  let server: AdminServer | undefined;
  let metrics: Metrics | undefined;
  const figures = (): AgentFigures => figuresOf(config, built());
  const routes: Record<string, AdminRoute> = {
    '/healthz': healthRoute,
    '/readyz': readyRoute(() => reasonsOf(config, built())),
    '/status': () => ({ json: statusOf(figures()) }),
    '/metrics': async () => {
      metrics ??= (await import('./agent-metrics.ts')).createAgentMetrics(figures);
      return { text: await metrics.text(), contentType: metrics.contentType };
    },
  };
  return {
    name: 'admin',
    async start() {
      server = await startAdminServer({ listen: config.admin.listen, routes, log, option: 'admin.listen' });
    },
    stop: () => server?.close(),
  };
}

function figuresOf(config: AgentConfig, parts: Parts): AgentFigures {
  const { clientId, spool, uplink, batcher, sweeper, lanes, ticks } = parts;
  return {
    clientId,
    epoch: spool.epoch,
    url: config.collector.url,
    pointsSampled: batcher.pointsSampled(),
    dropped: spool.dropped.thisRun,
    spool: spool.stats(),
    uplink: uplink.stats,
    ackMs: (percentile) => uplink.ackMs(percentile),
    lanes: lanes.map((lane) => lane.stats),
    samplers: sweeper.stats(),
    ticksMissed: ticks.missed(),
  };
}

function reasonsOf(config: AgentConfig, { spool, uplink, lanes, lastSweepMs }: Parts): string[] {
  return notReadyReasons({
    intervalMs: config.collection.intervalMs,
    sinceSweepMs: performance.now() - lastSweepMs,
    spool: spool.stats(),
    lastError: uplink.stats.lastError,
    halted: lanes.some((lane) => lane.stats.state === 'halted'),
  });
}
