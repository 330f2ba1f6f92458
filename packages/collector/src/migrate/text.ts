/** Tables and lists for a person: aligned columns, a bound, and a word about what the bound left out. Pure. */
import { formatCount } from '@metricstream/shared/units.ts';

export interface Column {
  heading: string;
  /** Numbers stand to the right. */
  right?: boolean;
}

/** Characters of one cell; a series may have labels of 4 KB. */
const CELL_CHARS_MAX = 80;

/** @returns the rows under a line of headings, each line ending in a newline; nothing for no rows. */
export function tableText(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(clipped))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      columns
        .map(({ right = false }, at) => (right ? line[at]!.padStart(widths[at]!) : line[at]!.padEnd(widths[at]!)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function clipped(cell: string): string {
  return cell.length <= CELL_CHARS_MAX ? cell : `${cell.slice(0, CELL_CHARS_MAX - 1)}…`;
}

/** @returns `and 12 more`, with its newline; nothing when all were shown. */
export function moreText(total: number, shown: number): string {
  return total > shown ? `and ${formatCount(total - shown)} more\n` : '';
}

/** @returns `1 file`, `2 files`, `12,345 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Values of labelled lines under each other: `files      2 files, 12 points`. */
export function labelled(entries: readonly (readonly [label: string, text: string])[]): string {
  const width = Math.max(...entries.map(([label]) => label.length));
  return entries.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join('');
}
