/** The agent as a child process, for the tests that need a real one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { AgentStatus } from '../src/status.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Stripping types anew costs each start a third of a second. */
const ENV = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'metricstream-test-compile-cache') };

export interface Running {
  child: ChildProcess;
  /** Resolves with the first line whose msg is this. */
  line(msg: string): Promise<Record<string, unknown>>;
  /** How it ended; the last line of its log carries the status. */
  ended: Promise<{ code: number | null; lines: Record<string, unknown>[]; stderr: string; stdout: string }>;
}

/** Starts the agent with these arguments; it is killed when the running test ends. */
export function start(...args: string[]): Running {
  return startIn({}, ...args);
}

/** The same with these variables in its environment. */
export function startIn(env: Record<string, string>, ...args: string[]): Running {
  const all = { ...ENV, ...env };
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: all });
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

/** @returns the path of a configuration for an agent that samples fast and retries fast. */
export function configFile(dir: string, url: string, intervalMs = 100): string {
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

/** @returns the status in the last line of an agent's log. */
export function finalOf(lines: readonly Record<string, unknown>[]): AgentStatus {
  const last = lines.at(-1);
  if (last?.['msg'] !== 'stopped' || last['final'] === undefined)
    throw new Error(`the last line is no final status: ${JSON.stringify(last)}`);
  return last['final'] as AgentStatus;
}
