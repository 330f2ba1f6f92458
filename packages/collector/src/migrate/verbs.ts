/**
 * The verbs `verify` and `backfill`. Own what the command line says and what a person sees meanwhile; the work is in
 * verify.ts and backfill.ts. Results go to stdout, progress and the plan to stderr.
 */
import { join } from 'node:path';
import type { Io, Verb } from '@metricstream/shared/cli/program.ts';
import { configOption } from '@metricstream/shared/cli/verbs.ts';
import { EXIT, type ExitCode, MetricStreamError } from '@metricstream/shared/errors.ts';
import { createLog } from '@metricstream/shared/log.ts';
import { createDeadLetter } from '@metricstream/shared/pump/dead-letter.ts';
import { collectorSpec } from '../config.ts';
import { DEAD_LETTER_BYTES_MAX } from '../sinks/context.ts';
import { createInfluxdbSink } from '../sinks/influxdb/influxdb-sink.ts';
import { createRollup } from '../sinks/influxdb/rollup.ts';
import { backfill, type BackfillReport } from './backfill.ts';
import { type BackfillContext, planText, progressText, reportJson, reportText } from './backfill-text.ts';
import { type EndFlags, type Ends, openEnds } from './ends.ts';
import { createJsonlReader } from './jsonl-reader.ts';
import { BARE_CLIENT_ID } from '../sinks/jsonl/read-line.ts';
import { createProgressFile } from './progress-file.ts';
import { createProgressLine, percentText } from './progress-line.ts';
import { isEqual, verify } from './verify.ts';
import { verifyJson, verifyText } from './verify-text.ts';

const CLIENTS_MAX = 10_000;
/** How far `verify` looks back by itself. */
const VERIFY_SINCE = '24h';

interface Flags extends EndFlags {
  clientId: string;
}

type Command = Parameters<NonNullable<Verb['define']>>[0];

function defineEnds(command: Command, since: string): void {
  configOption(command, collectorSpec)
    .option('--from <source>', 'jsonl:DIR, or jsonl for the directory of sinks.jsonl', 'jsonl')
    .option('--to <target>', 'influxdb: that of sinks.influxdb', 'influxdb')
    .option('--since <time>', `2h (ago), 2026-11-23, 2026-11-23T15:31Z (default: ${since})`)
    .option('--until <time>', 'likewise (default: 1m, what the sinks may not have written yet)')
    .option('--client-id <id>', 'who wrote lines that name no client', BARE_CLIENT_ID)
    .option('--json', 'print the result as JSON');
}

export function verifyVerb(): Verb<Flags> {
  return {
    name: 'verify',
    summary: 'Compare JSONL files with InfluxDB, per client, series and minute',
    examples: [
      'verify -c collector.yaml --since 2h',
      'verify --from jsonl:/backup/points --to influxdb --since 2026-11-16 --until 2026-11-23 -c collector.yaml',
    ],
    define: (command) => defineEnds(command, '24h before --until'),
    run: (flags, io) => reachable(() => runVerify(flags, io)),
  };
}

async function runVerify(flags: Flags, io: Io): Promise<ExitCode> {
  const ends = openEnds(flags, VERIFY_SINCE, Date.now());
  const { path, settings, client, store, window } = ends;
  const progress = progressOf(io);
  try {
    const retentionMs = await store.retentionMs();
    const reader = createJsonlReader({ path, window, bareClientId: flags.clientId });
    const report = await verify({
      reader,
      store,
      schema: settings.schema,
      window,
      onProgress: ({ stage, done, total }) =>
        progress.update(() => `${stage === 'files' ? 'reading files' : 'comparing'}  ${percentText(done, total)}`),
    });
    progress.end();
    const context = { from: path, where: store.where, schema: settings.schema, retentionMs };
    io.out(flags.json === true ? verifyJson(report, context) : verifyText(report, context));
    return isEqual(report) ? EXIT.ok : EXIT.failure;
  } finally {
    progress.end();
    client.close();
  }
}

interface BackfillFlags extends Flags {
  onlyMissing?: true;
  dryRun?: true;
}

export function backfillVerb(): Verb<BackfillFlags> {
  return {
    name: 'backfill',
    summary: 'Write points of JSONL files to InfluxDB; stopped or killed, the same command goes on',
    examples: [
      'backfill -c collector.yaml --only-missing --dry-run',
      'backfill --from jsonl:/backup/points --to influxdb --only-missing -c collector.yaml',
    ],
    define(command) {
      defineEnds(command, 'the beginning of the files');
      command
        .option('--only-missing', 'only points that InfluxDB lacks')
        .option('--dry-run', 'only say what would be written');
    },
    run: (flags, io) => reachable(() => runBackfill(flags, io)),
  };
}

