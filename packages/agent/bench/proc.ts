/** A child process and what /proc says of it: memory, and CPU time of all its threads in nanoseconds. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

export interface Memory {
  rssBytes: number;
  anonBytes: number;
}

export interface Proc {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Since its threads began; threads that have ended are not in it. */
  cpuMs(): number;
  memory(): Memory;
  /** Resolves with the first stdout or stderr line that the pattern matches. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  stop(): Promise<void>;
}

/** Starts a program; its output is kept only to look for lines. */
export function startProc(command: string, args: readonly string[], env: Record<string, string> = {}): Proc {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const ended = once(child, 'close');
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      output = (output + data.toString()).slice(-65_536);
      for (const look of waiting) look();
    });
  const pid = child.pid ?? -1;
  return {
    pid,
    child,
    cpuMs: () => cpuMsOf(pid),
    memory: () => memoryOf(pid),
    line(pattern) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output);
          if (!match) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        void ended.then(() => reject(new Error(`${command} ended before it said ${String(pattern)}:\n${output}`)));
        look();
      });
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function cpuMsOf(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e6;
}

function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { rssBytes: bytes('VmRSS'), anonBytes: bytes('RssAnon') };
}
