/**
 * What a tokens file says. Owns its grammar, one token a line (`NAME CLIENTS sha256:HEX [expires=TIME]`, `#` begins a
 * comment), and promises: a file is taken or refused as a whole, every fault is named by line and column, and no message
 * repeats what the file holds, since it might be a token. A token itself is never kept, only its SHA-256.
 */
import { createHash } from 'node:crypto';
import { isOwnClient } from '../own-clients.ts';

export interface TokenEntry {
  /** For people and logs: `token list`, `token revoke`; also the client_id of /v1/jsonl, `jsonl:NAME`. */
  readonly name: string;
  /** A client_id, with `*` for any characters. */
  readonly clients: string;
  /** 64 hex digits, lower case. */
  readonly sha256: string;
  /** Infinity: never. */
  readonly expiresUnixMs: number;
}

export interface TokenFault {
  line: number;
  column: number;
  what: string;
  expected: string;
}

/** One token, and the line of the file that it is on. */
export interface TokenLine extends TokenEntry {
  readonly line: number;
}

/** `more`: how many faults there are beside those listed. */
export type ParsedTokens =
  | { ok: true; entries: readonly TokenLine[] }
  | { ok: false; faults: readonly TokenFault[]; more: number };

export const TOKENS_BYTES_MAX = 16 * 1024 * 1024;
export const TOKENS_MAX = 100_000;
/** A sample of what is wrong; nobody reads on. */
const FAULTS_MAX = 20;
const LINE_CHARS_MAX = 1024;

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const CLIENTS = /^[A-Za-z0-9._:*-]{1,128}$/;
const SHA256 = /^sha256:[0-9a-fA-F]{64}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const EXPIRES = 'expires=';

const EXPECTED = {
  name: 'a name of 1 to 64 of A-Z a-z 0-9 . _ -',
  clients: 'a client_id of 1 to 128 of A-Z a-z 0-9 . _ : - with * for any characters',
  sha256: 'sha256: and 64 hex digits',
  expires: 'expires=2027-01-01T00:00:00Z or the end of the line',
} as const;

/** @returns whether the name may stand in a tokens file. */
export function isTokenName(name: string): boolean {
  return NAME.test(name);
}

/** @returns what is wrong with a pattern of client ids, or undefined. */
export function clientsFault(clients: string): { what: string; expected: string } | undefined {
  if (!CLIENTS.test(clients)) return { what: 'it is no pattern of client ids', expected: EXPECTED.clients };
  if (isOwnClient(clients))
    return {
      what: "client ids that begin with jsonl: are the collector's own",
      expected: 'another one; POST /v1/jsonl gives jsonl:NAME by itself',
    };
  return undefined;
}

/** @returns the digest as a tokens file holds it, without `sha256:`. */
export function sha256Of(token: string): string {
  return createHash('sha256').update(token, 'latin1').digest('hex');
}

/** @returns the line of a tokens file, without its end. */
export function formatToken({ name, clients, sha256, expiresUnixMs }: TokenEntry): string {
  const expires = expiresUnixMs === Infinity ? '' : `  ${EXPIRES}${timeText(expiresUnixMs)}`;
  return `${name}  ${clients}  sha256:${sha256}${expires}`;
}

/** @returns the time in whole seconds, as `2027-01-01T00:00:00Z`. */
export function timeText(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}

/** @returns the time, or NaN when the text is not of that form or no such moment exists. */
export function parseTime(text: string): number {
  const unixMs = TIME.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse takes 30 February for 2 March.
  return Number.isNaN(unixMs) || timeText(unixMs) !== text ? Number.NaN : unixMs;
}

