/**
 * `setup influxdb`: makes what the sink writes to and what computes the means. Owns the order (read, plan, tell, do) and
 * what a person sees of it; promises that nothing is changed when anything differs, that a dry run changes nothing and
 * prints each request as it would be sent, and that a second run has nothing to do.
 */
import type { Io, Verb } from '@metricstream/shared/cli/program.ts';
import { configOption } from '@metricstream/shared/cli/verbs.ts';
import { loadConfig } from '@metricstream/shared/config/load.ts';
import { EXIT, type ExitCode, messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { collectorSpec } from '../config.ts';
import { answerIn, createInfluxdbClient, type InfluxdbClient } from '../sinks/influxdb/client.ts';
import type { InfluxdbSettings } from '../sinks/influxdb/settings.ts';
import { planSetup, type Request, type Step } from './influxdb-plan.ts';
import { answerError, readInfluxdb } from './influxdb-read.ts';

export interface SetupOptions {
  settings: InfluxdbSettings;
  client: InfluxdbClient;
  /** Only says what would be done. */
  dryRun?: boolean;
}

export interface SetupReport {
  steps: readonly Step[];
  /** Requests that were sent; in a dry run, that would be. */
  changes: number;
  /** Things that are there and not as asked, and what only another user may see: nothing was changed because of them. */
  refused: readonly Step[];
}

/** @throws MetricStreamError when the server does not answer, or does not let us. */
export async function setupInfluxdb(options: SetupOptions): Promise<SetupReport> {
  const { settings, client, dryRun = false } = options;
  try {
    const steps = planSetup(settings, await readInfluxdb(settings, client));
    const refused = steps.filter(({ state }) => state === 'differs' || state === 'unseen');
    let changes = 0;
    for (const { request } of steps) {
      if (request === undefined || refused.length > 0) continue;
      if (!dryRun) await perform(request, client);
      changes++;
    }
    return { steps, changes, refused };
  } catch (error) {
    throw withRights(error, settings);
  }
}

async function perform(request: Request, client: InfluxdbClient): Promise<void> {
  if (request.kind === 'influxql') {
    // Without a database, which may be what is made here.
    await client.influxql(request.statement, { database: '' });
    return;
  }
  const { method, path, json } = request;
  const answer = await client.api({ method, path, json });
  if (answer.status >= 300) throw answerError(client.where, `${method} ${path}`, answer);
}

/** What to do where the server does not let us. */
function withRights(error: unknown, settings: InfluxdbSettings): unknown {
  if (!(error instanceof MetricStreamError) || error.code !== 'config_invalid') return error;
  const status = answerIn(error)?.status;
  const denied = status === 401 || status === 403 || /answered 40[13]|unauthorized|organisation/.test(error.message);
  return denied ? new MetricStreamError(error.code, `${messageOf(error)}\n→ ${rightsText(settings)}`) : error;
}

/** Who may set up. */
export function rightsText({ target }: InfluxdbSettings): string {
  if (target.version === 1) {
    const who = target.username === '' ? 'a user (sinks.influxdb.username and password)' : `user "${target.username}"`;
    return `setup needs ${who} with all privileges: GRANT ALL PRIVILEGES TO "${target.username || 'NAME'}"`;
  }
  return (
    `setup needs a token of organisation ${JSON.stringify(target.org)} that may read organisations and read and write ` +
    'buckets and tasks, such as an all-access token; run and forward need one that may read and write the two buckets'
  );
}

interface Flags {
  config: string;
  dryRun?: true;
  json?: true;
}

/** To stand under the verb `setup`. */
export function setupInfluxdbVerb(): Verb<Flags> {
  return {
    name: 'influxdb',
    summary: 'Make database, retention and means per minute for sinks.influxdb (on 2.x: buckets and task)',
    examples: ['setup influxdb -c collector.yaml --dry-run', 'setup influxdb -c collector.yaml'],
    define(command) {
      configOption(command, collectorSpec)
        .option('--dry-run', 'only print what would be sent')
        .option('--json', 'print the result as JSON');
    },
    run,
  };
}

async function run({ config: path, ...flags }: Flags, io: Io): Promise<ExitCode> {
  const dryRun = flags.dryRun === true;
  const settings = loadConfig(path, collectorSpec).config.sinks.influxdb;
  if (settings === undefined)
    throw new MetricStreamError(
      'config_invalid',
      `${path}: sinks.influxdb is missing or not enabled; nothing to set up`,
    );
  const client = createInfluxdbClient(settings);
  try {
    const report = await setupInfluxdb({ settings, client, dryRun });
    io.out(
      flags.json === true
        ? `${JSON.stringify({ dryRun, ...report }, undefined, 2)}\n`
        : setupText(report, { dryRun, settings }),
    );
    return report.refused.length === 0 ? EXIT.ok : EXIT.failure;
  } catch (error) {
    // A server that takes a request and does not answer is not reachable either.
    if (!(error instanceof MetricStreamError) || error.code !== 'timeout') throw error;
    throw new MetricStreamError('unreachable', error.message, { cause: error.cause });
  } finally {
    client.close();
  }
}

/** @returns the report for a person. */
export function setupText(
  { steps, changes, refused }: SetupReport,
  { dryRun, settings }: { dryRun: boolean; settings: InfluxdbSettings },
): string {
  const lines = steps.flatMap((step) => stepLines(step, { dryRun, stopped: refused.length > 0, settings }));
  const count = `${changes} ${changes === 1 ? 'change' : 'changes'}`;
  if (refused.length > 0) lines.push('nothing was changed: what differs is for you to decide');
  else if (changes === 0) lines.push('nothing to do');
  else lines.push(dryRun ? `${count} to make` : `${count} made`);
  return `${lines.join('\n')}\n`;
}

interface Manner {
  dryRun: boolean;
  stopped: boolean;
  settings: InfluxdbSettings;
}

function stepLines(step: Step, { dryRun, stopped, settings }: Manner): string[] {
  const { what, state, found, wanted, request, remedy } = step;
  const done = dryRun || stopped ? 'would' : 'done';
  const verb = { there: 'there', longer: 'there', missing: done, shorter: done, differs: 'DIFFERS', unseen: 'UNSEEN' };
  const lines = [
    `${verb[state].padEnd(8)}${state === 'shorter' ? 'lengthen ' : state === 'missing' ? 'make ' : ''}${what}`,
  ];
  if (state === 'differs') {
    lines.push(...indented('there:', found), ...indented('asked:', wanted), ...indented('→', remedy));
  } else {
    lines.push(...indented('', found));
    if (state === 'unseen') lines.push(...indented('→', rightsText(settings)));
  }
  if (request !== undefined) lines.push(...indented('', requestText(request)));
  return lines;
}

/** A request as it is sent; a script as a person reads it, below. */
export function requestText(request: Request): string {
  if (request.kind === 'influxql') return request.statement;
  const { method, path, json } = request;
  const { flux, ...rest } = json as { flux?: string };
  const head = `${method} ${path} ${JSON.stringify(rest)}`;
  return flux === undefined ? head : `${head} with "flux":\n${flux.trimEnd()}`;
}

function indented(label: string, text: string | undefined): string[] {
  if (text === undefined) return [];
  const [first, ...rest] = text.trimEnd().split('\n');
  return [`        ${label === '' ? '' : `${label} `}${first}`, ...rest.map((line) => `        ${line}`.trimEnd())];
}
