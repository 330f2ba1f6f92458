/**
 * The collector's configuration: every option with its default and bounds (as in collector.yaml), what options say
 * about each other, and the frozen object the program works with. An empty file is valid: journal and JSONL, loopback.
 */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import {
  byteRateOrUnlimited,
  bytes,
  choice,
  directory,
  duration,
  flag,
  integer,
  integerOr,
  listen,
  rateOrUnlimited,
} from '@metricstream/shared/config/leaves.ts';
import { isLoopback, type ListenAddress, listenText } from '@metricstream/shared/config/listen.ts';
import type { ConfigSpec, CrossFault } from '@metricstream/shared/config/load.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '@metricstream/shared/log.ts';
import { formatBytes, formatDuration } from '@metricstream/shared/units.ts';
import { z } from 'zod';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

const WORKERS_MAX = 64;
/** What a record adds to its batch at most: head, the longest client id, padding (journal/record.ts). */
const RECORD_OVERHEAD_BYTES = 64 + 128 + 8;
/** So that one large record cannot stop a worker (DESIGN 3: a ring is ≥ 4× the largest record). */
const RECORDS_PER_RING_MIN = 4;
/** Retention goes by whole segments; fewer would make it jump. */
const SEGMENTS_PER_JOURNAL_MIN = 4;

/** The agent's default interval, and 5 s for a slow one. */
const IDLE_TIMEOUT_WISE_MS = 15 * SECOND;

