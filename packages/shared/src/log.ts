/**
 * The log: one line per change of state, on stderr, written before the call returns (nothing is lost in a crash). Text
 * for people at a terminal, JSON lines for everything else. Promises that no secret passes (by field name, and by form
 * inside text), and that bytes from afar cannot forge a line.
 */
import { isatty } from 'node:tty';
import pino from 'pino';
import { messageOf, MetricStreamError } from './errors.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['auto', 'text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

/** The subject leads the message (`ring full`, `sink influxdb: halted`); what varies goes into fields, units last. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries these fields too. */
  child(fields: LogFields): Log;
  /** Takes effect at once, on this log and the children made from now on. */
  setLevel(level: LogLevel): void;
}

export interface LogOptions {
  /** `agent`, `collector`, …: who speaks. */
  component: string;
  level?: LogLevel;
  /** `auto` is text on a terminal and JSON otherwise. */
  format?: LogFormat;
  /** Default: only on a terminal, and not under NO_COLOR. */
  color?: boolean;
  /** Takes each finished line, newline included. Default: stderr, synchronously. */
  write?: (line: string) => void;
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
  setLevel() {},
};

export function createLog(options: LogOptions): Log {
  const terminal = isatty(2);
  const format = options.format ?? 'auto';
  const text = format === 'text' || (format === 'auto' && terminal);
  const color = options.color ?? (terminal && !process.env['NO_COLOR']);
  const write = options.write ?? stderrWriter();
  const destination = text ? { write: (json: string) => write(textLine(JSON.parse(json), color)) } : { write };
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { component: options.component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return wrap(logger);
}

/** Synchronous, in workers too. A closed stderr (EPIPE) silences the log; it must not end the program. */
function stderrWriter(): (line: string) => void {
  const destination = pino.destination({ fd: 2, sync: true });
  destination.on('error', () => {});
  return (line) => {
    destination.write(line);
  };
}

function wrap(logger: pino.Logger): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (!logger.isLevelEnabled(level)) return;
      logger[level](fields === undefined ? {} : redactFields(fields), redactText(message));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(redactFields(fields))),
    setLevel(level) {
      logger.level = level;
    },
  };
}

export const REDACTED = '[redacted]';
const SECRET_KEY = /token|password|passwd|secret|authorization|credential|api_?key/i;
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\bBearer\s+[A-Za-z0-9._~+/=-]{6,}/g, `Bearer ${REDACTED}`],
  [/\b(Token|Basic)\s+[A-Za-z0-9._~+/=-]{16,}/g, `$1 ${REDACTED}`],
  [/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, `$1${REDACTED}@`],
  // Our own, wherever it stands: people write it where the name of its file belongs.
  [/\bms_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g, `ms_${REDACTED}`],
];
const DEPTH_MAX = 4;

/** @returns the text without bearer tokens, tokens of ours and passwords in URLs. */
export function redactText(text: string): string {
  let out = text;
  for (const [pattern, replacement] of SECRET_TEXT) out = out.replace(pattern, replacement);
  return out;
}

/** @returns whether a field or option of this name holds a secret (`token`, but not `token_file`). */
export function isSecretName(name: string): boolean {
  return SECRET_KEY.test(name) && !/_file$|File$/.test(name);
}

function redactFields(fields: LogFields): Record<string, unknown> {
  return redactValue(fields, 0) as Record<string, unknown>;
}

/** How many tokens there are, and whether their file is broken, is nobody's secret; a password may be a number. */
const SHOWN_FIGURES: ReadonlySet<string> = new Set(['tokens', 'tokens_expiring', 'tokens_file_broken']);

function isSecret(key: string, value: unknown): boolean {
  const figure = typeof value === 'number' || typeof value === 'boolean';
  return isSecretName(key) && !(figure && SHOWN_FIGURES.has(key));
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Error) return errorFields(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth >= DEPTH_MAX) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecret(key, item) ? REDACTED : redactValue(item, depth + 1)]),
  );
}

/** A coded error is an event of operation and needs no stack; anything else is a fault of ours and does. */
function errorFields(error: Error): Record<string, unknown> {
  const message = redactText(messageOf(error));
  if (error instanceof MetricStreamError) return { code: error.code, message, retryable: error.retryable };
  return { message, stack: redactText(error.stack ?? '') };
}

const COLORS: Record<LogLevel, string> = { debug: '\x1b[90m', info: '\x1b[32m', warn: '\x1b[33m', error: '\x1b[31m' };

/** @returns `12:34:56.789 warn  collector  ring full  worker=2`, control characters escaped, stacks indented below. */
function textLine(line: Record<string, unknown>, color: boolean): string {
  const { level, time, component, msg, ...fields } = line;
  const label = String(level).padEnd(5);
  const head = [
    String(time).slice(11, 23),
    color ? `${COLORS[level as LogLevel]}${label}\x1b[0m` : label,
    String(component).padEnd(9),
    escapeControls(String(msg)),
  ].join(' ');
  let tail = '';
  let stacks = '';
  for (const [key, value] of Object.entries(fields)) {
    if (isErrorFields(value)) {
      tail += ` ${key}=${quote(value.message)}`;
      for (const row of value.stack?.split('\n') ?? []) stacks += `    ${escapeControls(row)}\n`;
    } else {
      tail += ` ${key}=${quote(typeof value === 'string' ? value : JSON.stringify(value))}`;
    }
  }
  return `${head}${tail === '' ? '' : ` ${tail}`}\n${stacks}`;
}

function isErrorFields(value: unknown): value is { message: string; stack?: string } {
  return (
    typeof value === 'object' && value !== null && 'message' in value && ('stack' in value || 'retryable' in value)
  );
}

/** JSON's own quoting for anything with blanks, quotes or controls in it; bare otherwise. */
function quote(text: string): string {
  return /^[\w./:%+,@[\]{}-]+$/.test(text) ? text : escapeControls(JSON.stringify(text));
}

function escapeControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (char) => {
    const code = char.charCodeAt(0).toString(16);
    return char === '\n' ? '\\n' : `\\u${code.padStart(4, '0')}`;
  });
}

/** Different messages remembered at once; beyond it the oldest may speak again early. */
const THROTTLED_MESSAGES_MAX = 256;

/**
 * A log for warnings that may come a thousand times a second: each message (its text, not its fields) at most once per
 * `ms`; the next one through carries `suppressed`, how many were held back since.
 */
export function throttled(log: Log, ms: number, monotonicMs: () => number = () => performance.now()): Log {
  const seen = new Map<string, { nextMs: number; suppressed: number }>();
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      const nowMs = monotonicMs();
      const key = `${level} ${message}`;
      const entry = seen.get(key);
      if (entry !== undefined && nowMs < entry.nextMs) {
        entry.suppressed++;
        return;
      }
      seen.delete(key);
      seen.set(key, { nextMs: nowMs + ms, suppressed: 0 });
      if (seen.size > THROTTLED_MESSAGES_MAX) seen.delete(seen.keys().next().value as string);
      log[level](
        message,
        entry !== undefined && entry.suppressed > 0 ? { ...fields, suppressed: entry.suppressed } : fields,
      );
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => throttled(log.child(fields), ms, monotonicMs),
    setLevel: (level) => log.setLevel(level),
  };
}
