/** The sinks' threads as a step. Owns where each keeps its files, and that no cursor stands beyond the journal's end. */
import { join } from 'node:path';
import { messageOf, MetricStreamError } from '@metricstream/shared/errors.ts';
import { bringCursorBack } from '@metricstream/shared/journal/cursor.ts';
import type { Step } from '@metricstream/shared/lifecycle.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { DEAD_LETTER_BYTES_MAX } from '../sinks/context.ts';
import { type SinkSettings, startSinkThread } from '../sinks/start.ts';
import type { StepContext } from './parts.ts';

/** How long sinks may take to reach the journal's end when the program stops; what is left is the next run's. */
const SINK_DRAIN_MS = 3000;

export function sinksStep({ config, parts, sinks, log }: StepContext): Step {
  return {
    name: 'sinks',
    start() {
      if (!parts.journal) return;
      const { durable, ready } = parts.journal;
      for (const { choice, position, where } of sinks) {
        const { kind } = choice;
        const cursorPath = join(config.stateDir, 'cursors', `${kind}.json`);
        bringBack(kind, cursorPath, ready, log);
        const settings: SinkSettings = {
          sink: choice,
          journal: { dir: config.journal.dir, id: ready.journalId, durable: durable.memory },
          cursorPath,
          deadLetter: { dir: join(config.stateDir, 'dead-letter', kind), bytesMax: DEAD_LETTER_BYTES_MAX },
          log: config.log,
        };
        parts.sinks.push(startSinkThread(settings, position, log));
        log.info(`sink ${kind}`, where);
      }
    },
    async stop() {
      await Promise.all(parts.sinks.map((sink) => sink.stop(SINK_DRAIN_MS)));
    },
  };
}

/** Before the first append: a cursor found beyond the journal's end is set to the end, with an alarm. */
function bringBack(sink: string, cursorPath: string, ready: { journalId: number; end: number }, log: Log): void {
  const { journalId, end } = ready;
  let position: number | undefined;
  try {
    position = bringCursorBack(cursorPath, journalId, end);
  } catch (cause) {
    const text = `cannot read or write the cursor ${cursorPath}: ${messageOf(cause)}`;
    throw new MetricStreamError('directory_unusable', text, { cause });
  }
  if (position !== undefined)
    log.error(`sink ${sink}: the cursor stood beyond the journal's end and was set to it`, { position, end });
}
