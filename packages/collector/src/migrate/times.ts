/** Times as a person gives them on the command line, and as the program prints them. Pure. */
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { parseDuration } from '@metricstream/shared/units.ts';
import { createTimeReader } from '../points/time.ts';

const MS_PER_MINUTE = 60_000;
const DATE = /^\d{4}-\d\d-\d\d$/;
const MINUTE = /^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/;

/**
 * Reads `2h` (ago), `2026-11-23`, `2026-11-23T15:31Z` or RFC 3339 in full.
 * @returns Unix minutes, rounded down.
 * @throws MetricStreamError `usage` that names the option.
 */
export function parseMinute(option: string, text: string, nowUnixMs: number): number {
  if (text === 'now') return Math.floor(nowUnixMs / MS_PER_MINUTE);
  const ago = parseDuration(text);
  if (ago.ok) return Math.floor((nowUnixMs - ago.value) / MS_PER_MINUTE);
  const full = DATE.test(text) ? `${text}T00:00:00Z` : MINUTE.test(text) ? text.replace('Z', ':00Z') : text;
  const time = createTimeReader()(full);
  if (time !== undefined) return time.minute;
  throw new MetricStreamError(
    'usage',
    `${option} ${JSON.stringify(text)} is no time: expected 2h (ago), 2026-11-23, 2026-11-23T15:31Z or 2026-11-23T15:31:00Z, from 1970 to 2262`,
  );
}

/** @returns `2026-11-23T15:31Z`. */
export function minuteText(minute: number): string {
  const date = new Date(minute * MS_PER_MINUTE);
  return Number.isNaN(date.getTime()) ? `minute ${minute}` : `${date.toISOString().slice(0, 16)}Z`;
}