const schema = z.strictObject({
  listen: listen().prefault('127.0.0.1:7440'),
  admin: z.strictObject({ listen: listen().prefault('127.0.0.1:7441') }).prefault({}),
  state_dir: directory().prefault('/var/lib/metricstream/collector'),
  workers: integerOr('auto', { min: 1, max: WORKERS_MAX }).prefault('auto'),
  ack: choice(['journal', 'memory'], { forwarded: 'is reserved for a later version' }).prefault('journal'),
  journal: z
    .strictObject({
      max_bytes: bytes({ min: 16 * MiB, max: 64 * TiB }).prefault('10GiB'),
      segment: bytes({ min: MiB, max: GiB }).prefault('64MiB'),
      ring: bytes({ min: 64 * KiB, max: GiB }).prefault('32MiB'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      connections: integer({ min: 1, max: 1_000_000 }).prefault(10_000),
      clients: integer({ min: 1, max: 1_048_576 }).prefault(16_384),
      head: bytes({ min: KiB, max: 64 * KiB }).prefault('16KiB'),
      body: bytes({ min: KiB, max: 16 * MiB }).prefault('1MiB'),
      decompressed: bytes({ min: KiB, max: 16 * MiB }).prefault('4MiB'),
      series_per_batch: integer({ min: 1, max: 1_000_000 }).prefault(10_000),
      head_timeout: duration({ min: 100, max: 60 * SECOND }).prefault('10s'),
      body_timeout: duration({ min: 100, max: 600 * SECOND }).prefault('30s'),
      idle_timeout: duration({ min: 100, max: DAY }).prefault('75s'),
      per_client: z
        .strictObject({
          requests: rateOrUnlimited().prefault('100/s'),
          bytes: byteRateOrUnlimited().prefault('16MiB/s'),
          points: rateOrUnlimited().prefault('200000/s'),
          burst: duration({ min: 100, max: 30 * SECOND }).prefault('10s'),
        })
        .prefault({}),
    })
    .prefault({}),
  sinks: z
    .strictObject({
      jsonl: z
        .strictObject({
          enabled: flag().prefault(true),
          dir: directory({ empty: true }).prefault(''),
          rotate: bytes({ min: MiB, max: 16 * GiB }).prefault('256MiB'),
          keep: duration({ min: 60 * SECOND, max: 3650 * DAY }).prefault('7d'),
          required: flag().prefault(true),
        })
        .prefault({}),
    })
    .prefault({}),
  log: z
    .strictObject({ level: choice(LOG_LEVELS).prefault('info'), format: choice(LOG_FORMATS).prefault('auto') })
    .prefault({}),
});

type CollectorFile = z.output<typeof schema>;

/** What the collector runs on; rates are per second, and Infinity means no limit. */
export interface CollectorConfig {
  readonly listen: ListenAddress;
  readonly admin: { readonly listen: ListenAddress };
  readonly stateDir: string;
  readonly workers: number;
  readonly ack: 'journal' | 'memory';
  readonly journal: {
    readonly dir: string;
    readonly bytesMax: number;
    readonly segmentBytes: number;
    /** Per worker, a power of two. */
    readonly ringBytes: number;
  };
  readonly limits: {
    readonly connectionsMax: number;
    readonly clientsMax: number;
    readonly headBytesMax: number;
    readonly bodyBytesMax: number;
    readonly decompressedBytesMax: number;
    readonly seriesPerBatchMax: number;
    readonly headTimeoutMs: number;
    readonly bodyTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly perClient: {
      readonly requestsPerSecond: number;
      readonly bytesPerSecond: number;
      readonly pointsPerSecond: number;
      /** A client that was silent may use up this much time's worth at once. */
      readonly burstMs: number;
    };
  };
  readonly sinks: {
    readonly jsonl: {
      readonly enabled: boolean;
      readonly dir: string;
      readonly rotateBytes: number;
      readonly keepMs: number;
      /** True: a full journal refuses ingest rather than dropping what this sink has not stored. */
      readonly required: boolean;
    };
  };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

function check(file: CollectorFile): CrossFault[] {
  return [...checkSizes(file), ...checkTimes(file), ...checkReach(file)];
}

function checkSizes({ journal, limits }: CollectorFile): CrossFault[] {
  const found: CrossFault[] = [];
  const recordBytes = limits.decompressed + RECORD_OVERHEAD_BYTES;
  const ringBytesMin = 2 ** Math.ceil(Math.log2(RECORDS_PER_RING_MIN * recordBytes));
  if (journal.ring < ringBytesMin) {
    found.push({
      path: ['journal', 'ring'],
      others: [['limits', 'decompressed']],
      what: `${formatBytes(journal.ring)} is too small for batches of ${formatBytes(limits.decompressed)} (limits.decompressed)`,
      expected: `at least ${formatBytes(ringBytesMin)}, or a smaller limits.decompressed`,
    });
  } else if (!Number.isInteger(Math.log2(journal.ring))) {
    found.push({
      path: ['journal', 'ring'],
      what: `${formatBytes(journal.ring)} is not a power of two`,
      expected: `${formatBytes(2 ** Math.floor(Math.log2(journal.ring)))} or ${formatBytes(2 ** Math.ceil(Math.log2(journal.ring)))}`,
    });
  }
  if (limits.body > limits.decompressed)
    found.push({
      path: ['limits', 'body'],
      others: [['limits', 'decompressed']],
      what: `${formatBytes(limits.body)} is more than limits.decompressed, ${formatBytes(limits.decompressed)}`,
      expected: 'at most that: a body can also come uncompressed',
    });
  if (journal.segment < recordBytes)
    found.push({
      path: ['journal', 'segment'],
      others: [['limits', 'decompressed']],
      what: `${formatBytes(journal.segment)} does not hold a batch of ${formatBytes(limits.decompressed)} (limits.decompressed)`,
      expected: 'more than limits.decompressed',
    });
  if (journal.max_bytes < SEGMENTS_PER_JOURNAL_MIN * journal.segment)
    found.push({
      path: ['journal', 'max_bytes'],
      others: [['journal', 'segment']],
      what: `${formatBytes(journal.max_bytes)} is less than ${SEGMENTS_PER_JOURNAL_MIN} segments of ${formatBytes(journal.segment)}`,
      expected: `at least ${formatBytes(SEGMENTS_PER_JOURNAL_MIN * journal.segment)}, or a smaller journal.segment`,
    });
  return found;
}

function checkTimes({ limits }: CollectorFile): CrossFault[] {
  if (limits.idle_timeout >= IDLE_TIMEOUT_WISE_MS) return [];
  return [
    {
      path: ['limits', 'idle_timeout'],
      level: 'warning',
      what: `${formatDuration(limits.idle_timeout)} closes the connection of an agent between two batches (10s apart by default)`,
      expected: `at least ${formatDuration(IDLE_TIMEOUT_WISE_MS)}`,
    },
  ];
}

function checkReach({ listen: ingest, admin }: CollectorFile): CrossFault[] {
  const found: CrossFault[] = [];
  if (ingest.port !== 0 && ingest.port === admin.listen.port)
    found.push({
      path: ['admin', 'listen'],
      others: [['listen']],
      what: `has the port of listen, ${ingest.port}`,
      expected: 'another port',
    });
  for (const [path, { host }] of [
    [['listen'], ingest],
    [['admin', 'listen'], admin.listen],
  ] as const) {
    if (isLoopback(host)) continue;
    const who = path.length === 1 ? 'may send metrics' : 'may read its figures';
    found.push({
      path,
      level: 'warning',
      what: `${host} can be reached from other machines, and whoever reaches it ${who}`,
    });
  }
  return found;
}

function shape(file: CollectorFile): CollectorConfig {
  const { journal, limits, sinks } = file;
  const stateDir = resolve(file.state_dir);
  return {
    listen: file.listen,
    admin: { listen: file.admin.listen },
    stateDir,
    workers: file.workers === 'auto' ? Math.min(WORKERS_MAX, Math.max(1, availableParallelism() - 1)) : file.workers,
    ack: file.ack,
    journal: {
      dir: join(stateDir, 'journal'),
      bytesMax: journal.max_bytes,
      segmentBytes: journal.segment,
      ringBytes: journal.ring,
    },
    limits: {
      connectionsMax: limits.connections,
      clientsMax: limits.clients,
      headBytesMax: limits.head,
      bodyBytesMax: limits.body,
      decompressedBytesMax: limits.decompressed,
      seriesPerBatchMax: limits.series_per_batch,
      headTimeoutMs: limits.head_timeout,
      bodyTimeoutMs: limits.body_timeout,
      idleTimeoutMs: limits.idle_timeout,
      perClient: {
        requestsPerSecond: limits.per_client.requests,
        bytesPerSecond: limits.per_client.bytes,
        pointsPerSecond: limits.per_client.points,
        burstMs: limits.per_client.burst,
      },
    },
    sinks: {
      jsonl: {
        enabled: sinks.jsonl.enabled,
        dir: sinks.jsonl.dir === '' ? join(stateDir, 'jsonl') : resolve(sinks.jsonl.dir),
        rotateBytes: sinks.jsonl.rotate,
        keepMs: sinks.jsonl.keep,
        required: sinks.jsonl.required,
      },
    },
    log: file.log,
  };
}

export const collectorSpec: ConfigSpec<CollectorFile, CollectorConfig> = {
  schema,
  defaultPath: '/etc/metricstream/collector.yaml',
  check,
  shape,
  summary: ({ listen: ingest, admin, stateDir, sinks }) =>
    [
      `listens on ${listenText(ingest)}`,
      `admin on ${listenText(admin.listen)}`,
      `state in ${stateDir}`,
      sinks.jsonl.enabled ? `JSONL in ${sinks.jsonl.dir}` : 'no sink',
    ].join(', '),
};
