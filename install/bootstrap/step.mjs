/**
 * What the user sees of the set-up: one line per step with its duration, on stderr. A step longer than two seconds
 * shows that it lives: a line rewritten in place on a terminal, a plain line every ten seconds elsewhere.
 */
import { performance } from 'node:perf_hooks';

const quietMs = 2000;
const plainEveryMs = 10_000;
const inPlaceEveryMs = 500;

/** A step that cannot be done. The message tells the user what is wrong and what to do; no stack is wanted. */
export class StepFailed extends Error {}

/** "0.3 s", "12 s", "2 min 5 s". */
export function formatDuration(ms) {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** One finished step as a line: title, outcome, duration in columns. */
export function formatStep(title, outcome, ms) {
  return `  ${title.padEnd(14)}${outcome.padEnd(44)} ${formatDuration(ms).padStart(8)}`;
}

/**
 * Runs one step and prints its line. `run` gets a function that takes a line of progress, and returns (or resolves
 * with) the outcome to print. A step that throws prints "failed" and throws on.
 */
export async function step(title, run, out = process.stderr) {
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  const live = out.isTTY === true;
  let latest = 'working';
  let plainDueMs = quietMs;
  const clear = () => live && out.write('\r\x1b[K');
  const tick = () => {
    if (elapsed() < quietMs) return;
    const line = `  ${title.padEnd(14)}${formatDuration(elapsed())}  ${latest}`;
    if (live) out.write(`\r\x1b[K${line.slice(0, (out.columns || 80) - 1)}`);
    else if (elapsed() >= plainDueMs) {
      plainDueMs += plainEveryMs;
      out.write(`${line}\n`);
    }
  };
  const timer = setInterval(tick, inPlaceEveryMs);
  try {
    const outcome = await run((line) => {
      latest = line.trim() || latest;
    });
    clear();
    out.write(`${formatStep(title, outcome, elapsed())}\n`);
  } catch (error) {
    clear();
    out.write(`${formatStep(title, 'failed', elapsed())}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
