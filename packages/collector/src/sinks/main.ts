/**
 * A sink's thread: it brings the journal to one sink. Owns the thread's beginning and end, and promises that whatever the
 * sink does, it holds up nobody else: the journal and the other sinks go on without it.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, workerData } from 'node:worker_threads';
import type { Counters } from '@metricstream/shared/counters.ts';
import { openCounters } from '@metricstream/shared/counters.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import { droppedIn } from '@metricstream/shared/journal/cursor.ts';
import { openDurablePosition } from '@metricstream/shared/journal/position.ts';
import type { CursorAlarm } from '@metricstream/shared/journal/source.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { createLog, throttled } from '@metricstream/shared/log.ts';
import { createDeadLetter } from '@metricstream/shared/pump/dead-letter.ts';
import type { RunningSink, SinkContext, SinkProgress } from './context.ts';
import type { SinkCounter } from './counters.ts';
import { SINK_COUNTERS } from './counters.ts';
import type { FromSinkThread, SinkChoice, SinkThreadData, ToSinkThread } from './messages.ts';
import { startOnePump } from './one-pump.ts';

const LOG_INTERVAL_MS = 5000;
const FIGURES_INTERVAL_MS = 1000;

function publish({ totals, position, pointsPassed, stats }: SinkProgress, counters: Counters<SinkCounter>): void {
  counters.set('recordsStored', totals.recordsStored);
  counters.set('pointsStored', totals.pointsStored);
  counters.set('recordsDead', totals.recordsDead);
  counters.set('pointsDead', totals.pointsDead);
  counters.set('pointsDropped', droppedIn(totals));
  counters.set('pointsPassed', pointsPassed);
  counters.set('position', position);
  counters.set('retries', stats.retries);
  counters.set('halts', stats.halts);
  counters.set('lastStoredUnixMs', stats.lastStoredUnixMs);
  counters.set('troubleSinceUnixMs', stats.sinceUnixMs);
}

function logAlarm(log: Log, sink: string, alarm: CursorAlarm): void {
  if (alarm.alarm === 'skipped') {
    const { from, to, why } = alarm.skipped;
    log.error(`sink ${sink}: a stretch of the journal could not be read`, { why, from, to, points: alarm.points });
  } else if (alarm.alarm === 'damaged_cursor') {
    log.error(`sink ${sink}: the cursor is damaged; starting with the oldest record`, { path: alarm.path });
  } else {
    const { position } = alarm;
    log.error(`sink ${sink}: the cursor belongs to another journal; starting with the oldest record`, { position });
  }
}

/** A thread loads only what its own sink needs: the clients of Kafka and InfluxDB are tens of megabytes. */
async function startSink(choice: SinkChoice, context: SinkContext): Promise<RunningSink> {
  if (choice.kind === 'kafka') {
    const { startKafkaSink } = await import('./kafka/kafka-sink.ts');
    return startKafkaSink(choice, context);
  }
  if (choice.kind === 'influxdb') {
    const { settings, clientsMax } = choice;
    const { createInfluxdbSink } = await import('./influxdb/influxdb-sink.ts');
    const { createRollup } = await import('./influxdb/rollup.ts');
    const rollup = (client: Parameters<typeof createRollup>[1]) => createRollup(settings, client);
    return startOnePump(context, () => createInfluxdbSink({ settings, clientsMax, rollup, log: context.log }));
  }
  const { createJsonlSink } = await import('./jsonl/jsonl-sink.ts');
  return startOnePump(context, async (state) => ({
    sink: await createJsonlSink({ ...choice.settings, state }),
    figures: () => [],
  }));
}

async function run(data: SinkThreadData, port: MessagePort): Promise<void> {
  const log = throttled(createLog({ component: 'collector', ...data.log }), LOG_INTERVAL_MS);
  const counters = openCounters(SINK_COUNTERS, data.counters);
  const position = openDurablePosition(data.position);
  const tell = (message: FromSinkThread): void => port.postMessage(message);
  const sink = await startSink(data.sink, {
    journal: { dir: data.journal.dir, id: data.journal.id, durable: openDurablePosition(data.journal.durable) },
    cursorPath: data.cursorPath,
    deadLetter: await createDeadLetter({
      ...data.deadLetter,
      onLost({ letters, points }) {
        counters.add('pointsDeadLost', points);
        log.error(`sink ${data.sink.kind}: the oldest dead letters are gone, the directory is full`, {
          dir: data.deadLetter.dir,
          letters,
          points,
        });
      },
    }),
    log,
    onAlarm: (alarm) => logAlarm(log, data.sink.kind, alarm),
    publish(progress) {
      position.advance(progress.position);
      publish(progress, counters);
    },
    onState: (state, why) => tell({ message: 'state', state, why }),
  });

  const drain = new AbortController();
  const abort = new AbortController();
  port.on('message', (told: ToSinkThread) => {
    drain.abort();
    setTimeout(() => abort.abort(), told.drainMs).unref();
  });
  const telling = setInterval(() => tell({ message: 'figures', figures: sink.figures() }), FIGURES_INTERVAL_MS);
  tell({ message: 'state', state: 'idle', why: '' });
  await sink.run(drain.signal, abort.signal);
  clearInterval(telling);
  tell({ message: 'figures', figures: sink.figures() });
  port.close();
}

if (parentPort) {
  const port = parentPort;
  run(workerData as SinkThreadData, port).catch((error: unknown) => {
    port.postMessage({ message: 'state', state: 'failed', why: messageOf(error) } satisfies FromSinkThread);
    port.close();
    // Whatever is still open must not keep a thread alive whose work has ended.
    setImmediate(() => process.exit(1));
  });
}
