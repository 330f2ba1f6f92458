/** The journal thread as a step. Owns its settings, and what becomes of the program when it dies. */
import { EXIT } from '@metricstream/shared/errors.ts';
import type { Step } from '@metricstream/shared/lifecycle.ts';
import { startJournalThread } from '../journal-thread/start.ts';
import type { StepContext } from './parts.ts';

/** With `ack: memory` nobody waits for the sync: how long a batch may be in memory only, beside the sync itself. */
const MEMORY_LINGER_MS = 10;

export function journalStep({ config, parts, sinks, doorbell, log }: StepContext): Step {
  const { dir, segmentBytes, bytesMax } = config.journal;
  return {
    name: 'journal',
    async start() {
      const cursors = sinks.map(({ position, required }) => ({ position: position.memory, required }));
      const lingerMs = config.ack === 'memory' ? MEMORY_LINGER_MS : 0;
      const sizes = { segmentBytesMax: segmentBytes, journalBytesMax: bytesMax };
      const settings = { dir, ...sizes, lingerMs, doorbell, sinks: cursors, log: config.log };
      parts.journal = await startJournalThread(settings, (why) => {
        log.error('without the journal thread nothing can be made durable: leaving; nothing acknowledged is lost', {
          why,
        });
        process.exit(EXIT.failure);
      });
      const { end, damagedBytes, setAside } = parts.journal.ready;
      if (damagedBytes > 0) log.error('journal: damaged bytes set aside', { bytes: damagedBytes, files: setAside });
      log.info('journal open', { dir, end });
    },
    stop: () => parts.journal?.stop(),
  };
}
