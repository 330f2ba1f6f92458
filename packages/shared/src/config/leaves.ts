/**
 * The kinds of value an option can have. Each is a zod codec: `decode` reads what stands in the file or says what is
 * wrong and what was expected; `encode` gives back the text a person would have written. Promises that every refusal
 * carries `params.expected`, which translate.ts relies on.
 */
import { z } from 'zod';
import { type ListenAddress, listenText, parseListen } from './listen.ts';
import { REDACTED } from '../log.ts';
import * as units from '../units.ts';
import { suggest } from './suggest.ts';

export type Read<T> = { ok: true; value: T } | { ok: false; what: string; expected?: string; suggestion?: string };

interface LeafSpec<T> {
  /** Ends the sentence "expected …". */
  expected: string;
  read(raw: unknown): Read<T>;
  write(value: T): unknown;
  /** Tells its values from those of the other branches when it stands in a union. */
  owns?: (value: unknown) => boolean;
  /** What an editor may check: a fragment of JSON Schema. */
  json: Record<string, unknown>;
}

/** @returns a codec; give it a default with `.prefault('as in the file')`, without one the option is required. */
export function leaf<T>(spec: LeafSpec<T>) {
  return z.codec(
    z.unknown().meta({ description: `Expected: ${spec.expected}.`, ...spec.json }),
    z.custom<T>(spec.owns ?? (() => true)),
    {
      decode(raw, context) {
        const read: Read<T> = raw === undefined ? { ok: false, what: 'is required' } : spec.read(raw);
        if (read.ok) return read.value;
        const params = { expected: read.expected ?? spec.expected, suggestion: read.suggestion };
        context.issues.push({ code: 'custom', message: read.what, input: raw, params });
        return z.NEVER;
      },
      encode: (value) => spec.write(value),
    },
  );
}

/** @returns a value as it is named in a refusal: short, quoted when it is text. */
export function describe(raw: unknown): string {
  if (typeof raw === 'string') return JSON.stringify(raw.length > 60 ? `${raw.slice(0, 57)}…` : raw);
  if (Array.isArray(raw)) return 'a list';
  if (typeof raw === 'object' && raw !== null) return 'a map of options';
  return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : 'nothing';
}

export function flag() {
  return leaf<boolean>({
    expected: 'true or false',
    owns: (value) => typeof value === 'boolean',
    json: { type: 'boolean' },
    read: (raw) => (typeof raw === 'boolean' ? { ok: true, value: raw } : { ok: false, what: `is ${describe(raw)}` }),
    write: (value) => value,
  });
}

/** A whole number within bounds; with `word`, that word too (`auto`). */
export function integer(bounds: { min: number; max: number }) {
  return integerOf<never>(bounds, undefined);
}
export function integerOr<W extends string>(word: W, bounds: { min: number; max: number }) {
  return integerOf(bounds, word);
}
function integerOf<W extends string>({ min, max }: { min: number; max: number }, word: W | undefined) {
  return leaf<number | W>({
    expected: `${word === undefined ? '' : `${word} or `}a whole number from ${min} to ${max}`,
    json: word === undefined ? { type: 'integer', minimum: min, maximum: max } : { type: ['integer', 'string'] },
    read(raw) {
      if (word !== undefined && raw === word) return { ok: true, value: word };
      if (typeof raw !== 'number' || !Number.isInteger(raw)) return { ok: false, what: `is ${describe(raw)}` };
      if (raw < min || raw > max) return { ok: false, what: `${raw} is too ${raw < min ? 'small' : 'large'}` };
      return { ok: true, value: raw };
    },
    write: (value) => value,
  });
}

interface MeasureSpec<W> {
  parse: (raw: string | number) => units.Parsed;
  format: (value: number) => string;
  noun: string;
  min: number;
  max: number;
  word?: { text: string; value: W };
}

