/**
 * The command `test`: samples this host and prints what would be sent, by one source or by both side by side. Owns the
 * pause between its sweeps, without which there would be no differences (CPU) to show. Sends nothing.
 */
import type { Clock } from '@metricstream/shared/clock.ts';
import { systemClock } from '@metricstream/shared/clock.ts';
import { EXIT, type ExitCode } from '@metricstream/shared/errors.ts';
import { type SamplerGroups, type SourceName, SAMPLER_DEFAULTS, chooseSource, createSamplers } from './index.ts';
import { type ChildCounter, countChildren, meanCost, measureCost } from './measure-cost.ts';
import { type Sampled, printBoth, printSweep, sweepToJson } from './print.ts';
import { createSweeper } from './run-samplers.ts';

const PAUSE_MS = 1000;
/** Sweeps whose cost is averaged where sources are compared: children's CPU time comes in steps of 10 ms. */
const ROUNDS_COMPARED = 3;

export interface TestCommandOptions {
  source: SourceName | 'both';
  json: boolean;
  stdout: { write(text: string): unknown };
  /** Those of the configuration file; the defaults where there is none. */
  groups?: SamplerGroups;
  /** How long a sweep waits for its slowest sampler. */
  timeoutMs?: number;
  clock?: Clock;
}

/** Samples and prints. @returns the exit status: 0 when every sampler gave its readings, else 1. */
export async function runTestCommand(options: TestCommandOptions): Promise<ExitCode> {
  const children = countChildren();
  const sampled: Sampled[] = [];
  try {
    const rounds = options.source === 'both' ? ROUNDS_COMPARED : 1;
    const sources: SourceName[] = options.source === 'both' ? ['procfs', 'systeminformation'] : [options.source];
    // One after the other: together they would be in each other's figures.
    for (const source of sources) sampled.push(await sampleBy(chooseSource(source), rounds, options, children));
  } finally {
    children.stop();
  }
  const [first, second] = sampled;
  if (options.json) for (const one of sampled) options.stdout.write(`${JSON.stringify(sweepToJson(one))}\n`);
  else if (first !== undefined)
    options.stdout.write(second === undefined ? printSweep(first.sweep) : printBoth(first, second));
  const complete = sampled.every(({ sweep }) => sweep.failures.length === 0 && sweep.readings.length > 0);
  return complete ? EXIT.ok : EXIT.failure;
}

async function sampleBy(
  source: Exclude<SourceName, 'auto'>,
  rounds: number,
  options: TestCommandOptions,
  children: ChildCounter,
): Promise<Sampled> {
  const clock = options.clock ?? systemClock;
  const groups = options.groups ?? SAMPLER_DEFAULTS.groups;
  // Slow groups are shown in every sweep here.
  const shown: SamplerGroups = { ...groups, processes: { ...groups.processes, intervalMs: 0 } };
  const samplers = createSamplers({ source, groups: shown });
  const sweeper = createSweeper({ samplers, timeoutMs: options.timeoutMs ?? 10_000, clock });
  try {
    await sweeper.sweep();
    const measured = [];
    for (let round = 0; round < rounds; round++) {
      await clock.sleep(PAUSE_MS);
      measured.push(await measureCost(children, sweeper.sweep));
    }
    const last = measured.at(-1);
    if (last === undefined) throw new RangeError('rounds must be at least 1');
    return { source, sweep: last.result, cost: meanCost(measured.map(({ cost }) => cost)) };
  } finally {
    sweeper.close();
  }
}
