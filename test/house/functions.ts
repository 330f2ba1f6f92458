/**
 * Measures functions by the formatter's indentation, without a parser: a function's last line is the first `}` at the
 * indentation of its head. A function's length is its own lines; functions inside it are measured for themselves, since
 * a closure that holds a module's state is as long as the module.
 */

export interface FunctionLength {
  /** From 1. */
  line: number;
  /** The line that opens it, trimmed. */
  head: string;
  /** Its lines without those of the functions inside it. */
  lines: number;
}

const blockHead = /^(?:\} )?(?:if|else|for|while|do|switch|try|catch|finally|with)\b/;
const indentOf = (line: string) => line.length - line.trimStart().length;

/** Whether a line ending in `{` opens a function: `=> {`, `function …`, a method, or the last line of a longer head. */
function opensFunction(lines: string[], index: number): boolean {
  const line = lines[index]?.trim() ?? '';
  if (!line.endsWith('{') || line.startsWith('*') || line.startsWith('//')) return false;
  if (line.endsWith('=> {')) return true;
  if (/\bfunction\b.*\) ?(?::.*)?\{$/.test(line)) return true;
  if (line.startsWith(')')) return !blockHead.test(lines[headOf(lines, index)]?.trim() ?? '');
  return (
    /^(?:(?:async|static|get|set|override|private|\*) ?)*[\w#$[\]."']+\(.*\)(?:: .+)? \{$/.test(line) &&
    !blockHead.test(line)
  );
}

/** The line where a head that ends at `index` began: the nearest above with the same indentation. */
function headOf(lines: string[], index: number): number {
  const indent = indentOf(lines[index] ?? '');
  let head = index - 1;
  while (head > 0 && (lines[head]?.trim() === '' || indentOf(lines[head] ?? '') > indent)) head--;
  return head;
}

/** Every function of a formatted source text, in order of its opening line. */
export function functionLengths(text: string): FunctionLength[] {
  const lines = text.split('\n');
  const found: { start: number; end: number; opened: number }[] = [];
  for (let index = 0; index < lines.length; index++) {
    if (!opensFunction(lines, index)) continue;
    const indent = indentOf(lines[index] ?? '');
    const end = lines.findIndex((line, at) => at > index && line.startsWith('}', indent) && indentOf(line) === indent);
    const start = lines[index]?.trim().startsWith(')') ? headOf(lines, index) : index;
    if (end !== -1) found.push({ start, end, opened: index });
  }
  return found.map(({ start, end, opened }) => {
    const inner = found.filter((other) => other.opened > opened && other.end < end);
    const outermost = inner.filter((one) => !inner.some((other) => other.opened < one.opened && other.end > one.end));
    const innerLines = outermost.reduce((total, one) => total + one.end - one.start + 1, 0);
    return { line: start + 1, head: (lines[start] ?? '').trim(), lines: end - start + 1 - innerLines };
  });
}