/** A number with a unit, between bounds, or one word in its place. */
function measure<W = never>({ parse, format, noun, min, max, word }: MeasureSpec<W>) {
  const or = word === undefined ? '' : `, or ${word.text}`;
  const range = Number.isFinite(max) ? `${noun} from ${format(min)} to ${format(max)}${or}` : `${noun}${or}`;
  return leaf<number | W>({
    expected: range,
    json: { type: ['string', 'integer'] },
    read(raw) {
      if (word !== undefined && raw === word.text) return { ok: true, value: word.value };
      if (typeof raw !== 'string' && typeof raw !== 'number') return { ok: false, what: `is ${describe(raw)}` };
      const parsed = parse(raw);
      if (!parsed.ok) return { ...parsed, expected: parsed.expected + or };
      if (parsed.value < min) return { ok: false, what: `${raw} is too small` };
      if (parsed.value > max) return { ok: false, what: `${raw} is too large` };
      return { ok: true, value: parsed.value };
    },
    write: (value) => (word !== undefined && value === word.value ? word.text : format(value as number)),
  });
}

const BYTES = { parse: units.parseBytes, format: units.formatBytes, noun: 'a size' };
const DURATION = { parse: units.parseDuration, format: units.formatDuration, noun: 'a duration' };
const UNLIMITED = { text: 'unlimited', value: Number.POSITIVE_INFINITY };

export function bytes(bounds: { min: number; max: number }) {
  return measure({ ...BYTES, ...bounds });
}
/** Milliseconds. */
export function duration(bounds: { min: number; max: number }) {
  return measure({ ...DURATION, ...bounds });
}
/** Milliseconds, or the word `auto` for a value derived from other options. */
export function durationOrAuto(bounds: { min: number; max: number }) {
  return measure<'auto'>({ ...DURATION, ...bounds, word: { text: 'auto', value: 'auto' } });
}

const ABOVE_ZERO = { min: 1 / 3600, max: Number.POSITIVE_INFINITY, word: UNLIMITED };

/** Per second; `unlimited` becomes Infinity. */
export function rateOrUnlimited() {
  return measure<number>({
    ...ABOVE_ZERO,
    parse: units.parseRate,
    format: units.formatRate,
    noun: units.EXPECTED_RATE,
  });
}
/** Bytes per second; `unlimited` becomes Infinity. */
export function byteRateOrUnlimited() {
  const noun = units.EXPECTED_BYTE_RATE;
  return measure<number>({ ...ABOVE_ZERO, parse: units.parseByteRate, format: units.formatByteRate, noun });
}

/** One of a few words. `reserved` are words that will mean something later: refused, with the reason. */
export function choice<const C extends string>(choices: readonly C[], reserved: Readonly<Record<string, string>> = {}) {
  return leaf<C>({
    expected: choices.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    json: { enum: [...choices] },
    read(raw) {
      // min_version: 1.3 is a number in YAML, and what is meant is plain.
      const found = choices.find((one) => one === (typeof raw === 'number' ? String(raw) : raw));
      if (found !== undefined) return { ok: true, value: found };
      if (typeof raw !== 'string') return { ok: false, what: `is ${describe(raw)}` };
      const why = Object.hasOwn(reserved, raw) ? reserved[raw] : undefined;
      if (why !== undefined) return { ok: false, what: `${raw} ${why}` };
      return { ok: false, what: `is ${describe(raw)}`, suggestion: suggest(raw, choices) };
    },
    write: (value) => value,
  });
}

interface TextSpec {
  expected: string;
  /** The whole text must match. */
  pattern: RegExp;
  charsMax: number;
  /** A last word on texts that match; the answer ends the sentence "it …". */
  refuse?: (text: string) => string | undefined;
}

/** Text. A number or boolean is refused rather than turned into text: `1.10` would become "1.1". */
export function text({ expected, pattern, charsMax, refuse }: TextSpec) {
  return leaf<string>({
    expected,
    json: { type: 'string', maxLength: charsMax },
    read(raw) {
      if (typeof raw === 'number' || typeof raw === 'boolean')
        return { ok: false, what: `${raw} is read as a ${typeof raw}`, expected: `${expected}: put it in quotes` };
      if (typeof raw !== 'string') return { ok: false, what: `is ${describe(raw)}` };
      if (raw.length > charsMax)
        return { ok: false, what: `has ${raw.length} characters`, expected: `at most ${charsMax}` };
      if (!pattern.test(raw)) return { ok: false, what: `is ${describe(raw)}` };
      const why = refuse?.(raw);
      return why === undefined ? { ok: true, value: raw } : { ok: false, what: why };
    },
    write: (value) => value,
  });
}

