/**
 * Starts the product's real programs for end-to-end tests: entry points as child processes, port 0, judged only through
 * HTTP, log lines and files. Whatever a test file started and did not stop is killed when the file ends, by its pid;
 * a program also stops by itself when the test process dies.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Program, startProgram } from '../install/local/program.ts';
import { productEntries } from '../install/local/session.ts';
import { readStatus } from '../install/local/status.ts';

/** Configuration by top-level key, as in the YAML file; put over the helper's defaults. JSON is YAML. */
export type Config = Record<string, unknown>;

export interface AppOptions {
  /** A directory of the test's own; state and configuration go there. Give the same one to start a second run on it. */
  dir: string;
  config?: Config;
  env?: Record<string, string>;
  /** Options of the command, behind the configuration. */
  args?: string[];
}

export interface App extends Program {
  /** The admin listener, `http://127.0.0.1:PORT`. */
  admin: string;
  /** The JSON at the admin listener's /status. */
  status(): Promise<unknown>;
}

export interface CollectorApp extends App {
  /** Where it takes batches, `http://127.0.0.1:PORT`. */
  url: string;
}

const started = new Set<Program>();

afterAll(async () => {
  await Promise.all([...started].map((program) => program.kill9()));
  started.clear();
});

/** Starts a collector on free ports and waits until it listens; rejects with its last words when it does not. */
export async function startCollector(options: AppOptions): Promise<CollectorApp> {
  const program = await start('collector', options, {
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    state_dir: join(options.dir, 'collector'),
    sinks: { jsonl: { dir: join(options.dir, 'points') } },
  });
  const [url, admin] = await Promise.all([addressIn(program, 'listening'), addressIn(program, 'admin listening')]);
  return { ...program, url, admin, status: () => readStatus(new URL(admin).host) };
}

/** Starts an agent that reads this host every second and sends to `collector.url` of the configuration given. */
export async function startAgent(options: AppOptions): Promise<App> {
  const program = await start('agent', options, {
    collection: { interval: '1s' },
    state_dir: join(options.dir, 'agent'),
    admin: { listen: '127.0.0.1:0' },
  });
  const admin = await addressIn(program, 'admin listening');
  return { ...program, admin, status: () => readStatus(new URL(admin).host) };
}

/** Starts a forwarder, which reads `sinks.kafka` of the configuration given and writes to its other sinks. */
export async function startForwarder(options: AppOptions): Promise<App> {
  const { forward, ...config } = options.config ?? {};
  const program = await start(
    'forwarder',
    { ...options, config },
    {
      state_dir: join(options.dir, 'forwarder'),
      forward: { admin: { listen: '127.0.0.1:0' }, ...(forward as Config) },
    },
  );
  const admin = await addressIn(program, 'admin listening');
  return { ...program, admin, status: () => readStatus(new URL(admin).host) };
}

const PROGRAMS = {
  agent: { entry: productEntries.agent, verb: 'run' },
  collector: { entry: productEntries.collector, verb: 'run' },
  forwarder: { entry: productEntries.collector, verb: 'forward' },
} as const;

async function start(
  name: keyof typeof PROGRAMS,
  { dir, config, env = {}, args = [] }: AppOptions,
  defaults: Config,
): Promise<Program> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, `${name}.yaml`);
  await writeFile(file, JSON.stringify({ ...defaults, ...config }, null, 2));
  const { entry, verb } = PROGRAMS[name];
  const program = startProgram({ name, entry, args: [verb, '-c', file, ...args], env });
  started.add(program);
  void program.ended.then(() => started.delete(program));
  return program;
}

async function addressIn(program: Program, msg: string): Promise<string> {
  const { address } = await program.waitForLog(msg);
  if (typeof address !== 'string') throw new Error(`${program.name}: "${msg}" names no address`);
  return `http://${address}`;
}
