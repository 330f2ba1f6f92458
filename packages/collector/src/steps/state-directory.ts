/**
 * The state directory: made, and owned by one collector. Owns the two ways to it: at once, or, for a successor, once the
 * predecessor has left, with our listeners standing beside its own meanwhile.
 */
import { mkdirSync } from 'node:fs';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import type { Step } from '@metricstream/shared/lifecycle.ts';
import { claimSuccession, ownDirectory, takeOver, tryOwnDirectory } from './takeover.ts';
import { assertPortFree } from './port.ts';
import type { StepContext } from './parts.ts';

/** @returns the steps before and after the listeners; the directory is ours when both are done. */
export function directorySteps({ config, parts, takeover, log }: StepContext): { own: Step; follow: Step } {
  const { stateDir, listen } = config;
  let succession: { release(): void } | undefined;
  const own: Step = {
    name: 'state directory',
    async start() {
      makeDirectory(stateDir);
      if (takeover) parts.owned = tryOwnDirectory(stateDir);
      if (takeover && parts.owned === undefined) {
        succession = claimSuccession(stateDir);
        return;
      }
      await assertPortFree(listen, 'listen');
      parts.owned ??= ownDirectory(stateDir);
    },
    stop() {
      succession?.release();
      parts.owned?.leave();
    },
  };
  const follow: Step = {
    name: 'takeover',
    async start(signal) {
      parts.owned ??= await takeOver(stateDir, { log, signal });
      succession?.release();
    },
  };
  return { own, follow };
}

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o750 });
  } catch (cause) {
    const text = `cannot make state_dir ${dir}: create it, or choose another`;
    throw new MetricStreamError('directory_unusable', text, { cause });
  }
}