/** A path, as written; relative ones are the program's business. */
export function directory({ empty = false }: { empty?: boolean } = {}) {
  return text({ expected: 'the path of a directory', pattern: empty ? /^[^\0]*$/ : /^[^\0]+$/, charsMax: 1024 });
}

/** A value that is used but never shown: encoding gives `[redacted]`. */
export function secret({ expected, charsMax }: { expected: string; charsMax: number }) {
  return leaf<string>({
    expected,
    json: { type: 'string', maxLength: charsMax },
    read: (raw) =>
      typeof raw === 'string' && raw.length <= charsMax
        ? { ok: true, value: raw }
        : { ok: false, what: 'is not text, or too long (not shown: it is a secret)' },
    write: (value) => (value === '' ? '' : REDACTED),
  });
}

/** More names than any host has need to tell apart. */
const PATTERNS_MAX = 64;

/** Names with * for any characters; one that begins with ! takes out what an earlier one let in. */
export function patterns(expected: string) {
  return leaf<readonly string[]>({
    expected: `a list of ${expected}, such as ["*", "!lo"], at most ${PATTERNS_MAX}`,
    json: { type: 'array', items: { type: 'string' }, maxItems: PATTERNS_MAX },
    read(raw) {
      if (!Array.isArray(raw)) return { ok: false, what: 'is not a list' };
      if (raw.length > PATTERNS_MAX) return { ok: false, what: `has ${raw.length} entries` };
      const bad: unknown = raw.find(
        (one) => typeof one !== 'string' || !/^!?[^!\s][^\s]*$/.test(one) || one.length > 128,
      );
      if (bad !== undefined) return { ok: false, what: `${JSON.stringify(bad)} is no name or pattern` };
      return { ok: true, value: raw as string[] };
    },
    write: (value) => value,
  });
}

/** More servers than anybody needs to name to find the rest. */
const ADDRESSES_MAX = 64;

/** A list of `host:port`, one at least. */
export function addresses({ example }: { example: string }) {
  return leaf<readonly string[]>({
    expected: `a list of addresses such as ${example}, at most ${ADDRESSES_MAX}`,
    json: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: ADDRESSES_MAX },
    read(raw) {
      if (!Array.isArray(raw)) return { ok: false, what: `is ${describe(raw)}` };
      if (raw.length === 0 || raw.length > ADDRESSES_MAX) return { ok: false, what: `has ${raw.length} entries` };
      for (const one of raw) {
        const read = typeof one === 'string' ? parseListen(one) : { ok: false as const, what: `has ${describe(one)}` };
        if (!read.ok) return { ok: false, what: read.what };
      }
      return { ok: true, value: raw as string[] };
    },
    write: (value) => value,
  });
}

/** A part of a whole, above 0 and at most 1. */
export function ratio() {
  return leaf<number>({
    expected: 'a number above 0, at most 1',
    json: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    read: (raw) =>
      typeof raw === 'number' && raw > 0 && raw <= 1
        ? { ok: true, value: raw }
        : { ok: false, what: `is ${describe(raw)}` },
    write: (value) => value,
  });
}

/** `host:port`. */
export function listen() {
  return leaf<ListenAddress>({
    expected: 'an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    json: { type: 'string' },
    read(raw) {
      if (typeof raw !== 'string') return { ok: false, what: `is ${describe(raw)}` };
      return parseListen(raw);
    },
    write: (value) => listenText(value),
  });
}

/** An http or https URL of a server: no credentials, no query, no fragment. @returns it without a final slash. */
export function serverUrl({ example }: { example: string }) {
  return text({
    expected: `a URL such as ${example}`,
    pattern: /^[^\s]+$/,
    charsMax: 2048,
    refuse(raw) {
      const url = URL.canParse(raw) ? new URL(raw) : undefined;
      if (url === undefined) return `is ${describe(raw)}, no URL`;
      if (url.protocol !== 'http:' && url.protocol !== 'https:')
        return `begins with ${url.protocol}, not http: or https:`;
      if (url.username !== '' || url.password !== '') return 'has a user name or password in it';
      if (url.search !== '' || url.hash !== '') return 'has a ? or # part';
      return undefined;
    },
  });
}
