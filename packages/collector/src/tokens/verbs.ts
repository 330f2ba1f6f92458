/**
 * The verbs `token new`, `token list` and `token revoke`. Own what the command line says. A token is printed once, alone
 * on stdout, and is nowhere else: the file has its SHA-256, and whatever explains goes to stderr.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Io, Verb } from '@metricstream/shared/cli/program.ts';
import { configOption } from '@metricstream/shared/cli/verbs.ts';
import { suggest } from '@metricstream/shared/config/suggest.ts';
import { loadConfig } from '@metricstream/shared/config/load.ts';
import { EXIT, type ExitCode, MetricStreamError } from '@metricstream/shared/errors.ts';
import { parseDuration } from '@metricstream/shared/units.ts';
import { readTokensFile } from '../admission/tokens-file.ts';
import {
  clientsFault,
  isTokenName,
  parseTime,
  sha256Of,
  timeText,
  type TokenEntry,
  type TokenLine,
} from '../admission/tokens.ts';
import { collectorSpec } from '../config.ts';
import { addToken, removeToken } from './edit-file.ts';

interface Flags {
  config: string;
  file?: string;
  json?: true;
}

interface NewFlags extends Flags {
  client: string;
  name?: string;
  expires?: string;
}

const TOKEN_BYTES = 32;
const YEAR_MAX = 9999;
const NAME_STEM_CHARS_MAX = 40;

type Command = Parameters<NonNullable<Verb['define']>>[0];

function fileOptions(command: Command): Command {
  return configOption(command, collectorSpec).option('--file <file>', 'the tokens file, instead of that in --config');
}

/** @returns the tokens file, and what should be said first. */
function fileOf({ config: path, file }: Flags): { path: string; warning: string } {
  if (file !== undefined) return { path: resolve(file), warning: '' };
  const { config } = loadConfig(path, collectorSpec);
  const asked = config.auth === 'tokens' || config.auth === 'either';
  const warning = asked
    ? ''
    : `warning: with auth: ${config.auth} in ${path} nobody is asked for a token; write auth: tokens\n`;
  return { path: config.tokensFile, warning };
}

export function tokenVerb(): Verb {
  return {
    name: 'token',
    summary: 'Make, list and revoke the tokens that clients come in with',
    examples: ["token new --client 'web-*' --expires 90d > token", 'token list', 'token revoke web-20261124'],
    verbs: [newVerb(), listVerb(), revokeVerb()],
  };
}

function newVerb(): Verb<NewFlags> {
  return {
    name: 'new',
    summary: 'Make a token and print it, this once',
    examples: ["token new --client 'web-*' > token", 'token new --client db-1 --name db-1-b --expires 90d'],
    define: (command) =>
      void fileOptions(command)
        .requiredOption('--client <pattern>', 'the client_ids it may speak for; * stands for any characters')
        .option('--name <name>', 'what it is called in lists and logs (default: from the pattern and the date)')
        .option('--expires <when>', '90d from now, 2027-01-01, 2027-01-01T00:00:00Z (default: never)')
        .option('--json', 'print it as JSON, with its name and file'),
    run: makeToken,
  };
}

