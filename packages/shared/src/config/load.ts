/**
 * A configuration file to a frozen, typed object. Owns the order of things: read (bounded) → YAML → environment →
 * schema → what options say about each other → the program's own names and units. Promises that everything wrong is
 * reported at once, sorted by place, and that what comes back was checked whole.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { messageOf, MetricStreamError } from '../errors.ts';
import { type ConfigDocument, parseYaml } from './document.ts';
import type { Env } from './env.ts';
import { type ConfigFault, faultsText, type Path, pathText } from './fault.ts';
import { translate } from './translate.ts';

export const CONFIG_BYTES_MAX = 1024 * 1024;

/** Something two options say together that cannot be, or that a person should know (`warning`). */
export interface CrossFault {
  /** The option to look at. */
  path: Path;
  /** All options it depends on, `path` left out; with a fault in one of them the rule is not asked. */
  others?: readonly Path[];
  level?: 'error' | 'warning';
  what: string;
  expected?: string;
}

/** What a program's configuration is. `File` has the file's names and typed values, `Config` what the program uses. */
export interface ConfigSpec<File, Config> {
  schema: z.ZodType<File>;
  /** Where the file is when no -c is given. */
  defaultPath: string;
  check(file: File): CrossFault[];
  /** Fills in defaults that hang on other options, of a file without faults. */
  complete?(file: File): File;
  shape(file: File): Config;
  /** The main points in one line, for `check`. */
  summary(config: Config): string;
}

export interface Loaded<Config> {
  config: Config;
  /** Everything with defaults filled in, as a person would write it; secrets redacted. */
  shown: Record<string, unknown>;
  /** A fingerprint of `shown` (first 8 bytes of its SHA-256), carried by every batch as config_hash. */
  hash: bigint;
  warnings: ConfigFault[];
}

export type LoadResult<Config> =
  | ({ ok: true; source: string } & Loaded<Config>)
  | { ok: false; source: string; faults: ConfigFault[] };

/** Checks a text. Never throws on what the text holds. */
export function parseConfig<File, Config>(
  source: string,
  spec: ConfigSpec<File, Config>,
  env: Env,
): LoadResult<Config> {
  const document = parseYaml(source, env);
  const faults = [...document.faults];
  const failed: Path[] = [...document.unreadable];
  // A tree that was cut short or is no map would only give echoes of its first fault.
  if (faults.length > 0 && Object.keys(document.value).length === 0) return { ok: false, source, faults };
  let result = spec.schema.safeParse(document.value);
  if (!result.success) {
    for (const { fault, path } of translate(result.error.issues, spec.schema, document)) {
      faults.push(fault);
      failed.push(path);
    }
    result = spec.schema.safeParse(without(document.value, failed));
  }
  const cross = result.success ? crossFaults(spec.check(result.data), failed, document) : { errors: [], warnings: [] };
  faults.push(...cross.errors);
  if (!result.success || faults.length > 0) return { ok: false, source, faults: faults.toSorted(byPlace) };
  const file = spec.complete?.(result.data) ?? result.data;
  const shown = z.encode(spec.schema, file) as Record<string, unknown>;
  const hash = createHash('sha256').update(JSON.stringify(shown)).digest().readBigUInt64BE(0);
  const config = deepFreeze(spec.shape(file));
  return { ok: true, source, config, shown, hash, warnings: cross.warnings.toSorted(byPlace) };
}

/** Reads and checks a file; every reason why it cannot be read is a fault like the others. */
export function readConfig<File, Config>(path: string, spec: ConfigSpec<File, Config>, env: Env): LoadResult<Config> {
  const read = readBounded(path);
  return read.ok ? parseConfig(read.text, spec, env) : { ok: false, source: '', faults: [read.fault] };
}

/**
 * Reads and checks a file.
 * @throws MetricStreamError `config_invalid` whose message is the whole report, one fault after the other.
 */
