/**
 * Errors as the product throws them: one class, one list of codes, one table of exit codes. Promises that every code
 * says once, here, whether the same input may pass later (`retryable`) and with which status a command ends on it.
 */
import { inspect } from 'node:util';

/** Exit statuses of every command (sysexits where one fits). 78 keeps systemd from restarting on a bad file. */
export const EXIT = { ok: 0, failure: 1, usage: 2, unreachable: 69, config: 78 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Every code there is. `retryable` is the default; the throwing place may know better. */
export const ERROR_CODES = {
  /** The command line is wrong. */
  usage: { exit: EXIT.usage, retryable: false },
  /** The configuration file is wrong, or cannot be read. */
  config_invalid: { exit: EXIT.config, retryable: false },
  /** Another machine or service does not answer. */
  unreachable: { exit: EXIT.unreachable, retryable: true },
  /** Something took longer than it may. */
  timeout: { exit: EXIT.failure, retryable: true },
  /** A system call failed: disk full, no permission, no such file. */
  io: { exit: EXIT.failure, retryable: true },
  /** Another process owns the state directory. */
  directory_locked: { exit: EXIT.failure, retryable: false },
  /** The state directory cannot be created, read or written. */
  directory_unusable: { exit: EXIT.failure, retryable: false },
  /** The journal was written by a later version. */
  journal_newer: { exit: EXIT.failure, retryable: false },
  /** Another process listens on the port. */
  port_taken: { exit: EXIT.failure, retryable: true },
  /** Stored bytes are not what was written. */
  damaged: { exit: EXIT.failure, retryable: false },
  /** A named limit is reached. */
  limit: { exit: EXIT.failure, retryable: true },
  /** It is being stopped, or was. */
  stopped: { exit: EXIT.failure, retryable: false },
  /** Cannot happen: a fault of the program. */
  bug: { exit: EXIT.failure, retryable: false },
} as const satisfies Record<string, { exit: ExitCode; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export class MetricStreamError extends Error {
  override readonly name = 'MetricStreamError';
  readonly code: ErrorCode;
  /** False: the same input fails for ever. */
  readonly retryable: boolean;

  /** @param message what is wrong, where, what was expected, what to do. */
  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
  }
}

/** @returns the status a command ends with on this error; anything unknown is 1. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof MetricStreamError ? ERROR_CODES[error.code].exit : EXIT.failure;
}

/** @returns the message of anything that was thrown, followed by its causes, on one line. */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  for (let depth = 0; at !== undefined && depth < 5; depth++) {
    parts.push(at instanceof Error ? at.message || at.name : typeof at === 'string' ? at : inspect(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}
