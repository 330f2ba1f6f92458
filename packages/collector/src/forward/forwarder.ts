/**
 * The forwarder, put together: a branch (consumer group, pump, sink) for each sink, and the admin server. Owns the order:
 * sinks are opened before anything is fetched, and closed when all that was fetched is stored or given back to the topic.
 * It keeps no state of its own but that of its JSONL files.
 */
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '@metricstream/proto/limits.ts';
import { type AdminServer, startAdminServer } from '@metricstream/shared/admin-server.ts';
import { EXIT, MetricStreamError } from '@metricstream/shared/errors.ts';
import { createLifecycle, type Lifecycle, type Step } from '@metricstream/shared/lifecycle.ts';
import type { Log } from '@metricstream/shared/log.ts';
import type { CollectorConfig } from '../config.ts';
import { type Branch, startBranch } from './branch.ts';
import { forwardRoutes } from './routes.ts';
import { type OpenSink, sinksToOpen } from './sinks.ts';
import { type ForwardParts, forwardStatus } from './status.ts';

const STOP_DEADLINE_MS = 30_000;
/** Of the stop's deadline, how long sinks may take to store what is in flight. */
const DRAIN_MS = 10_000;

/** What is running; each field is filled by its step. */
interface Parts {
  sinks: Map<string, OpenSink>;
  branches: Branch[];
  admin?: AdminServer;
  started: boolean;
  stopping: boolean;
}

export function createForwarder(config: CollectorConfig, log: Log): Lifecycle {
  const parts: Parts = { sinks: new Map(), branches: [], started: false, stopping: false };
  const lifecycle = createLifecycle(
    [sinksStep(config, parts, log), adminStep(config, parts, log), kafkaStep(config, parts, log)],
    {
      log,
      stopDeadlineMs: STOP_DEADLINE_MS,
    },
  );
  return {
    start: () => lifecycle.start(),
    /** The last line of the log is the whole account. */
    async stop(reason) {
      const report = await lifecycle.stop(reason);
      log.info('stopped', { final: forwardStatus(viewed(parts)) });
      return report;
    },
  };
}

function viewed({ branches, ...parts }: Parts): ForwardParts {
  return { branches, stopping: () => parts.stopping };
}

function sinksStep(config: CollectorConfig, parts: Parts, log: Log): Step {
  return {
    name: 'sinks',
    async start() {
      for (const [name, open] of sinksToOpen(config, log)) parts.sinks.set(name, await open());
    },
    async stop() {
      // Those that a branch was started for were closed with it.
      if (parts.started) return;
      for (const { sink, release } of parts.sinks.values()) {
        await sink.close();
        release();
      }
    },
  };
}

function adminStep(config: CollectorConfig, parts: Parts, log: Log): Step {
  return {
    name: 'admin server',
    async start() {
      parts.admin = await startAdminServer({
        listen: config.forward.admin.listen,
        option: 'forward.admin.listen',
        routes: forwardRoutes(() => (parts.started ? viewed(parts) : undefined)),
        log,
      });
    },
    stop: () => parts.admin?.close(),
  };
}

function kafkaStep(config: CollectorConfig, parts: Parts, log: Log): Step {
  return {
    name: 'kafka',
    start() {
      const { kafka } = config.sinks;
      if (kafka === undefined) throw new MetricStreamError('bug', 'a forwarder without sinks.kafka');
      const limits = wireLimits(config);
      parts.started = true;
      for (const [name, sink] of parts.sinks) {
        const group = `${config.forward.group}-${name}`;
        const onFailure = (why: string): void => {
          log.error(`sink ${name}: its pump has ended: leaving; what is not committed comes again`, { why });
          process.exit(EXIT.failure);
        };
        parts.branches.push(startBranch({ name, group, kafka, limits, sink, log, onFailure }));
        log.info(`forwarding to ${name}`, { topic: kafka.topic, group, ...sink.where });
      }
    },
    async stop() {
      parts.stopping = true;
      await Promise.all(parts.branches.map((branch) => branch.stop(DRAIN_MS)));
    },
  };
}

/** What collectors of this configuration let in, and what those of a default one do. */
function wireLimits({ limits }: CollectorConfig): WireLimits {
  return {
    ...DEFAULT_WIRE_LIMITS,
    batchBytesMax: Math.max(DEFAULT_WIRE_LIMITS.batchBytesMax, limits.decompressedBytesMax),
    seriesMax: Math.max(DEFAULT_WIRE_LIMITS.seriesMax, limits.seriesPerBatchMax),
  };
}
