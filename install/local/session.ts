/**
 * One local run: collector, then agent, from their real entry points; one live line while they work; agent stopped
 * before the collector; the verdict. Owns the order of things and nothing else.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatDuration } from '@metricstream/shared/units.ts';
import { agentConfig, collectorConfig, type LocalPaths, localPaths } from './configs.ts';
import { agentFigures, type CollectorFigures, collectorFigures, sinceOpening } from './figures.ts';
import { createLiveLine, createRate, formatFigures, type LineOutput, type LiveLine } from './line.ts';
import { isWarning, wordLogLine } from './logs.ts';
import type { StartOptions } from './options.ts';
import { probePorts } from './ports.ts';
import { type Program, startProgram, wordEnd } from './program.ts';
import { readStatus, steady } from './status.ts';
import { agentCarried, type Carried, collectorCarried, judge } from './verdict.ts';

const refreshMs = 1000;
const rateWindowMs = 10_000;
const agentStopMs = 20_000;
/** The collector drains its sinks before it ends. */
const collectorStopMs = 60_000;

/** The programs to start; tests put small ones in their place. */
export interface Entries {
  collector: string;
  agent: string;
}

export const productEntries: Entries = {
  collector: 'packages/collector/src/main.ts',
  agent: 'packages/agent/src/main.ts',
};

export interface SessionContext {
  out: LineOutput;
  /** Aborted when the run shall end: Ctrl-C, SIGTERM, the launcher's own parent gone. */
  end: AbortSignal;
  entries?: Entries;
}

interface Running {
  agent: Program;
  collector: Program;
  /** host:port of the admin listeners. */
  agentAdmin: string;
  collectorAdmin: string;
  carried: Carried;
  /** The collector's figures before the agent was started. */
  opening: CollectorFigures;
}

/**
 * Runs until `end` or the time asked for; returns the exit code: 0 when the verdict adds up, else 1. Throws PortTaken
 * before anything is started, and an Error when a program ends early or does not get ready; both are stopped then.
 */
export async function runLocal(options: StartOptions, context: SessionContext): Promise<number> {
  await probePorts([
    { option: '--port', port: options.port },
    { option: '--admin-port', port: options.adminPort },
    { option: '--agent-admin-port', port: options.agentAdminPort },
  ]);
  const paths = localPaths(resolve(options.dataDir));
  const line = createLiveLine(context.out);
  await using started = new AsyncDisposableStack();
  const launch = (name: string, entry: string, config: string): Program =>
    started.use(
      startProgram({
        name,
        entry,
        args: ['run', '-c', config],
        onLog: (log) => isWarning(log) && line.print(`${name}: ${wordLogLine(log)}`),
      }),
    );
  const starting = startBoth(options, paths, context.entries ?? productEntries, launch, line);
  const running = await Promise.race([starting, aborted(context.end)]);
  if (running === undefined) {
    // Ended before both were ready: the stack kills what is there, and no figures are due.
    starting.catch(() => undefined);
    line.print('ended before both programs were ready');
    return 1;
  }
  const time = options.forMs === undefined ? [] : [AbortSignal.timeout(options.forMs)];
  await watch(running, line, AbortSignal.any([context.end, ...time]), Math.max(rateWindowMs, 3 * options.intervalMs));
  line.end();
  // Awaited here: the stack kills what still runs when this function is left.
  return await stopBoth(running, line);
}

