/**
 * The collector, put together: journal thread, sinks, ingest workers, admin server. Owns what passes between them and
 * the order: they start from the sink back to the listener and stop from the listener forward, so that what was
 * acknowledged has always somewhere to go.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { AdminServer } from '@metricstream/shared/admin-server.ts';
import { startAdminServer } from '@metricstream/shared/admin-server.ts';
import type { Loaded } from '@metricstream/shared/config/load.ts';
import { type ListenAddress, listenText } from '@metricstream/shared/config/listen.ts';
import { EXIT, MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import { bringCursorBack } from '@metricstream/shared/journal/cursor.ts';
import type { DurablePosition } from '@metricstream/shared/journal/position.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import { lockDirectory } from '@metricstream/shared/journal/lock.ts';
import type { Reloadable, Step } from '@metricstream/shared/lifecycle.ts';
import { createLifecycle } from '@metricstream/shared/lifecycle.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { DecisionsView } from './admin/decisions.ts';
import { openDecisionsView } from './admin/decisions.ts';
import { createAddresses } from './admission/addresses.ts';
import { createClientTable, openClientTable } from './admission/client-table.ts';
import { adminRoutes } from './admin/routes.ts';
import type { StatusParts } from './admin/status.ts';
import { collectorStatus } from './admin/status.ts';
import type { CollectorConfig } from './config.ts';
import { type FrontDoor, openFrontDoor } from './front-door.ts';
import type { IngestWorkers } from './ingest/start.ts';
import { startIngestWorkers } from './ingest/start.ts';
import { ingestSettings } from './ingest/settings.ts';
import type { JournalThread } from './journal-thread/start.ts';
import { startJournalThread } from './journal-thread/start.ts';
import type { ChosenSink } from './sinks/chosen.ts';
import { chosenSinks } from './sinks/chosen.ts';
import { DEAD_LETTER_BYTES_MAX } from './sinks/context.ts';
import type { SinkSettings, SinkThread } from './sinks/start.ts';
import { startSinkThread } from './sinks/start.ts';

const STOP_DEADLINE_MS = 30_000;
/** Of the stop's deadline, how long clients may take to get their answers and sinks to reach the journal's end. */
const DRAIN_MS = 10_000;
/** With `ack: memory` nobody waits for the sync: how long a batch may be in memory only, beside the sync itself. */
const MEMORY_LINGER_MS = 10;

/** How old the answer of /readyz may be on the ingest port. */
const READY_EVERY_MS = 250;

/** What is running; each field is set by its step. */
interface Parts {
  lock?: { release(): void };
  journal?: JournalThread;
  sinks: SinkThread[];
  ingest?: IngestWorkers;
  admin?: AdminServer;
  door?: FrontDoor;
  decisions?: DecisionsView;
  stopping: boolean;
}

export function createCollector({ config }: Loaded<CollectorConfig>, log: Log): Reloadable {
  const parts: Parts = { sinks: [], stopping: false };
  const sinks = chosenSinks(config).map((chosen) => ({ ...chosen, position: createDurablePosition() }));
  const clientTable = createClientTable(config.limits.clientsMax, { threads: config.workers + 1 });
  const steps: Step[] = [
    doorStep(config, parts, log),
    directoryStep(config, parts),
    journalStep(config, parts, sinks, log),
    sinksStep(config, parts, sinks, log),
    adminStep(config, parts, log),
    ingestStep(config, parts, clientTable, log),
  ];
  const lifecycle = createLifecycle(steps, { log, stopDeadlineMs: STOP_DEADLINE_MS });
  return {
    start: () => lifecycle.start(),
    reload: () => parts.door?.reload(),
    /** The last line of the log is the whole account. */
    async stop(reason) {
      const report = await lifecycle.stop(reason);
      const status = statusParts(parts);
      if (status) log.info('stopped', { final: collectorStatus(status) });
      return report;
    },
  };
}

function doorStep(config: CollectorConfig, parts: Parts, log: Log): Step {
  return {
    name: 'front door',
    start: () => void (parts.door = openFrontDoor(config, log)),
    stop: () => parts.door?.close(),
  };
}

