/**
 * One line on stderr that says how far a command is. Owns when it is said, and promises: on a terminal it replaces
 * itself and is gone at the end, elsewhere it is a line now and then; a command that is done within 2 s says nothing.
 */
import type { Clock } from '@metricstream/shared/clock.ts';
import { systemClock } from '@metricstream/shared/clock.ts';

const QUIET_MS = 2000;
const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 10_000;
const CLEAR_LINE = '\r\u001b[K';

export interface ProgressLine {
  /** Says it if it is time to; `text` is asked only then. */
  update(text: () => string): void;
  /** Says it now, for good: what a person must see. */
  say(text: string): void;
  /** Takes the line away. */
  end(): void;
}

export interface ProgressLineOptions {
  err(text: string): void;
  terminal: boolean;
  clock?: Clock;
}

export function createProgressLine({ err, terminal, clock = systemClock }: ProgressLineOptions): ProgressLine {
  const intervalMs = terminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
  let dueMs = clock.monotonicMs() + (terminal ? QUIET_MS : LOG_INTERVAL_MS);
  let shown = false;

  const end = (): void => {
    if (shown) err(CLEAR_LINE);
    shown = false;
  };

  return {
    update(text) {
      if (clock.monotonicMs() < dueMs) return;
      dueMs = clock.monotonicMs() + intervalMs;
      err(terminal ? CLEAR_LINE + text() : `${text()}\n`);
      shown = terminal;
    },
    say(text) {
      end();
      err(`${text}\n`);
    },
    end,
  };
}

/** @returns `12 %`. */
export function percentText(done: number, total: number): string {
  return total === 0 ? '100 %' : `${Math.floor((Math.min(done, total) / total) * 100)} %`;
}