/** Starts the collector, then the agent with the collector's address, and reads what both found from earlier runs. */
async function startBoth(
  options: StartOptions,
  paths: LocalPaths,
  entries: Entries,
  launch: (name: string, entry: string, config: string) => Program,
  line: LiveLine,
): Promise<Running> {
  await mkdir(paths.agentState, { recursive: true });
  await writeFile(paths.collectorConfig, collectorConfig(paths, options));
  const collector = launch('collector', entries.collector, paths.collectorConfig);
  const [ingest, collectorAdmin] = await Promise.all([
    addressIn(collector, 'listening'),
    addressIn(collector, 'admin listening'),
  ]);
  const opening = await steady(
    async () => collectorFigures(await readStatus(collectorAdmin)),
    (figures) => (figures.starting ? undefined : collectorCarried(figures)),
  );
  const { intervalMs, agentAdminPort: adminPort } = options;
  await writeFile(paths.agentConfig, agentConfig(paths, { url: `http://${ingest}`, intervalMs, adminPort }));
  const agent = launch('agent', entries.agent, paths.agentConfig);
  const agentAdmin = await addressIn(agent, 'admin listening');
  const found = await steady(async () => agentFigures(await readStatus(agentAdmin)), agentCarried);
  line.print(`MetricStream on ${hostname()}, read every ${formatDuration(intervalMs)} (Ctrl-C ends it)
  collector  http://${ingest}, admin http://${collectorAdmin}/metrics and /readyz
  agent      admin http://${agentAdmin}/metrics and /readyz
  data       ${paths.points}
`);
  return {
    agent,
    collector,
    agentAdmin,
    collectorAdmin,
    carried: { agent: agentCarried(found), collector: collectorCarried(sinceOpening(opening, opening)) },
    opening,
  };
}

/** Keeps the live line up to date until `end`; throws when one of the programs ends by itself. */
async function watch(running: Running, line: LiveLine, end: AbortSignal, windowMs: number): Promise<void> {
  const { agent, collector, agentAdmin, collectorAdmin, opening } = running;
  const rate = createRate(windowMs);
  const over = aborted(end);
  const died = Promise.race([agent, collector].map((program) => program.ended.then((how) => ({ program, how }))));
  while (!end.aborted) {
    const statuses = Promise.all([readStatus(agentAdmin), readStatus(collectorAdmin)]);
    // A program that is busy or just dying does not answer; the next look, or its end, tells.
    const answer = await statuses.catch(() => undefined);
    if (answer !== undefined) {
      const figures = agentFigures(answer[0]);
      const perSecond = rate(figures.batchesAcked, performance.now());
      const stored = sinceOpening(opening, collectorFigures(answer[1]));
      line.show(formatFigures(figures, stored, perSecond));
    }
    const early = await Promise.race([delay(refreshMs), over, died]);
    if (early !== undefined) {
      line.end();
      throw new Error(`${early.program.name} ended ${wordEnd(early.how)}:\n${early.program.lastWords()}`);
    }
  }
}

/** Stops the agent, then the collector, and prints the verdict from their last words. */
async function stopBoth({ agent, collector, carried, opening }: Running, line: LiveLine): Promise<number> {
  let clean = true;
  for (const [program, deadlineMs] of [
    [agent, agentStopMs],
    [collector, collectorStopMs],
  ] as const) {
    const begunMs = performance.now();
    const how = await program.stop(deadlineMs);
    const took = `${((performance.now() - begunMs) / 1000).toFixed(1)} s`;
    line.print(`${program.name} stopped, ${took}${how.code === 0 ? '' : `: ended ${wordEnd(how)}`}`);
    clean &&= how.code === 0;
  }
  const stored = sinceOpening(opening, collectorFigures(finalOf(collector)));
  const verdict = judge(carried, agentFigures(finalOf(agent)), stored);
  line.print(verdict.text);
  return verdict.balanced && clean ? 0 : 1;
}

/** The `final` of the program's last line: the same object as its /status, after everything was flushed. */
function finalOf(program: Program): unknown {
  const last = program.logs.findLast((log) => log.msg === 'stopped' && log.final !== undefined);
  if (last === undefined) throw new Error(`${program.name} left no final figures:\n${program.lastWords()}`);
  return last.final;
}

async function addressIn(program: Program, msg: string): Promise<string> {
  const { address } = await program.waitForLog(msg);
  if (typeof address !== 'string') throw new Error(`${program.name}: "${msg}" names no address`);
  return address;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