export function parseTokens(text: string): ParsedTokens {
  const entries: TokenLine[] = [];
  const faults: TokenFault[] = [];
  const names = new Map<string, number>();
  const digests = new Map<string, number>();
  let more = 0;
  const fault = (found: TokenFault): void => void (faults.length < FAULTS_MAX ? faults.push(found) : more++);

  let line = 0;
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const to = end === -1 ? text.length : end;
    line++;
    const read = parseLine(text.slice(at, to), line);
    at = to + 1;
    if (read === undefined) continue;
    if ('what' in read) {
      fault(read);
      continue;
    }
    const sameName = names.get(read.name);
    const sameDigest = digests.get(read.sha256);
    if (sameName !== undefined)
      fault({ line, column: 1, what: `line ${sameName} has this name too`, expected: 'a name for each token' });
    else if (sameDigest !== undefined)
      fault({ line, column: 1, what: `line ${sameDigest} has this token too`, expected: 'one line for each token' });
    else if (entries.length === TOKENS_MAX)
      fault({ line, column: 1, what: 'there are too many tokens', expected: `at most ${TOKENS_MAX}` });
    else entries.push(read);
    names.set(read.name, line);
    digests.set(read.sha256, line);
  }
  return faults.length === 0 ? { ok: true, entries } : { ok: false, faults, more };
}

/** @returns undefined for a line without a token. */
function parseLine(text: string, line: number): TokenLine | TokenFault | undefined {
  const no = (column: number, what: string, expected: string): TokenFault => ({ line, column, what, expected });
  if (text.length > LINE_CHARS_MAX)
    return no(LINE_CHARS_MAX + 1, 'the line is too long', `at most ${LINE_CHARS_MAX} characters`);
  const [name, clients, digest, expires, next] = fieldsOf(text);
  if (name === undefined) return undefined;
  const end = text.trimEnd().length + 1;
  if (!NAME.test(name.text)) return no(name.column, 'the name is not one', EXPECTED.name);
  if (clients === undefined) return no(end, 'the line ends after the name', EXPECTED.clients);
  const wrong = clientsFault(clients.text);
  if (wrong !== undefined) return no(clients.column, wrong.what, wrong.expected);
  if (digest === undefined) return no(end, 'the line ends after the client ids', EXPECTED.sha256);
  if (digest.text.startsWith('ms_'))
    return no(digest.column, 'this is a token, not its SHA-256: who reads this file has it', EXPECTED.sha256);
  if (!SHA256.test(digest.text)) return no(digest.column, 'this is no SHA-256', EXPECTED.sha256);
  const entry = { name: name.text, clients: clients.text, sha256: digest.text.slice(7).toLowerCase(), line };
  if (expires === undefined) return { ...entry, expiresUnixMs: Infinity };
  const expiresUnixMs = expires.text.startsWith(EXPIRES) ? parseTime(expires.text.slice(EXPIRES.length)) : Number.NaN;
  if (Number.isNaN(expiresUnixMs)) return no(expires.column, 'this is no time of expiry', EXPECTED.expires);
  if (next !== undefined)
    return no(next.column, 'there is more on the line', 'the end of the line, or # and a comment');
  return { ...entry, expiresUnixMs };
}

interface Field {
  text: string;
  column: number;
}

/** What is between blanks, up to the first field that begins with `#`; never more than five. */
function fieldsOf(line: string): Field[] {
  const fields: Field[] = [];
  for (const { 0: text, index } of line.matchAll(/[^ \t\r]+/g)) {
    if (text.startsWith('#') || fields.length === 5) break;
    fields.push({ text, column: index + 1 });
  }
  return fields;
}

/**
 * Prepares a pattern of client ids: `*` stands for any characters, none included; the whole id must match. No regular
 * expression is built from it: each piece between stars is looked for once, from where the one before ended.
 */
export function clientsMatcher(clients: string): (clientId: string) => boolean {
  const pieces = clients.split('*');
  const first = pieces.shift() as string;
  const last = pieces.pop();
  if (last === undefined) return (clientId) => clientId === first;
  return (clientId) => {
    const end = clientId.length - last.length;
    if (end < first.length || !clientId.startsWith(first) || !clientId.endsWith(last)) return false;
    let at = first.length;
    for (const piece of pieces) {
      const found = clientId.indexOf(piece, at);
      if (found === -1 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}
