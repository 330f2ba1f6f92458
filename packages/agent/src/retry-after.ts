/** Reading `Retry-After` (RFC 9110 section 10.2.3): seconds or a date. Pure. */

/** No server's word makes an agent wait longer. */
export const RETRY_AFTER_MS_MAX = 3_600_000;

/**
 * @param value the header's value. @param date the answer's own `Date` header: a skewed clock on either side then does
 * not matter; without it `nowUnixMs` is used.
 * @returns milliseconds to wait, 0 … RETRY_AFTER_MS_MAX, or undefined when there is no such header or it says nothing.
 */
export function retryAfterMs(
  value: string | undefined,
  date: string | undefined,
  nowUnixMs: number,
): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,12}$/.test(text)) return Math.min(Number(text) * 1000, RETRY_AFTER_MS_MAX);
  // Date.parse takes all sorts; a date in HTTP begins with the day's name.
  const untilMs = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(untilMs)) return undefined;
  const dateMs = date === undefined ? Number.NaN : Date.parse(date);
  const fromMs = Number.isNaN(dateMs) ? nowUnixMs : dateMs;
  return Math.min(Math.max(untilMs - fromMs, 0), RETRY_AFTER_MS_MAX);
}
