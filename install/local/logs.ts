/** What the two programs say on stderr: JSON lines when it is no terminal. Reads them and words them for people. */

/** One log line; `msg` is its text, or the raw line when it was not JSON. */
export interface LogLine {
  msg: string;
  level?: unknown;
  [field: string]: unknown;
}

const hiddenFields = new Set(['msg', 'level', 'time', 'pid', 'hostname', 'name', 'component']);
const warnLevel = 40;

/** Parses one stderr line. Text that is not a JSON object with a `msg` becomes a warning with the text as it is. */
export function parseLogLine(line: string): LogLine {
  if (line.startsWith('{')) {
    try {
      const parsed: unknown = JSON.parse(line);
      if (typeof parsed === 'object' && parsed !== null && 'msg' in parsed && typeof parsed.msg === 'string') {
        return parsed as LogLine;
      }
    } catch {
      // Cut off or no JSON at all: shown as it came.
    }
  }
  return { msg: line, level: 'warn' };
}

/** True for what a user should see at once: warnings and worse, by pino's number or by name. */
export function isWarning({ level }: LogLine): boolean {
  return typeof level === 'number' ? level >= warnLevel : level === 'warn' || level === 'error' || level === 'fatal';
}

/** "sink jsonl: halted why=read-only": the message, then its fields; of an error field only its message. */
export function wordLogLine(line: LogLine): string {
  const fields = Object.entries(line)
    .filter(([key]) => !hiddenFields.has(key))
    .map(([key, value]) => ` ${key}=${wordValue(value)}`);
  return line.msg + fields.join('');
}

function wordValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string') {
    return value.message;
  }
  return JSON.stringify(value);
}
