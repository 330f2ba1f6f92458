/**
 * A sink that takes the journal as it comes: one source, one pump, one cursor. Owns their wiring. Kafka has one of each
 * per partition instead (kafka/kafka-sink.ts).
 */
import { openJournalSource } from '@metricstream/shared/journal/source.ts';
import { createPump } from '@metricstream/shared/pump/pump.ts';
import type { Sink } from '@metricstream/shared/pump/types.ts';
import type { RunningSink, SinkContext } from './context.ts';
import { SINK_BACKOFF } from './context.ts';
import type { Figure } from './figures.ts';

const DELIVERY_BYTES_MAX = 4 * 1024 * 1024;
const LINGER_MS = 200;

/** A sink and what it counts for itself. */
export interface MadeSink {
  sink: Sink;
  figures(): Figure[];
}

/** @param make opens the sink on the state that was committed with the cursor. */
export async function startOnePump(
  context: SinkContext,
  make: (state: unknown) => Promise<MadeSink>,
): Promise<RunningSink> {
  const { journal, cursorPath, deadLetter } = context;
  const source = openJournalSource({
    dir: journal.dir,
    journalId: journal.id,
    durable: journal.durable,
    cursorPath,
    deliveryBytesMax: DELIVERY_BYTES_MAX,
    lingerMs: LINGER_MS,
    onAlarm: context.onAlarm,
    onCommit: () => publish(),
  });
  const { sink, figures } = await make(source.cursor.sink);
  const pump = createPump({
    source,
    sink,
    deadLetter,
    backoff: SINK_BACKOFF,
    onState({ state, why }) {
      publish();
      context.onState(state, why);
    },
  });

  function publish(): void {
    const { totals, position } = source.cursor;
    context.publish({ totals, position, pointsPassed: source.pointsPassed(), stats: pump.stats });
  }

  publish();
  return {
    figures,
    async run(drain, abort) {
      await pump.run(drain, abort);
      publish();
      source.close();
    },
  };
}
