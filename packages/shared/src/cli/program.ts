/**
 * The command line of a program: its verbs, their help with examples, `--version [--json]`, `--no-color`. Promises the
 * same manners everywhere: data on stdout, everything else on stderr; exit 2 for a wrong command line, with the nearest
 * right word; an error that was foreseen ends in its message and its own exit code, any other in its stack and 1.
 */
import { Command, CommanderError } from 'commander';
import { EXIT, exitCodeOf, type ExitCode, MetricStreamError } from '../errors.ts';
import { redactText } from '../log.ts';

/** Where a verb writes; tests bring their own. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
}

/** One verb. `O` is what its options parse to, by commander's camelCase names. */
export interface Verb<O extends object = never> {
  name: string;
  /** One line, for the list of verbs. */
  summary: string;
  /** Without the program's name: `check -c collector.yaml`. */
  examples: readonly string[];
  /** Declares options and arguments. */
  define?(command: Command): void;
  /** Does it. Arguments come in the order declared. */
  run?(options: O, io: Io, args: readonly string[]): Promise<ExitCode> | ExitCode;
  /** Verbs under this one (`config show`), instead of `run`. */
  verbs?: readonly Verb[];
}

export interface ProgramSpec {
  name: string;
  version: string;
  description: string;
  verbs: readonly Verb[];
}

const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

/**
 * Parses the arguments (without node and script), runs the verb they name and waits for it.
 * @returns the status to exit with; it never throws.
 */
export async function runProgram(spec: ProgramSpec, argv: readonly string[], io: Io = processIo): Promise<ExitCode> {
  const code = await runVerbOf(spec, argv, io);
  // The caller leaves with process.exit, which would cut off what a pipe has not taken yet.
  if (io === processIo) await Promise.all([drained(process.stdout), drained(process.stderr)]);
  return code;
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

async function runVerbOf(spec: ProgramSpec, argv: readonly string[], io: Io): Promise<ExitCode> {
  const outcome: { code: ExitCode } = { code: EXIT.ok };
  try {
    await buildProgram(spec, argv, io, outcome).parseAsync([...argv], { from: 'user' });
    return outcome.code;
  } catch (error) {
    // Commander has already said what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.err(`${redactText(error instanceof MetricStreamError ? error.message : faultOfOurs(error))}\n`);
    return exitCodeOf(error);
  }
}

/** A program is of no use when its reader has gone (`check | head`); it ends quietly. Call once, from main. */
export function endOnClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failure);
  });
}

function faultOfOurs(error: unknown): string {
  return `this is a fault of the program, please report it:\n${error instanceof Error ? error.stack : String(error)}`;
}

function buildProgram(spec: ProgramSpec, argv: readonly string[], io: Io, outcome: { code: ExitCode }): Command {
  const program = new Command(spec.name)
    .description(spec.description)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .showHelpAfterError(`(${spec.name} --help lists what there is)`)
    .option('-V, --version', 'print the version; with --json as JSON')
    .option('--no-color', 'no colours, as with NO_COLOR=1')
    .hook('preAction', (command) => {
      if (command.opts()['color'] === false) process.env['NO_COLOR'] = '1';
    });
  program.on('option:version', () => {
    io.out(argv.includes('--json') ? `${JSON.stringify(versionOf(spec))}\n` : `${spec.name} ${spec.version}\n`);
    throw new CommanderError(0, 'commander.version', spec.version);
  });
  const examples = spec.verbs.flatMap((verb) => firstExamples(verb));
  program.addHelpText('after', examplesText(spec.name, examples));
  for (const verb of spec.verbs) addVerb(program, spec, verb, io, outcome);
  return program;
}

function addVerb(parent: Command, spec: ProgramSpec, verb: Verb, io: Io, outcome: { code: ExitCode }): void {
  const command = parent.command(verb.name).summary(verb.summary).description(`${verb.summary}.`);
  command.addHelpText('after', examplesText(spec.name, verb.examples));
  verb.define?.(command);
  for (const inner of verb.verbs ?? []) addVerb(command, spec, inner, io, outcome);
  if (verb.run === undefined) return;
  command.action(async () => {
    outcome.code = (await verb.run?.(command.opts<never>(), io, command.args)) ?? EXIT.ok;
  });
}

function firstExamples(verb: Verb): readonly string[] {
  return verb.examples.slice(0, 1);
}

function examplesText(name: string, examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  ${name} ${example}`).join('\n')}`;
}

function versionOf({ name, version }: ProgramSpec): Record<string, string> {
  return { name, version, node: process.version, platform: process.platform, arch: process.arch };
}