async function runBackfill(flags: BackfillFlags, io: Io): Promise<ExitCode> {
  const ends = openEnds(flags, undefined, Date.now());
  const { client, config } = ends;
  const stopping = new AbortController();
  const onSignal = (): void => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    const deadLetterDir = join(config.stateDir, 'dead-letter', 'backfill');
    const context = contextOf(flags, ends);
    const report = await fill(flags, { ends, context, deadLetterDir, signal: stopping.signal }, io);
    const { dryRun } = context;
    io.out(flags.json === true ? reportJson(report, context) : reportText(report, { dryRun, deadLetterDir }));
    return isWhole(report) ? EXIT.ok : EXIT.failure;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    client.close();
  }
}

function contextOf(flags: BackfillFlags, { path, store, settings }: Ends): BackfillContext {
  const { onlyMissing = false, dryRun = false } = flags;
  return { from: path, where: store.where, schema: settings.schema, onlyMissing, dryRun };
}

interface Parts {
  ends: Ends;
  context: BackfillContext;
  deadLetterDir: string;
  signal: AbortSignal;
}

async function fill(
  flags: BackfillFlags,
  { ends, context, deadLetterDir, signal }: Parts,
  io: Io,
): Promise<BackfillReport> {
  const { store, settings, config, path } = ends;
  const progressFile = createProgressFile(config.stateDir, { ...context, to: context.where });
  const left = context.dryRun ? undefined : progressFile.load();
  // Without times of its own the command means the window that it had when it was stopped.
  const same =
    (flags.since === undefined || left?.since === ends.window.since) &&
    (flags.until === undefined || left?.until === ends.window.until);
  const resume = same ? left : undefined;
  if (left !== undefined && resume === undefined)
    io.err(`beginning anew: what ${progressFile.path} left was for other times\n`);
  const window = resume ?? ends.window;
  const progress = progressOf(io);
  const pace = { toRead: 0, readBefore: resume?.account.read ?? 0, startMs: performance.now() };
  let said = '';
  const { sink } = await createInfluxdbSink({
    settings,
    clientsMax: CLIENTS_MAX,
    rollup: (client) => createRollup(settings, client),
    log: createLog({ component: 'backfill', ...config.log }),
  });
  try {
    return await backfill({
      reader: createJsonlReader({ path, window, bareClientId: flags.clientId }),
      window,
      store,
      schema: settings.schema,
      sink,
      deadLetter: await createDeadLetter({
        dir: deadLetterDir,
        bytesMax: DEAD_LETTER_BYTES_MAX,
        onLost: ({ letters, points }) =>
          progress.say(`${deadLetterDir} is full: its ${letters} oldest dead letters (${points} points) are gone`),
      }),
      progressFile,
      resume,
      onlyMissing: context.onlyMissing,
      dryRun: context.dryRun,
      signal,
      onFiles: ({ bytesDone, bytesTotal }) =>
        progress.update(() => `reading files  ${percentText(bytesDone, bytesTotal)}`),
      onPlan(plan) {
        progress.say(planText(plan, context).trimEnd());
        Object.assign(pace, {
          toRead: plan.toRead,
          readBefore: pace.readBefore + plan.tooOld,
          startMs: performance.now(),
        });
      },
      onProgress(step) {
        if (step.pump.why !== said)
          progress.say(step.pump.why === '' ? 'going on' : `${step.pump.state}: ${step.pump.why}`);
        said = step.pump.why;
        progress.update(() => progressText(step, { ...pace, elapsedMs: performance.now() - pace.startMs }));
      },
    });
  } finally {
    progress.end();
    await sink.close();
  }
}

/** Everything that can be in InfluxDB is there. */
function isWhole({ account, problems, finished }: BackfillReport): boolean {
  const lost = account.rejected + account.typeUnknown + account.unreadable + problems.files;
  return finished && lost === 0;
}

function progressOf(io: Io) {
  return createProgressLine({ err: (text) => io.err(text), terminal: process.stderr.isTTY });
}

/** A server that takes a request and does not answer is not reachable either. */
async function reachable(run: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof MetricStreamError) || error.code !== 'timeout') throw error;
    throw new MetricStreamError('unreachable', error.message, { cause: error.cause });
  }
}