export function loadConfig<File, Config>(
  path: string,
  spec: ConfigSpec<File, Config>,
  env: Env = process.env,
): Loaded<Config> {
  const result = readConfig(path, spec, env);
  if (!result.ok) throw new MetricStreamError('config_invalid', faultsText(path, result.source, result.faults));
  return result;
}

function byPlace(a: ConfigFault, b: ConfigFault): number {
  return a.line - b.line || a.column - b.column || (a.path < b.path ? -1 : 1);
}

/** The tree without the options that have a fault, so that what others say together can still be judged. */
function without(tree: Record<string, unknown>, paths: readonly Path[]): Record<string, unknown> {
  const copy = structuredClone(tree);
  for (const path of paths) {
    // A list with a bad entry goes as a whole: an entry less would be another list.
    const firstIndex = path.findIndex((part) => typeof part === 'number');
    const end = firstIndex === -1 ? path.length : firstIndex;
    let at: Record<string, unknown> | undefined = copy;
    for (const part of path.slice(0, end - 1)) at = at?.[part] as Record<string, unknown> | undefined;
    if (typeof at === 'object' && at !== null) delete at[path[end - 1] as string];
  }
  return copy;
}

function crossFaults(found: readonly CrossFault[], failed: readonly Path[], document: ConfigDocument) {
  const bad = failed.map(pathText);
  const touches = (path: Path): boolean => {
    const text = pathText(path);
    return bad.some((one) => one === text || text.startsWith(`${one}.`) || one.startsWith(`${text}[`));
  };
  const out: { errors: ConfigFault[]; warnings: ConfigFault[] } = { errors: [], warnings: [] };
  for (const { path, others, level, what, expected } of found) {
    if ([path, ...(others ?? [])].some(touches)) continue;
    // The option may be at its default while another one is in the file: point there.
    const place = [path, ...(others ?? [])].find((one) => document.has(one)) ?? path;
    const fault = { ...document.faultAt(place, 'value', { what, expected }), path: pathText(path) };
    out[level === 'warning' ? 'warnings' : 'errors'].push(fault);
  }
  return out;
}

type Bounded = { ok: true; text: string } | { ok: false; fault: ConfigFault };

function no(what: string, expected?: string, line = 0): Bounded {
  return { ok: false, fault: { line, column: Math.min(line, 1), length: 1, path: '', what, expected } };
}

function readBounded(path: string): Bounded {
  let bytes: Buffer;
  try {
    const fd = openSync(path, 'r');
    try {
      if (fstatSync(fd).isDirectory()) return no('is a directory', 'a YAML file');
      bytes = readUpTo(fd, CONFIG_BYTES_MAX + 1);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return no('there is no such file', 'a YAML file; name it with -c FILE');
    if (code === 'EACCES') return no('may not be read by this user', 'read permission on it and its directories');
    return no(`cannot be read: ${messageOf(error)}`);
  }
  if (bytes.length > CONFIG_BYTES_MAX) return no('is larger than 1MiB', 'a configuration file');
  if (!isUtf8(bytes)) return no('is not UTF-8', 'UTF-8 text', firstBadLine(bytes));
  return { ok: true, text: bytes.toString('utf8').replace(/^\ufeff/, '') };
}

function readUpTo(fd: number, bytesMax: number): Buffer {
  const buffer = Buffer.alloc(bytesMax);
  let length = 0;
  for (let got = -1; got !== 0 && length < bytesMax; length += got)
    got = readSync(fd, buffer, length, bytesMax - length, null);
  return buffer.subarray(0, length);
}

/** No byte of a multi-byte character is a newline, so lines can be judged one by one. */
function firstBadLine(bytes: Buffer): number {
  let line = 1;
  for (let from = 0; from <= bytes.length; line++) {
    const end = bytes.indexOf(10, from);
    const to = end === -1 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(from, to))) return line;
    from = to + 1;
  }
  return line;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
