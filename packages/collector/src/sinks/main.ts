/**
 * A sink's thread: one pump from the journal to one sink. Owns the sink's cursor and promises that whatever the sink
 * does, it holds up nobody else: the journal and the other sinks go on without it.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, workerData } from 'node:worker_threads';
import type { Counters } from '@metricstream/shared/counters.ts';
import { openCounters } from '@metricstream/shared/counters.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import { openDurablePosition } from '@metricstream/shared/journal/position.ts';
import type { CursorAlarm, JournalSource } from '@metricstream/shared/journal/source.ts';
import { openJournalSource } from '@metricstream/shared/journal/source.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { createLog, throttled } from '@metricstream/shared/log.ts';
import { createDeadLetter } from '@metricstream/shared/pump/dead-letter.ts';
import type { PumpStats } from '@metricstream/shared/pump/pump.ts';
import { createPump } from '@metricstream/shared/pump/pump.ts';
import type { SinkCounter } from './counters.ts';
import { SINK_COUNTERS } from './counters.ts';
import { createJsonlSink } from './jsonl/jsonl-sink.ts';
import type { FromSinkThread, SinkThreadData, ToSinkThread } from './messages.ts';

/** Every sink's: recovery within 5 s of a server's return, halt included (DESIGN 3). */
const BACKOFF = { initialMs: 100, maxMs: 4000 };
const DELIVERY_BYTES_MAX = 4 * 1024 * 1024;
const LINGER_MS = 200;
const LOG_INTERVAL_MS = 5000;

function publish(source: JournalSource, stats: PumpStats, counters: Counters<SinkCounter>): void {
  const { totals, position } = source.cursor;
  counters.set('recordsStored', totals.recordsStored);
  counters.set('pointsStored', totals.pointsStored);
  counters.set('recordsDead', totals.recordsDead);
  counters.set('pointsDead', totals.pointsDead);
  counters.set(
    'pointsDropped',
    Object.values(totals.pointsDropped).reduce((sum, points) => sum + points, 0),
  );
  counters.set('pointsPassed', source.pointsPassed());
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

async function run(data: SinkThreadData, port: MessagePort): Promise<void> {
  const log = throttled(createLog({ component: 'collector', ...data.log }), LOG_INTERVAL_MS);
  const counters = openCounters(SINK_COUNTERS, data.counters);
  const position = openDurablePosition(data.position);
  const source = openJournalSource({
    dir: data.journal.dir,
    journalId: data.journal.id,
    durable: openDurablePosition(data.journal.durable),
    cursorPath: data.cursorPath,
    deliveryBytesMax: DELIVERY_BYTES_MAX,
    lingerMs: LINGER_MS,
    onAlarm: (alarm) => logAlarm(log, data.sink.kind, alarm),
    onCommit(at) {
      position.advance(at);
      publish(source, pump.stats, counters);
    },
  });
  position.advance(source.cursor.position);
  const sink = await createJsonlSink({ ...data.sink.settings, state: source.cursor.sink });
  const pump = createPump({
    source,
    sink,
    deadLetter: await createDeadLetter(data.deadLetter),
    backoff: BACKOFF,
    onState(stats) {
      publish(source, stats, counters);
      port.postMessage({ state: stats.state, why: stats.why } satisfies FromSinkThread);
    },
  });
  publish(source, pump.stats, counters);

  const drain = new AbortController();
  const abort = new AbortController();
  port.on('message', (told: ToSinkThread) => {
    drain.abort();
    setTimeout(() => abort.abort(), told.drainMs).unref();
  });
  port.postMessage({ state: 'idle', why: '' } satisfies FromSinkThread);
  await pump.run(drain.signal, abort.signal);
  publish(source, pump.stats, counters);
  source.close();
  port.close();
}

if (parentPort) {
  const port = parentPort;
  run(workerData as SinkThreadData, port).catch((error: unknown) => {
    port.postMessage({ state: 'failed', why: messageOf(error) } satisfies FromSinkThread);
    port.close();
  });
}
