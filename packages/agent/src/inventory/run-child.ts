/**
 * Runs the inventory's child process. Owns its life: it gets a minimal environment and a process group of its own, and
 * after the timeout the whole group is killed, what the library started with it. Promises to settle once, in bounded time
 * and memory.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MetricStreamError } from '@metricstream/shared/errors.ts';

/** The facts of a host with hundreds of disks are some ten KB. */
const ANSWER_BYTES_MAX = 256 * 1024;

export interface ChildCommand {
  command: string;
  args: readonly string[];
}

/** This Node with child.ts. A packaged agent, whose executable is no Node, gives its own command instead. */
export function defaultChildCommand(): ChildCommand {
  return { command: process.execPath, args: [fileURLToPath(new URL('./child.ts', import.meta.url))] };
}

/** @returns what the child printed. Rejects when it cannot be started, fails, says too much or takes too long. */
export function runChild({ command, args }: ChildCommand, timeoutMs: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: minimalEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let settled = false;
    const settle = (use: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      use();
    };
    const giveUp = (code: 'timeout' | 'limit' | 'stopped', why: string): void => {
      settle(() => reject(new MetricStreamError(code, `the inventory's child process ${why}`)));
      killGroup(child.pid);
      child.stdout.destroy();
      child.unref();
    };
    const stop = (): void => giveUp('stopped', 'was stopped with the agent');
    const timer = setTimeout(() => giveUp('timeout', `took longer than ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) giveUp('limit', `said more than ${ANSWER_BYTES_MAX} bytes`);
      else chunks.push(chunk);
    });
    child.on('error', (cause) =>
      settle(() => reject(new MetricStreamError('io', 'the inventory cannot start its child process', { cause }))),
    );
    child.on('close', (code, by) =>
      settle(() => {
        if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new MetricStreamError('io', `the inventory's child process ended with ${code ?? by}`));
      }),
    );
  });
}

/** What the library's programs need to be found and to speak English; nothing secret of the agent's goes along. */
function minimalEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin', SystemRoot } = process.env;
  return { PATH, LC_ALL: 'C', ...(SystemRoot === undefined ? {} : { SystemRoot }) };
}

/** Kills the child and all it started. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
