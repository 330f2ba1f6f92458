/** What a look at a server found: lines for a person or a script. Owns their form and which exit status they come to. */
import { EXIT, type ExitCode } from '../errors.ts';

export interface CheckLine {
  level: 'ok' | 'warn' | 'fail';
  /** What was looked at and what was found. */
  what: string;
  /** What to do about it; every `fail` has one. */
  fix?: string;
  /** The server did not answer at all. */
  unreachable?: boolean;
}

/** @returns a line each, aligned, the fix below what it mends. */
export function checkLinesText(lines: readonly CheckLine[]): string {
  return lines
    .map(({ level, what, fix }) => `${level.padEnd(4)}  ${what}\n${fix === undefined ? '' : `      → ${fix}\n`}`)
    .join('');
}

/** @returns 69 when something did not answer, 1 when something is wrong, 0 otherwise; a warning is not wrong. */
export function checkLinesExit(lines: readonly CheckLine[]): ExitCode {
  if (lines.some(({ unreachable }) => unreachable)) return EXIT.unreachable;
  return lines.some(({ level }) => level === 'fail') ? EXIT.failure : EXIT.ok;
}
