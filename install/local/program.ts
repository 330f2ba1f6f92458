/**
 * One of the product's programs as a child process, started from its real entry point under this very Node. It runs in
 * a process group of its own, so that a Ctrl-C on the terminal reaches only who decides the order of stopping, and on a
 * leash, so that it never outlives its parent.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type LogLine, parseLogLine, wordLogLine } from './logs.ts';

const leash = new URL('./leash.ts', import.meta.url).href;
const root = fileURLToPath(new URL('../../', import.meta.url));
const linesKeptMax = 1000;
const wordedLinesMax = 12;

export interface ProgramOptions {
  /** For messages: "collector", "agent". */
  name: string;
  /** The entry point, absolute or from the repository's root. */
  entry: string;
  args: string[];
  env?: Record<string, string>;
  onLog?: (line: LogLine) => void;
}

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Program extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** The latest log lines, oldest first; at most 1000. */
  readonly logs: readonly LogLine[];
  /** Resolves when the process is gone and all it said was read; never rejects. */
  readonly ended: Promise<ProgramEnd>;
  /** Resolves with the first line, past or to come, with this `msg`; rejects when the program ends or time is up. */
  waitForLog(msg: string, timeoutMs?: number): Promise<LogLine>;
  /** Sends SIGTERM and waits; SIGKILL after `deadlineMs`. Safe to call twice, and after the end. */
  stop(deadlineMs?: number): Promise<ProgramEnd>;
  /** Kills without warning, as a power cut would the process. */
  kill9(): Promise<ProgramEnd>;
  /** Its last words, for the message that tells of an early end. */
  lastWords(): string;
}

/** Starts a program; throws when the process cannot be created. */
export function startProgram({ name, entry, args, env = {}, onLog }: ProgramOptions): Program {
  const child = spawn(process.execPath, ['--import', leash, entry, ...args], {
    cwd: root,
    env: { ...process.env, ...env, METRICSTREAM_LEASH: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
  });
  if (child.pid === undefined) throw new Error(`cannot start ${name}: ${entry}`);
  const logs: LogLine[] = [];
  const listeners = new Set<(line: LogLine) => void>(onLog ? [onLog] : []);
  readLines(child, (line) => {
    logs.push(line);
    if (logs.length > linesKeptMax) logs.shift();
    for (const listener of listeners) listener(line);
  });
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  let stopping = false;
  const lastWords = () => logs.slice(-wordedLinesMax).map(wordLogLine).join('\n');
  const kill9 = async () => {
    child.kill('SIGKILL');
    return ended;
  };

  return {
    name,
    pid: child.pid,
    logs,
    ended,
    lastWords,
    kill9,
    async waitForLog(msg, timeoutMs = 30_000) {
      const wanted = Promise.withResolvers<LogLine>();
      const listener = (line: LogLine) => line.msg === msg && wanted.resolve(line);
      logs.forEach(listener);
      listeners.add(listener);
      const timer = new AbortController();
      try {
        return await Promise.race([
          wanted.promise,
          ended.then((end) => fail(`${name} ended ${wordEnd(end)} before "${msg}":\n${lastWords()}`)),
          delay(timeoutMs, undefined, { signal: timer.signal }).then(() =>
            fail(`${name} did not say "${msg}" within ${timeoutMs} ms:\n${lastWords()}`),
          ),
        ]);
      } finally {
        timer.abort();
        listeners.delete(listener);
      }
    },
    async stop(deadlineMs = 30_000) {
      // Once: to the product's programs a second signal means "at once".
      if (!stopping) child.kill('SIGTERM');
      stopping = true;
      const killer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      try {
        return await ended;
      } finally {
        clearTimeout(killer);
      }
    },
    async [Symbol.asyncDispose]() {
      await kill9();
    },
  };
}

/** "with exit code 1", "by SIGKILL". */
export function wordEnd({ code, signal }: ProgramEnd): string {
  return signal === null ? `with exit code ${code}` : `by ${signal}`;
}

function readLines(child: ChildProcess, take: (line: LogLine) => void): void {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on('line', (line) => line !== '' && take(parseLogLine(line)));
}

function fail(message: string): never {
  throw new Error(message);
}
