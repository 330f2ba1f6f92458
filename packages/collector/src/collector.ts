/**
 * The collector, put together: journal thread, sinks, ingest workers, admin server. Owns the order: the listeners stand
 * first and read last; between, everything starts from the sink's end back. It stops the other way, so that what was
 * acknowledged has always somewhere to go. Promises to be gone within 10 s of being asked, whatever clients and sinks do.
 */
import { startAdminServer } from '@metricstream/shared/admin-server.ts';
import type { Loaded } from '@metricstream/shared/config/load.ts';
import { createDurablePosition } from '@metricstream/shared/journal/position.ts';
import type { Reloadable, Step } from '@metricstream/shared/lifecycle.ts';
import { createLifecycle } from '@metricstream/shared/lifecycle.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { adminRoutes } from './admin/routes.ts';
import { collectorStatus } from './admin/status.ts';
import { createClientTable } from './admission/client-table.ts';
import type { CollectorConfig } from './config.ts';
import { openFrontDoor } from './front-door/front-door.ts';
import { evictAfterSeconds } from './ingest/settings.ts';
import { createDoorbell } from './rings/doorbell.ts';
import { chosenSinks } from './sinks/chosen.ts';
import { ingestSteps } from './steps/ingest.ts';
import { journalStep } from './steps/journal.ts';
import { type Parts, type StepContext, statusParts } from './steps/parts.ts';
import { sinksStep } from './steps/sinks.ts';
import { directorySteps } from './steps/state-directory.ts';

/** Room for ingest (4 s), sinks (3 s) and the ends of both; with the grace of each part behind it, less than 10 s. */
const STOP_DEADLINE_MS = 8500;

export interface RunOptions {
  /** Take over from a collector that runs with the same state directory, if there is one. */
  takeover?: true;
}

export function createCollector(
  { config }: Loaded<CollectorConfig>,
  log: Log,
  { takeover }: RunOptions = {},
): Reloadable {
  const parts: Parts = { sinks: [], phase: 'starting' };
  const context: StepContext = {
    config,
    parts,
    sinks: chosenSinks(config).map((chosen) => ({ ...chosen, position: createDurablePosition() })),
    clientTable: createClientTable(config.limits.clientsMax, {
      threads: config.workers + 1,
      evictAfterSeconds: evictAfterSeconds(config.limits),
    }),
    doorbell: createDoorbell(),
    takeover: takeover === true,
    log,
  };
  const directory = directorySteps(context);
  const { listeners, ingest } = ingestSteps(context);
  const steps: Step[] = [
    doorStep(context),
    directory.own,
    listeners,
    directory.follow,
    adminStep(context),
    journalStep(context),
    sinksStep(context),
    ingest,
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

function doorStep({ config, parts, log }: StepContext): Step {
  return {
    name: 'front door',
    start: () => void (parts.door = openFrontDoor(config, log)),
    stop: () => parts.door?.close(),
  };
}

/** Before the journal, which may take a while to read, and stopped behind it: it tells of both. */
function adminStep({ config, parts, log }: StepContext): Step {
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
