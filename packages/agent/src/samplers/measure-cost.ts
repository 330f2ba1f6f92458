/**
 * What a piece of sampling costs: CPU of this process, CPU of the child processes it waited for, and how many it
 * started. For the command `test` and the benches only. Children are counted where Node starts them, so what they start
 * themselves (a shell's pipeline) is in their CPU time but not in their number.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Linux shows times to programs in these, whatever the kernel's own tick is (times(2)). */
const TICKS_PER_SECOND = 100;

export interface Cost {
  wallMs: number;
  cpuMs: number;
  /** In steps of 10 ms. Undefined where the system does not tell. */
  childrenCpuMs: number | undefined;
  children: number;
}

export interface ChildCounter {
  count(): number;
  /** Takes the counter out again. */
  stop(): void;
}

type SyncName = 'execSync' | 'execFileSync' | 'spawnSync';
type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Counts the child processes Node starts from now on: asynchronous ones by Node's own channel, synchronous ones by
 * standing in for the functions. Libraries that take those functions when they are loaded must be loaded after this.
 */
export function countChildren(): ChildCounter {
  let started = 0;
  const onChild = (): void => {
    started++;
  };
  subscribe('child_process', onChild);
  const childProcess = createRequire(import.meta.url)('node:child_process') as Record<SyncName, AnyFunction>;
  const names: SyncName[] = ['execSync', 'execFileSync', 'spawnSync'];
  const originals = names.map((name) => [name, childProcess[name]] as const);
  for (const [name, original] of originals) {
    childProcess[name] = (...args) => {
      started++;
      return original(...args);
    };
  }
  return {
    count: () => started,
    stop() {
      unsubscribe('child_process', onChild);
      for (const [name, original] of originals) childProcess[name] = original;
    },
  };
}

/** Reads cutime and cstime of /proc/PID/stat (proc_pid_stat(5)). @returns ms, or undefined for another text. */
export function parseChildrenCpuMs(stat: string): number | undefined {
  // Counted from the command's closing bracket, cutime and cstime are the fields 13 and 14.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 15);
  const ticks = Number(fields[13]) + Number(fields[14]);
  return Number.isNaN(ticks) ? undefined : (ticks * 1000) / TICKS_PER_SECOND;
}

function childrenCpuMs(): number | undefined {
  try {
    return parseChildrenCpuMs(readFileSync('/proc/self/stat', 'latin1'));
  } catch {
    return undefined;
  }
}

/** Runs `run` and measures it; what else this process does meanwhile is in the figure too. */
export async function measureCost<T>(
  children: ChildCounter,
  run: () => Promise<T>,
): Promise<{ result: T; cost: Cost }> {
  const startedChildren = children.count();
  const startedChildrenMs = childrenCpuMs();
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const result = await run();
  const cpu = process.cpuUsage(startedCpu);
  const wallMs = performance.now() - startedMs;
  const endedChildrenMs = childrenCpuMs();
  const known = startedChildrenMs !== undefined && endedChildrenMs !== undefined;
  const cost: Cost = {
    wallMs,
    cpuMs: (cpu.user + cpu.system) / 1000,
    childrenCpuMs: known ? endedChildrenMs - startedChildrenMs : undefined,
    children: children.count() - startedChildren,
  };
  return { result, cost };
}

/** @returns the mean of some costs of the same thing. */
export function meanCost(costs: readonly Cost[]): Cost {
  const mean = (pick: (cost: Cost) => number): number =>
    costs.reduce((sum, cost) => sum + pick(cost), 0) / Math.max(1, costs.length);
  return {
    wallMs: mean((cost) => cost.wallMs),
    cpuMs: mean((cost) => cost.cpuMs),
    childrenCpuMs: costs.some((cost) => cost.childrenCpuMs === undefined)
      ? undefined
      : mean((cost) => cost.childrenCpuMs ?? 0),
    children: mean((cost) => cost.children),
  };
}
