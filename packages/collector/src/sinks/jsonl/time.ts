/**
 * Unix nanoseconds as RFC 3339 text. Owns the memory of the last seconds' texts, since making one costs more than a
 * line of JSON does; promises that nothing of a time is lost.
 */

/** A power of two. Clients of one collector are within seconds of each other. */
const SECONDS_KEPT = 64;
const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MS = 1_000_000;

/**
 * @returns a function from Unix nanoseconds to text in UTC: `2025-10-04T12:00:00.123Z`, with 3 digits of a second for
 * whole milliseconds (what agents send), else all 9.
 */
export function createTimeFormatter(): (unixNano: bigint) => string {
  const seconds = new Float64Array(SECONDS_KEPT).fill(-1);
  const texts = Array.from({ length: SECONDS_KEPT }, () => '');
  return (unixNano) => {
    const second = Number(unixNano / NANOS_PER_SECOND);
    const nanos = Number(unixNano % NANOS_PER_SECOND);
    const slot = second % SECONDS_KEPT;
    if (seconds[slot] !== second) {
      seconds[slot] = second;
      texts[slot] = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
    }
    const fraction = nanos % NANOS_PER_MS === 0 ? digits(nanos / NANOS_PER_MS, 3) : digits(nanos, 9);
    return `${texts[slot]}${fraction}Z`;
  };
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}
