/**
 * The verbs every program has: `run` until a signal, `check` a configuration file, `config show` and `config schema`.
 */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { faultLine, faultsText, type ConfigFault } from '../config/fault.ts';
import { type ConfigSpec, type Loaded, loadConfig, readConfig } from '../config/load.ts';
import { jsonSchemaOf } from '../config/translate.ts';
import { EXIT, type ExitCode, MetricStreamError } from '../errors.ts';
import type { Lifecycle, Reloadable } from '../lifecycle.ts';
import { createLog, type Log, type LogFormat, type LogLevel } from '../log.ts';
import { type CheckLine, checkLinesExit, checkLinesText } from './check-line.ts';
import type { Verb } from './program.ts';

type Spec<File, Config> = ConfigSpec<File, Config>;

/** The option that says which configuration file; every verb that needs one has it. */
export function configOption(command: Command, spec: { defaultPath: string }): Command {
  return command.option('-c, --config <file>', 'the configuration file', spec.defaultPath);
}

/**
 * `run`: loads the configuration, builds the program from it and runs it until SIGINT or SIGTERM.
 * @param component who speaks in the log: `agent`, `collector`.
 * @param more options of this program's `run`.
 */
export function runVerb<
  File,
  Config extends { log: { level: LogLevel; format: LogFormat } },
  Options extends object = object,
>(
  spec: Spec<File, Config>,
  component: string,
  build: (loaded: Loaded<Config>, log: Log, options: Options) => Lifecycle | Reloadable,
  more?: Pick<Verb, 'define' | 'examples'>,
): Verb<Options & { config: string }> {
  return {
    name: 'run',
    summary: 'Run until SIGTERM or Ctrl-C',
    examples: [`run -c ${spec.defaultPath}`, ...(more?.examples ?? [])],
    define(command) {
      configOption(command, spec);
      more?.define?.(command);
    },
    async run(options) {
      const { config: path } = options;
      const loaded = loadConfig(path, spec);
      const log = createLog({ component, ...loaded.config.log });
      for (const warning of loaded.warnings) log.warn(faultLine(path, warning));
      return runUntilSignal(build(loaded, log, options), log);
    },
  };
}

/**
 * Starts, waits for SIGINT or SIGTERM (during start too), stops. A second signal ends the process at once; SIGHUP has a
 * program that can read its files again do so.
 * @returns 0 after a clean stop, 1 when a part did not stop in time or failed to.
 * @throws whatever made the start fail.
 */
export async function runUntilSignal(lifecycle: Lifecycle | Reloadable, log: Log): Promise<ExitCode> {
  const asked = Promise.withResolvers<string>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (++signals > 1) {
      log.error('second signal: leaving at once', { signal });
      process.exit(EXIT.failure);
    }
    asked.resolve(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  // Without a use for it SIGHUP ends the process, as it does by default.
  const onHangUp = 'reload' in lifecycle ? () => lifecycle.reload() : undefined;
  if (onHangUp !== undefined) process.on('SIGHUP', onHangUp);
  try {
    const stopped = asked.promise.then((signal) => lifecycle.stop(signal));
    try {
      await lifecycle.start();
    } catch (error) {
      // Asked to stop while starting: that is no failure.
      if (!(signals > 0 && error instanceof MetricStreamError && error.code === 'stopped')) throw error;
    }
    return (await stopped).clean ? EXIT.ok : EXIT.failure;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    if (onHangUp !== undefined) process.off('SIGHUP', onHangUp);
  }
}

interface CheckOptions {
  config: string;
  connect?: true;
  json?: true;
}

/**
 * `check`: says `FILE: ok` and the main points, or everything that is wrong, with status 78.
 * @param connect looks at every server the configuration names; with it there is `check --connect`, which ends with 69 when
 * one does not answer and 1 when one is not as it must be.
 */
export function checkVerb<File, Config>(
  spec: Spec<File, Config>,
  connect?: (config: Config) => Promise<CheckLine[]>,
): Verb<CheckOptions> {
  const examples = [`check -c ${spec.defaultPath}`, 'check -c new.yaml --json'];
  return {
    name: 'check',
    summary: 'Check a configuration file without using it',
    examples: connect === undefined ? examples : [...examples, 'check -c new.yaml --connect'],
    define(command) {
      configOption(command, spec);
      if (connect !== undefined) command.option('--connect', 'look at every server that it names, too');
      command.option('--json', 'print the result as JSON');
    },
    async run({ config: path, connect: asked, json }, io) {
      const result = readConfig(path, spec, process.env);
      const faults = result.ok ? [] : result.faults;
      const warnings = result.ok ? result.warnings : [];
      const lines = result.ok && asked === true ? await connect?.(result.config) : undefined;
      if (json === true) {
        const named = (one: ConfigFault) => ({ ...one, message: faultLine(path, one) });
        const found = { faults: faults.map(named), warnings: warnings.map(named), connect: lines };
        io.out(`${JSON.stringify({ file: path, ok: result.ok, ...found }, undefined, 2)}\n`);
      } else {
        if (warnings.length > 0) io.err(`${faultsText(path, result.source, warnings, 'warning: ')}\n`);
        if (result.ok) io.out(`${path}: ok (${spec.summary(result.config)})\n${checkLinesText(lines ?? [])}`);
        else io.err(`${faultsText(path, result.source, faults)}\n`);
      }
      return result.ok ? checkLinesExit(lines ?? []) : EXIT.config;
    },
  };
}

/** `config show | schema`: what a file comes to with every default filled in; the JSON Schema for editors. */
export function configVerb<File, Config>(spec: Spec<File, Config>): Verb {
  const show: Verb<{ config: string; json?: true }> = {
    name: 'show',
    summary: 'Print the configuration with defaults and environment filled in, secrets redacted',
    examples: [`config show -c ${spec.defaultPath}`],
    define(command) {
      configOption(command, spec);
      command.option('--json', 'print it as JSON');
    },
    run({ config: path, json }, io) {
      const { shown } = loadConfig(path, spec);
      io.out(json === true ? `${JSON.stringify(shown, undefined, 2)}\n` : stringify(shown));
      return EXIT.ok;
    },
  };
  const schema: Verb = {
    name: 'schema',
    summary: 'Print the JSON Schema of the configuration file',
    examples: ['config schema > schema.json'],
    run(_options, io) {
      io.out(`${JSON.stringify(jsonSchemaOf(spec.schema), undefined, 2)}\n`);
      return EXIT.ok;
    },
  };
  return {
    name: 'config',
    summary: 'Look into the configuration',
    examples: show.examples,
    verbs: [show, schema],
  };
}
