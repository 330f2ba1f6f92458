/**
 * What is wrong with a configuration file, as data and as text: one line `file:line:col key.path: what is wrong —
 * expected …; did you mean "x"?`, then the line of the file with a mark under the place. Promises that the text shows
 * no secret and no control character.
 */
import { isSecretName, REDACTED, redactText } from '../log.ts';

export type Path = readonly (string | number)[];

export interface ConfigFault {
  /** 1-based; 0 when the fault is not in the text (no such file). */
  line: number;
  column: number;
  /** Characters to mark; 0 when no place in the file is to blame (an option that is missing). */
  length: number;
  /** `collection.interval`, `brokers[0]`; '' when it concerns the whole file. */
  path: string;
  what: string;
  expected?: string;
  suggestion?: string;
}

/** More faults than this are only counted; nobody reads on. */
const FAULTS_SHOWN_MAX = 50;
const SOURCE_LINE_CHARS_MAX = 120;
const TEXT_CHARS_MAX = 400;

/** @returns the path as people write it. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${/^[\w<-]+$/.test(part) ? part : JSON.stringify(part.slice(0, 60))}`;
  }
  return text;
}

/** @returns one line, without the excerpt. */
export function faultLine(file: string, fault: ConfigFault): string {
  const place = fault.line === 0 ? file : `${file}:${fault.line}:${fault.column}`;
  const expected = fault.expected === undefined ? '' : ` — expected ${fault.expected}`;
  const joint = fault.expected === undefined ? ' — ' : '; ';
  const suggestion = fault.suggestion === undefined ? '' : `${joint}did you mean "${fault.suggestion}"?`;
  const text = `${fault.path === '' ? '' : ` ${fault.path}`}: ${fault.what}${expected}${suggestion}`;
  return place + printable(redactText(text)).slice(0, TEXT_CHARS_MAX);
}

/** @returns every fault with its excerpt, in the order given, ready for a terminal or a log. */
export function faultsText(file: string, source: string, faults: readonly ConfigFault[], prefix = ''): string {
  const lines = source.split('\n');
  const width = String(faults.at(-1)?.line ?? 0).length;
  const out: string[] = [];
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) {
    out.push(prefix + faultLine(file, fault), ...excerpt(lines[fault.line - 1], fault, width));
  }
  if (faults.length > FAULTS_SHOWN_MAX) out.push(`… and ${faults.length - FAULTS_SHOWN_MAX} more`);
  return out.join('\n');
}

function excerpt(line: string | undefined, fault: ConfigFault, width: number): string[] {
  if (line === undefined || line.trim() === '' || fault.length === 0) return [];
  const shown = printable(withoutSecret(line.replace(/\r$/, ''))).slice(0, SOURCE_LINE_CHARS_MAX);
  if (fault.column > shown.length + 1) return [];
  const room = Math.max(1, shown.length - fault.column + 1);
  const mark = ' '.repeat(fault.column - 1) + '^'.repeat(Math.min(fault.length, room));
  return [`  ${String(fault.line).padStart(width)} | ${shown}`, `  ${' '.repeat(width)} | ${mark}`];
}

/** The value of a key that sounds like a secret is never shown, right or wrong. */
function withoutSecret(line: string): string {
  const key = /^\s*(?:- )?["']?([\w-]+)["']?\s*:/.exec(line);
  if (key?.[1] !== undefined && isSecretName(key[1])) return `${key[0]} ${REDACTED}`;
  return redactText(line);
}

/** One column per character, so that the mark stays under its place. */
function printable(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(/\p{Cc}/gu, '\ufffd');
}
