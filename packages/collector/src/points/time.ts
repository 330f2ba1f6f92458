/**
 * Times as text. Owns the reading of RFC 3339 and promises that no digit of a nanosecond is lost.
 */

/** Unix minutes, and nanoseconds within the minute: both exact as a number. */
export interface MinuteNanos {
  readonly minute: number;
  readonly nanos: number;
}

export type TimeReader = (text: string) => MinuteNanos | undefined;

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d):([0-5]\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
const MINUTES_KEPT = 4096;
const NANOS_PER_SECOND = 1e9;
const NANOS_PER_MINUTE = 60_000_000_000n;
/** The last nanosecond that a signed 64-bit number holds: 2262-04-11T23:47:16.854775807Z. */
const LAST: MinuteNanos = { minute: 153_722_867, nanos: 16_854_775_807 };

/** @returns what reads RFC 3339 to the nanosecond; undefined for what is none, or not from 1970 to 2262. */
export function createTimeReader(): TimeReader {
  const minutes = new Map<string, number>();
  return (text) => {
    const match = TIME.exec(text);
    if (match === null) return undefined;
    const minuteText = match[1]! + match[4]!;
    let minute = minutes.get(minuteText);
    if (minute === undefined) {
      minute = Date.parse(minuteText) / 60_000;
      if (!(minute >= 0 && minute <= LAST.minute)) return undefined;
      if (minutes.size >= MINUTES_KEPT) minutes.clear();
      minutes.set(minuteText, minute);
    }
    const fraction = match[3] === undefined ? 0 : Number(match[3].padEnd(9, '0'));
    const nanos = Number(match[2]) * NANOS_PER_SECOND + fraction;
    return minute === LAST.minute && nanos > LAST.nanos ? undefined : { minute, nanos };
  };
}

export function unixNanoOf({ minute, nanos }: MinuteNanos): bigint {
  return BigInt(minute) * NANOS_PER_MINUTE + BigInt(nanos);
}
