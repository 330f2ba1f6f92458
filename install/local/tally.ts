/** Counts what the test run gave, exactly: a test counts once, and so does everything that went wrong outside a test. */
import type { Reporter, TestModule, TestSuite } from 'vitest/node';

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export interface TallyReporter extends Reporter {
  /** True once a run came to its end with at least one test file. */
  finished(): boolean;
}

/** "N passed, N failed, N skipped". */
export function formatTally({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Whether the run as a whole failed. `strict` (CI) takes a skip for a failure: there, everything must run. */
export function isFailure({ failed, skipped }: Tally, strict: boolean): boolean {
  return failed > 0 || (strict && skipped > 0);
}

/**
 * A vitest reporter that adds to `tally`. Besides tests it counts as failed: a file that cannot be loaded, a suite whose
 * hook failed, an unhandled error, a test that never got a result.
 */
export function createTally(tally: Tally): TallyReporter {
  let done = false;
  return {
    finished: () => done,
    onTestRunEnd(modules, unhandledErrors, reason) {
      for (const module of modules) countModule(tally, module);
      tally.failed += unhandledErrors.length;
      done = modules.length > 0 && reason !== 'interrupted';
    },
  };
}

function countModule(tally: Tally, module: TestModule): void {
  countErrors(tally, module);
  for (const suite of module.children.allSuites()) countErrors(tally, suite);
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    // A test still pending at the end never got a result: nothing proves that it holds.
    tally[state === 'pending' ? 'failed' : state] += 1;
  }
}

function countErrors(tally: Tally, holder: TestModule | TestSuite): void {
  if (holder.errors().length > 0) tally.failed += 1;
}
