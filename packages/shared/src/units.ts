/**
 * Sizes, durations and rates as people write them (`256MiB`, `1h30m`, `20/s`) and as the program counts them (bytes,
 * milliseconds, per second). Pure. Promises that `format` gives text that `parse` reads back to the very same number,
 * and that a refusal names what is wrong and what would be right.
 */

/** What a parser gives: the number, or why not. */
export type Parsed = { ok: true; value: number } | { ok: false; what: string; expected: string };

/** Largest first, as formatting wants them. */
const BYTE_UNITS: readonly (readonly [unit: string, bytes: number])[] = [
  ['TiB', 2 ** 40],
  ['TB', 1e12],
  ['GiB', 2 ** 30],
  ['GB', 1e9],
  ['MiB', 2 ** 20],
  ['MB', 1e6],
  ['KiB', 2 ** 10],
  ['KB', 1e3],
  ['B', 1],
];
const DURATION_UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];
const RATE_UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ['s', 1],
  ['m', 60],
  ['h', 3600],
];

export const EXPECTED_BYTES = 'a size such as 512KiB, 16MiB or 1GB';
export const EXPECTED_DURATION = 'a duration such as 250ms, 10s, 1h30m or 7d';
export const EXPECTED_RATE = 'a rate such as 20/s or 600/m';
export const EXPECTED_BYTE_RATE = 'a rate such as 16MiB/s';

const DECIMAL = /^\d+(?:\.\d+)?/;

function no(what: string, expected: string): Parsed {
  return { ok: false, what, expected };
}

/** @returns the value if it is a whole, safe number; decimal fractions such as 0.1 × 1000 are rounded when that exact. */
function whole(value: number, text: string, unit: string, expected: string): Parsed {
  const rounded = Math.round(value);
  if (!Number.isSafeInteger(rounded)) return no(`${text} is too large`, expected);
  if (Math.abs(value - rounded) > 1e-6) return no(`${text} is not a whole number of ${unit}`, expected);
  return { ok: true, value: rounded };
}

/** Reads a size; a plain number is bytes. Units are exact: KiB is 1024, KB is 1000. @returns whole bytes. */
export function parseBytes(input: string | number): Parsed {
  const text = String(input).trim();
  const number = DECIMAL.exec(text)?.[0];
  if (number === undefined) return no(`"${text}" is not a size`, EXPECTED_BYTES);
  const unit = text.slice(number.length).trim();
  const bytes = unit === '' ? 1 : BYTE_UNITS.find(([name]) => name === unit)?.[1];
  if (bytes === undefined) return no(`"${text}" has an unknown unit "${unit}"${alike(unit)}`, EXPECTED_BYTES);
  return whole(Number(number) * bytes, text, 'bytes', EXPECTED_BYTES);
}

/** The units a person may have meant by `mb` or `G`; both families, since they differ by up to 10 %. */
function alike(unit: string): string {
  const letter = unit[0]?.toUpperCase();
  const near = BYTE_UNITS.map(([name]) => name).filter((name) => name.length > 1 && name[0] === letter);
  return near.length === 0 ? '' : ` (${near.join(' or ')}?)`;
}

/** @returns the shortest exact text: `256MiB`, `1MB`, `1500B`. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0B';
  const [unit, size] = BYTE_UNITS.find(([, size]) => bytes % size === 0) ?? ['B', 1];
  return `${bytes / size}${unit}`;
}

/** Reads a duration: parts from large to small, each unit once. A number alone is refused. @returns whole milliseconds. */
export function parseDuration(input: string | number): Parsed {
  const text = String(input).trim();
  if (DECIMAL.exec(text)?.[0] === text) return no(`${text} has no unit`, EXPECTED_DURATION);
  let rest = text;
  let below = -1;
  let totalMs = 0;
  while (rest !== '') {
    const part = /^(\d+(?:\.\d+)?)([a-zA-Z]+)/.exec(rest);
    if (part === null) return no(`"${text}" is not a duration`, EXPECTED_DURATION);
    const [all, number, unit] = part as unknown as [string, string, string];
    const index = DURATION_UNITS.findIndex(([name]) => name === unit);
    const ms = DURATION_UNITS[index]?.[1];
    if (ms === undefined) return no(`"${text}" has an unknown unit "${unit}"`, EXPECTED_DURATION);
    if (index <= below) return no(`"${text}" must go from the largest unit to the smallest`, EXPECTED_DURATION);
    below = index;
    totalMs += Number(number) * ms;
    rest = rest.slice(all.length);
  }
  if (below === -1) return no('it is empty', EXPECTED_DURATION);
  return whole(totalMs, text, 'milliseconds', EXPECTED_DURATION);
}

/** @returns the duration with its largest units first: `1h30m`, `250ms`, `7d`. */
export function formatDuration(ms: number): string {
  let text = '';
  let left = ms;
  for (const [unit, size] of DURATION_UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text === '' ? '0s' : text;
}

/** Reads `20/s`, `600/m`, `100/h`. @returns per second, not necessarily whole. */
export function parseRate(input: string | number): Parsed {
  return rateOf(input, EXPECTED_RATE, (amount) => {
    const value = DECIMAL.exec(amount)?.[0] === amount ? Number(amount) : Number.NaN;
    return Number.isNaN(value) ? no(`"${amount}" is not a number`, EXPECTED_RATE) : { ok: true, value };
  });
}

/** Reads `16MiB/s`. @returns bytes per second, not necessarily whole. */
export function parseByteRate(input: string | number): Parsed {
  return rateOf(input, EXPECTED_BYTE_RATE, parseBytes);
}

function rateOf(input: string | number, expected: string, parseAmount: (amount: string) => Parsed): Parsed {
  const text = String(input).trim();
  const slash = text.indexOf('/');
  if (slash === -1) return no(`"${text}" does not say per what`, expected);
  const per = text.slice(slash + 1).trim();
  const seconds = RATE_UNITS.find(([name]) => name === per)?.[1];
  if (seconds === undefined) return no(`"${text}" is per "${per}"`, `${expected} (s, m or h)`);
  const amount = parseAmount(text.slice(0, slash).trim());
  if (!amount.ok) return { ...amount, expected };
  return { ok: true, value: amount.value / seconds };
}

/** The largest period in which the rate is a whole amount; a rate that never is keeps its fraction, per second. */
function perWhole(perSecond: number): { amount: number; unit: string } {
  for (const [unit, seconds] of RATE_UNITS) {
    const amount = Math.round(perSecond * seconds);
    if (amount / seconds === perSecond) return { amount, unit };
  }
  return { amount: perSecond, unit: 's' };
}

/** @returns `20/s`, or per minute or hour where only that is whole. */
export function formatRate(perSecond: number): string {
  const { amount, unit } = perWhole(perSecond);
  return `${amount}/${unit}`;
}

/** @returns `16MiB/s`, or per minute or hour where only that is whole. */
export function formatByteRate(bytesPerSecond: number): string {
  const { amount, unit } = perWhole(bytesPerSecond);
  return `${formatBytes(amount)}/${unit}`;
}

/** @returns a count for people, `12,345`; fractions are dropped. */
export function formatCount(count: number): string {
  return String(Math.trunc(count)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}
