/** How figures are printed. Owns the columns and the verdict; pure. */
import type { BenchRow } from './bench.ts';

export type Verdict = 'holds' | 'misses' | '';

/** @returns whether a figure is what the product promises, '' when it promises nothing. */
export function verdictOf({ value, hold }: BenchRow): Verdict {
  if (hold === undefined) return '';
  const holds = hold.op === '<=' ? value <= hold.value : value >= hold.value;
  return holds ? 'holds' : 'misses';
}

/** @returns a figure with three significant digits at least, thousands set apart. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  const digits = magnitude >= 100 || Number.isInteger(value) ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const HEADINGS = ['', 'figure', 'unit', 'hold', 'verdict', 'note'];
const RIGHT_ALIGNED = 1;

/** @returns the rows as aligned lines under a line of headings, each ending in a newline. */
export function formatTable(rows: readonly BenchRow[]): string {
  const cells = rows.map((row) => [
    row.what,
    formatFigure(row.value),
    row.unit,
    row.hold === undefined ? '' : `${row.hold.op} ${formatFigure(row.hold.value)}`,
    verdictOf(row),
    row.note ?? '',
  ]);
  const widths = HEADINGS.map((heading, i) => Math.max(heading.length, ...cells.map((line) => (line[i] ?? '').length)));
  const lines = [HEADINGS, ...cells].map((line) =>
    line
      .map((cell, i) => (i === RIGHT_ALIGNED ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
