/** Durations, InfluxQL and Flux as InfluxDB writes them, for comparing: pure. Owns what counts as the same text. */

const UNIT_MS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;

/** @returns a duration as InfluxQL takes it, in the largest unit that is exact: `7d`, `90m`. */
export function durationText(ms: number): string {
  for (const unit of ['d', 'h', 'm'] as const) if (ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  return `${Math.ceil(ms / 1000)}s`;
}

function msOf(count: string, unit: string): number {
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/(?:[^/\\]|\\.)*\/|\d+[wdhms]\b|\w+|\S/gs;

/** The server drops quotes where it can, and names a duration by another unit. */
function tokens(statement: string): string[] {
  return (statement.match(TOKEN) ?? []).map((token) => {
    if (token.startsWith('"')) return token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
    const [, count, unit] = /^(\d+)([wdhms])$/.exec(token) ?? [];
    return count === undefined || unit === undefined ? token : `${msOf(count, unit)}ms`;
  });
}

/** @returns whether two statements mean the same, whatever their quotes, blanks and units. */
export function sameInfluxql(one: string, other: string): boolean {
  return JSON.stringify(tokens(one)) === JSON.stringify(tokens(other));
}

/** @returns whether two scripts are the same but for blanks at the ends of lines and of the script. */
export function sameFlux(one: string, other: string): boolean {
  return trimmed(one) === trimmed(other);
}

function trimmed(script: string): string {
  return script
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .join('\n')
    .trim();
}