function directoryStep(config: CollectorConfig, parts: Parts): Step {
  return {
    name: 'state directory',
    async start() {
      await assertPortFree(config.listen, 'listen');
      makeDirectory(config.stateDir);
      parts.lock = lockDirectory(config.stateDir);
    },
    stop() {
      parts.lock?.release();
    },
  };
}

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o750 });
  } catch (cause) {
    throw new MetricStreamError('directory_unusable', `cannot make state_dir ${dir}: create it, or choose another`, {
      cause,
    });
  }
}

/** SO_REUSEPORT lets a second program bind in silence, so a plain bind asks first. */
async function assertPortFree(address: ListenAddress, option: string): Promise<void> {
  if (address.port === 0) return;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const why = taken ? 'is taken by another program; stop that program, or change' : 'cannot be listened on; change';
      const text = `${listenText(address)} ${why} \`${option}\` (${cause.code})`;
      reject(new MetricStreamError(taken ? 'port_taken' : 'io', text, { cause }));
    });
    probe.listen({ ...address }, () => probe.close(() => resolve()));
  });
}

/** A sink that is switched on; the journal's retention needs its position before its thread can start. */
type ReadySink = ChosenSink & { position: DurablePosition };

function journalStep(config: CollectorConfig, parts: Parts, sinks: readonly ReadySink[], log: Log): Step {
  const { dir, segmentBytes, bytesMax } = config.journal;
  return {
    name: 'journal',
    async start() {
      const cursors = sinks.map(({ position, required }) => ({ position: position.memory, required }));
      const lingerMs = config.ack === 'memory' ? MEMORY_LINGER_MS : 0;
      const sizes = { segmentBytesMax: segmentBytes, journalBytesMax: bytesMax };
      const settings = { dir, ...sizes, lingerMs, sinks: cursors, log: config.log };
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

function sinksStep(config: CollectorConfig, parts: Parts, sinks: readonly ReadySink[], log: Log): Step {
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
      await Promise.all(parts.sinks.map((sink) => sink.stop(DRAIN_MS)));
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

function adminStep(config: CollectorConfig, parts: Parts, log: Log): Step {
  return {
    name: 'admin server',
    async start() {
      parts.admin = await startAdminServer({
        listen: config.admin.listen,
        option: 'admin.listen',
        routes: adminRoutes({ parts: () => statusParts(parts), decisions: () => parts.decisions }),
        log,
      });
    },
    stop: () => parts.admin?.close(),
  };
}

function ingestStep(config: CollectorConfig, parts: Parts, clientTable: SharedArrayBuffer, log: Log): Step {
  const ready = new SharedArrayBuffer(4);
  let publishing: NodeJS.Timeout | undefined;
  return {
    name: 'ingest',
    async start() {
      const { journal } = parts;
      if (!journal) return;
      const { doorbell } = journal;
      const settings = ingestSettings(config, {
        clientTable,
        addresses: createAddresses(config.workers),
        ready,
        doorbell,
        tokens: parts.door?.tokens ?? [],
        tls: parts.door?.tls,
      });
      parts.ingest = await startIngestWorkers(settings, journal.addRing, log);
      parts.decisions = openDecisionsView(parts.ingest.decisions, openClientTable(clientTable));
      parts.door?.attach(parts.ingest);
      publishing = setInterval(() => publishReady(parts, ready), READY_EVERY_MS).unref();
      log.info('listening', { address: listenText({ host: config.listen.host, port: parts.ingest.port }) });
    },
    async stop() {
      parts.stopping = true;
      clearInterval(publishing);
      publishReady(parts, ready);
      parts.decisions?.close();
      await parts.ingest?.stop(DRAIN_MS);
    },
  };
}

/** For /readyz of the ingest port, which workers answer by themselves. */
function publishReady(parts: Parts, ready: SharedArrayBuffer): void {
  const status = statusParts(parts);
  Atomics.store(new Int32Array(ready), 0, status !== undefined && collectorStatus(status).ready ? 1 : 0);
}

/** @returns what the status is read from, or undefined before there is a journal. */
function statusParts(parts: Parts): StatusParts | undefined {
  const { journal, ingest, sinks, door } = parts;
  if (!journal) return undefined;
  return { journal, ingest, sinks, door, stopping: () => parts.stopping };
}