function makeToken(flags: NewFlags, io: Io): ExitCode {
  const nowUnixMs = Date.now();
  const { client, name, expires } = flags;
  const wrong = clientsFault(client);
  if (wrong !== undefined) throw usage(`--client: ${wrong.what} — expected ${wrong.expected}`);
  if (name !== undefined && !isTokenName(name)) throw usage('--name: expected 1 to 64 of A-Z a-z 0-9 . _ -');
  const expiresUnixMs = expires === undefined ? Infinity : expiryOf(expires, nowUnixMs);
  const { path, warning } = fileOf(flags);
  io.err(warning);
  const token = `ms_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const entry = addToken(path, (entries) => ({
    name: freeName(entries, name ?? `${stemOf(client)}-${timeText(nowUnixMs).slice(0, 10).replaceAll('-', '')}`, name),
    clients: client,
    sha256: sha256Of(token),
    expiresUnixMs,
  }));
  io.out(flags.json === true ? `${JSON.stringify({ token, ...shown(entry), file: path })}\n` : `${token}\n`);
  const until = expiresUnixMs === Infinity ? 'it never expires' : `it expires ${timeText(expiresUnixMs)}`;
  io.err(
    `made "${entry.name}" for ${client} in ${path}; ${until}\n` +
      'The token is not shown again. Put it on the host, in a file that only the agent can read, and in agent.yaml:\n' +
      '  collector:\n    token_file: /etc/metricstream/token\n',
  );
  return EXIT.ok;
}

/** @param chosen the name that was asked for: it is taken as it is. */
function freeName(entries: readonly TokenEntry[], name: string, chosen: string | undefined): string {
  const taken = new Set(entries.map((entry) => entry.name));
  if (!taken.has(name)) return name;
  if (chosen !== undefined) throw usage(`--name: there is a token "${name}" already; token list shows them`);
  for (let number = 2; ; number++) if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
}

/** @returns `web` for `web-*`. */
function stemOf(clients: string): string {
  const stem = clients
    .replaceAll(/[^A-Za-z0-9._]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, NAME_STEM_CHARS_MAX);
  return stem === '' ? 'any' : stem;
}

function expiryOf(text: string, nowUnixMs: number): number {
  const duration = parseDuration(text);
  const time = parseTime(text.length === 10 ? `${text}T00:00:00Z` : text);
  const unixMs = duration.ok ? nowUnixMs + duration.value : time;
  if (Number.isNaN(unixMs))
    throw usage(`--expires: "${text}" is no time — expected 90d, 2027-01-01, 2027-01-01T00:00:00Z`);
  if (unixMs <= nowUnixMs) throw usage(`--expires: ${text} is over already`);
  if (!(unixMs < Date.UTC(YEAR_MAX, 0)))
    throw usage(`--expires: ${text} is after the year ${YEAR_MAX - 1}; leave it out`);
  // The file has whole seconds; rather a little later than a little early.
  return Math.ceil(unixMs / 1000) * 1000;
}

function listVerb(): Verb<Flags> {
  return {
    name: 'list',
    summary: 'List the tokens: names, client_ids, expiry; never what would let anybody in',
    examples: ['token list', 'token list --json'],
    define: (command) => void fileOptions(command).option('--json', 'print the list as JSON'),
    run(flags, io) {
      const { path, warning } = fileOf(flags);
      io.err(warning);
      const { entries, warnings } = readTokensFile(path);
      for (const one of warnings) io.err(`warning: ${one}\n`);
      const tokens = entries.map(shown);
      io.out(flags.json === true ? `${JSON.stringify({ file: path, tokens }, undefined, 2)}\n` : tableText(tokens));
      return EXIT.ok;
    },
  };
}

type Shown = { name: string; clients: string; expires: string | null; expired: boolean };

function shown({ name, clients, expiresUnixMs }: TokenEntry): Shown {
  const expires = expiresUnixMs === Infinity ? null : timeText(expiresUnixMs);
  return { name, clients, expires, expired: expiresUnixMs <= Date.now() };
}

function tableText(tokens: readonly Shown[]): string {
  if (tokens.length === 0) return '';
  const rows = tokens.map(({ name, clients, expires, expired }) => ({
    name,
    clients,
    expires: `${expires ?? 'never'}${expired ? ' (expired)' : ''}`,
  }));
  const all = [{ name: 'NAME', clients: 'CLIENTS', expires: 'EXPIRES' }, ...rows];
  const width = (key: 'name' | 'clients'): number => Math.max(...all.map((row) => row[key].length));
  const [names, clients] = [width('name'), width('clients')];
  return all.map((row) => `${row.name.padEnd(names)}  ${row.clients.padEnd(clients)}  ${row.expires}\n`).join('');
}

function revokeVerb(): Verb<Flags> {
  return {
    name: 'revoke',
    summary: 'Take a token out of the file: a second later it lets nobody in',
    examples: ['token revoke web-20261124'],
    define: (command) => void fileOptions(command).argument('<name>', 'as token list shows it'),
    run(flags, io, [name = '']) {
      const { path } = fileOf(flags);
      const gone = removeToken(path, (entries) => named(entries, name, path));
      io.err(`revoked "${gone.name}" for ${gone.clients} in ${path}\n`);
      return EXIT.ok;
    },
  };
}

const NAMES_SHOWN_MAX = 8;

function named(entries: readonly TokenLine[], name: string, path: string): TokenLine {
  const found = entries.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const names = entries.map((entry) => entry.name);
  const near = suggest(name, names);
  const alike = names.filter((one) => one.includes(name) || name.includes(one)).slice(0, NAMES_SHOWN_MAX);
  const hint =
    near !== undefined
      ? `did you mean "${near}"?`
      : alike.length > 0
        ? `there are ${alike.map((one) => `"${one}"`).join(', ')}`
        : 'token list shows the names';
  throw usage(`there is no token "${name}" in ${path}; ${hint}`);
}

function usage(text: string): MetricStreamError {
  return new MetricStreamError('usage', text);
}
