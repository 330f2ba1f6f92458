/**
 * A real server as a child process: own data directory, ready when it answers, ended by its process id. It never
 * outlives the process that started it, nor does its data: a watcher waits on a pipe that only that process holds, and
 * when it breaks, however that happens, kills the server and removes its directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const readyPollMs = 20;
const askMsMax = 2000;
const stopMsMax = 5000;
const pauseMsMax = 5000;
const logTailLength = 4000;

export interface ServerPlan {
  /** For messages. */
  name: string;
  /** Made by `serverDir`; removed when the server is stopped. */
  dir: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Asks the server over its own protocol; true when it serves. What it throws means "not yet". */
  isReady(signal: AbortSignal): Promise<boolean>;
  readyMsMax?: number;
}

export interface Server {
  readonly name: string;
  /** Of the process running now, or of the last one. */
  readonly pid: number;
  /** Starts it again after `kill9`, on the same port and data; resolves when it serves. */
  start(): Promise<void>;
  /** SIGKILL, as a power cut would be to the process; resolves when it is gone. */
  kill9(): Promise<void>;
  /** SIGSTOP, and waits for it: connections stay open, nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** The end: SIGTERM, SIGKILL when that takes too long, and its data is removed. */
  stop(): Promise<void>;
  /** The end of its log. */
  lastWords(): string;
}

const enders = new Set<() => Promise<void>>();

/** A directory for one server. */
export function serverDir(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `ms-${name}-`));
}

/** Starts a server; resolves when it serves, rejects with its last words when it does not. */
export async function launch(plan: ServerPlan): Promise<Server> {
  const server = createServer(plan);
  const end = endLater(async () => {
    await server.kill9();
    await server.stop();
  });
  try {
    await server.start();
    return server;
  } catch (error) {
    await end();
    throw error;
  }
}

/** Kills every server that this process started and removes their data. */
export async function endServers(): Promise<void> {
  await Promise.all([...enders].map((end) => end()));
}

/** Has `end` called by `endServers`, unless the function that this gives was called before: it does the same. */
export function endLater(end: () => Promise<void>): () => Promise<void> {
  const once = async () => {
    if (enders.delete(once)) await end();
  };
  enders.add(once);
  return once;
}

/** SIGSTOP only asks: a thread on another core may still answer for a moment. Waits until each has stopped. */
function awaitStopped(pid: number): void {
  const tasks = `/proc/${pid}/task`;
  const stopped = (task: string): boolean => / T \d/.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'));
  for (const endMs = performance.now() + pauseMsMax; !readdirSync(tasks).every(stopped); ) {
    if (performance.now() > endMs) throw new Error(`process ${pid} goes on after SIGSTOP`);
  }
}

function createServer(plan: ServerPlan): Server {
  const { name, dir } = plan;
  const log = join(dir, 'server.log');
  let running: Running | undefined;
  let pid = 0;
  const signal = (which: NodeJS.Signals) => {
    if (running !== undefined) process.kill(running.pid, which);
  };
  const server: Server = {
    name,
    get pid() {
      return pid;
    },
    async start() {
      if (running !== undefined) throw new Error(`${name} is running already, as process ${running.pid}`);
      const now = spawnLeashed(plan, log);
      running = now;
      pid = now.pid;
      void now.ended.then(() => {
        if (running === now) running = undefined;
      });
      await untilReady(plan, now, () => server.lastWords());
    },
    async kill9() {
      signal('SIGKILL');
      await running?.ended;
    },
    pause() {
      signal('SIGSTOP');
      if (running !== undefined) awaitStopped(running.pid);
    },
    resume: () => signal('SIGCONT'),
    async stop() {
      signal('SIGCONT');
      signal('SIGTERM');
      const killer = setTimeout(() => signal('SIGKILL'), stopMsMax);
      await running?.ended;
      clearTimeout(killer);
      await rm(dir, { recursive: true, force: true });
    },
    lastWords: () => readTail(log),
  };
  return server;
}

interface Running {
  pid: number;
  ended: Promise<string>;
}

/** The server's process in a group of its own, so that a Ctrl-C on the terminal reaches only the test run. */
function spawnLeashed({ name, command, args, env, dir }: ServerPlan, log: string): Running {
  const output = openSync(log, 'a');
  const child = spawn(command, args, {
    cwd: dir,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`because ${error.message}`));
    child.on('exit', (code, signal) => resolve(signal === null ? `with exit code ${code}` : `by ${signal}`));
  });
  if (child.pid === undefined) throw new Error(`cannot start ${name}: is ${command} a program?`);
  const watcher = watch(child.pid, dir);
  child.on('exit', () => watcher.kill('SIGKILL'));
  return { pid: child.pid, ended };
}

/** Reads from a pipe that nothing is ever written to: `read` returns when this process is gone. */
function watch(pid: number, dir: string): ChildProcess {
  const script = 'read -r _; kill -9 "$1"; sleep 0.2; rm -rf "$2"';
  const watcher = spawn('sh', ['-c', script, 'sh', String(pid), dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.on('error', () => process.kill(pid, 'SIGKILL'));
  // Neither the watcher nor the pipe to it keeps a process that is done from ending.
  watcher.unref();
  (watcher.stdin as unknown as { unref(): void }).unref();
  return watcher;
}

async function untilReady(plan: ServerPlan, { ended }: Running, words: () => string): Promise<void> {
  const { name, isReady, readyMsMax = 60_000 } = plan;
  const deadlineMs = performance.now() + readyMsMax;
  let end: string | undefined;
  void ended.then((how) => {
    end = how;
  });
  let last = 'it was not asked yet';
  while (performance.now() < deadlineMs) {
    if (end !== undefined) throw new Error(`${name} ended ${end} before it was ready:\n${words()}`);
    try {
      if (await isReady(AbortSignal.timeout(askMsMax))) return;
      last = 'it said that it does not serve yet';
    } catch (error) {
      last = String(error);
    }
    await delay(readyPollMs);
  }
  throw new Error(`${name} was not ready within ${readyMsMax} ms (${last}):\n${words()}`);
}

function readTail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-logTailLength);
  } catch {
    return '';
  }
}
