/**
 * The agent's configuration: every option with its default and bounds (as in agent.yaml), what options say about each
 * other, and the frozen object the program works with. Only `collector.url` must be given.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import {
  bytes,
  choice,
  directory,
  duration,
  durationOrAuto,
  flag,
  integer,
  listen,
  patterns,
  text,
} from '@metricstream/shared/config/leaves.ts';
import { isLoopback, type ListenAddress, listenText } from '@metricstream/shared/config/listen.ts';
import type { ConfigSpec, CrossFault } from '@metricstream/shared/config/load.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '@metricstream/shared/log.ts';
import { formatDuration } from '@metricstream/shared/units.ts';
import { z } from 'zod';
import { checkCollector, type CollectorConfig, collectorSchema, shapeCollector } from './collector-config.ts';
import type { SamplerGroups, SamplerOptions } from './samplers/options.ts';

const MiB = 1024 * 1024;
const TiB = 1024 * 1024 * MiB;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

const TAGS_MAX = 8;
/** Of `auto`, when the interval is long enough for it. */
const AUTO_TIMEOUT_MS = 5 * SECOND;
const AUTO_JITTER_MS = 2 * SECOND;

/** No tag may be called what the batch's resource or a metric's own labels are called. */
const RESERVED_TAGS = new Set(
  'client_id host datacenter metric_name name time timestamp value unit epoch seq cpu path device fstype mode interface'.split(
    ' ',
  ),
);

/** Printable, without the two ends blank: what every store takes as a tag value. */
const LABEL = /^(?!\s)[^\p{Cc}\p{Cs}]*(?<!\s)$/u;

const TAG_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const tagValue = text({ expected: 'text without control characters', pattern: LABEL, charsMax: 256 });

/** `true`, `false`, or the group's own options. */
function group<S extends z.ZodRawShape>(options: S) {
  return z.union([flag(), z.strictObject(options)]);
}

const IGNORED_FSTYPES = ['tmpfs', 'devtmpfs', 'devfs', 'iso9660', 'overlay', 'aufs', 'squashfs'];

const groups = z
  .strictObject({
    cpu: group({ per_core: flag().prefault(false) }).prefault({}),
    mem: flag().prefault(true),
    swap: flag().prefault(true),
    disk: group({ ignore_fstypes: patterns('filesystem types').prefault(IGNORED_FSTYPES) }).prefault({}),
    diskio: group({ devices: patterns('device names').prefault(['*']) }).prefault({}),
    net: group({ interfaces: patterns('interface names').prefault(['*', '!lo']) }).prefault({}),
    system: flag().prefault(true),
    processes: group({ interval: duration({ min: SECOND, max: DAY }).prefault('30s') }).prefault({}),
  })
  .prefault({});

const schema = z.strictObject({
  client_id: text({
    expected: '1 to 128 letters, digits, . _ : or -, or nothing to have one made',
    pattern: /^[A-Za-z0-9._:-]*$/,
    charsMax: 128,
    refuse: (id) => (id.startsWith('jsonl:') ? 'begins with jsonl:, which collectors use themselves' : undefined),
  }).prefault(''),
  host: text({ expected: 'a host name, or nothing for the name of this host', pattern: LABEL, charsMax: 253 }).prefault(
    '',
  ),
  datacenter: text({ expected: 'a short name', pattern: LABEL, charsMax: 128 }).prefault('default'),
  tags: z.record(z.string(), tagValue).prefault({}),
  collector: collectorSchema
    // Without a url it is refused, at its own name: that is wanted, and the type says it.
    .prefault({} as never),
  state_dir: directory().prefault('/var/lib/metricstream/agent'),
  collection: z
    .strictObject({
      interval: duration({ min: 100, max: DAY }).prefault('10s'),
      jitter: durationOrAuto({ min: 0, max: 3600 * SECOND }).prefault('auto'),
      timeout: durationOrAuto({ min: 50, max: 300 * SECOND }).prefault('auto'),
      source: choice(['auto', 'procfs', 'systeminformation']).prefault('auto'),
      groups,
    })
    .prefault({}),
  batch: z.strictObject({ sweeps: integer({ min: 1, max: 600 }).prefault(1) }).prefault({}),
  retry: z
    .strictObject({
      initial: duration({ min: 10, max: 600 * SECOND }).prefault('1s'),
      max: duration({ min: 10, max: 3600 * SECOND }).prefault('60s'),
    })
    .prefault({}),
  spool: z
    .strictObject({
      max_bytes: bytes({ min: MiB, max: TiB }).prefault('256MiB'),
      max_age: duration({ min: 60 * SECOND, max: 365 * DAY }).prefault('24h'),
    })
    .prefault({}),
  admin: z.strictObject({ listen: listen().prefault('127.0.0.1:7442') }).prefault({}),
  log: z
    .strictObject({ level: choice(LOG_LEVELS).prefault('info'), format: choice(LOG_FORMATS).prefault('auto') })
    .prefault({}),
});

type AgentFile = z.output<typeof schema>;

/** What the agent runs on. */
export interface AgentConfig {
  /** '' when one is to be created, and kept in `stateDir`. */
  readonly clientId: string;
  readonly host: string;
  readonly datacenter: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly collector: CollectorConfig;
  readonly stateDir: string;
  /** The processes' own interval is never shorter than the collection's. */
  readonly collection: SamplerOptions & {
    readonly intervalMs: number;
    /** The host's fixed phase lies in [0, jitterMs). */
    readonly jitterMs: number;
    /** Of one sampler in one sweep. */
    readonly timeoutMs: number;
  };
  readonly batch: { readonly sweeps: number };
  readonly retry: { readonly initialMs: number; readonly maxMs: number };
  readonly spool: { readonly bytesMax: number; readonly ageMaxMs: number };
  readonly admin: { readonly listen: ListenAddress };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

function check(file: AgentFile): CrossFault[] {
  const { collection, retry, admin } = file;
  const found: CrossFault[] = [];
  const interval = formatDuration(collection.interval);
  const within = (name: 'jitter' | 'timeout', limit: string, wrong: boolean): void => {
    const value = collection[name];
    if (value === 'auto' || !wrong) return;
    found.push({
      path: ['collection', name],
      others: [['collection', 'interval']],
      what: `${formatDuration(value)} does not fit into collection.interval, ${interval}`,
      expected: `${limit} the interval, or auto`,
    });
  };
  within('jitter', 'less than', Number(collection.jitter) >= collection.interval);
  within('timeout', 'at most', Number(collection.timeout) > collection.interval);
  if (retry.max < retry.initial)
    found.push({
      path: ['retry', 'max'],
      others: [['retry', 'initial']],
      what: `${formatDuration(retry.max)} is less than retry.initial, ${formatDuration(retry.initial)}`,
      expected: 'at least that',
    });
  if (!isLoopback(admin.listen.host))
    found.push({
      path: ['admin', 'listen'],
      level: 'warning',
      what: `${admin.listen.host} can be reached from other machines, and whoever reaches it may read this host's figures`,
    });
  return [...found, ...checkCollector(file.collector), ...checkTags(Object.keys(file.tags))];
}

function checkTags(names: readonly string[]): CrossFault[] {
  const found: CrossFault[] = [];
  if (names.length > TAGS_MAX)
    found.push({ path: ['tags'], what: `has ${names.length} tags`, expected: `at most ${TAGS_MAX}` });
  for (const name of names) {
    const path = ['tags', name];
    if (!TAG_NAME.test(name))
      found.push({
        path,
        what: 'is no tag name',
        expected: 'letters, digits and _, beginning with a letter, at most 64',
      });
    else if (RESERVED_TAGS.has(name))
      found.push({ path, what: 'is a name that metrics already use', expected: 'another name' });
  }
  return found;
}

/** The group's options with its switch: `true` stands for the defaults, `false` for them too, but unused. */
function options<T extends object>(value: boolean | T, defaults: T): T & { enabled: boolean } {
  return typeof value === 'boolean' ? { enabled: value, ...defaults } : { enabled: true, ...value };
}

function shapeGroups(file: AgentFile['collection']): SamplerGroups {
  const { groups: given, interval } = file;
  const cpu = options(given.cpu, { per_core: false });
  const disk = options(given.disk, { ignore_fstypes: IGNORED_FSTYPES });
  const processes = options(given.processes, { interval: 30 * SECOND });
  return {
    cpu: { enabled: cpu.enabled, perCore: cpu.per_core },
    mem: { enabled: given.mem },
    swap: { enabled: given.swap },
    disk: { enabled: disk.enabled, ignoreFstypes: disk.ignore_fstypes },
    diskio: options(given.diskio, { devices: ['*'] as readonly string[] }),
    net: options(given.net, { interfaces: ['*', '!lo'] as readonly string[] }),
    system: { enabled: given.system },
    processes: { enabled: processes.enabled, intervalMs: Math.max(processes.interval, interval) },
  };
}

function auto(value: number | 'auto', derivedMs: number): number {
  return value === 'auto' ? Math.floor(derivedMs) : value;
}

function shape(file: AgentFile): AgentConfig {
  const { collector, collection, retry, spool } = file;
  return {
    clientId: file.client_id,
    host: file.host === '' ? hostname() : file.host,
    datacenter: file.datacenter,
    tags: file.tags,
    collector: shapeCollector(collector),
    stateDir: resolve(file.state_dir),
    collection: {
      intervalMs: collection.interval,
      jitterMs: auto(collection.jitter, Math.min(AUTO_JITTER_MS, collection.interval / 5)),
      timeoutMs: auto(collection.timeout, Math.min(AUTO_TIMEOUT_MS, collection.interval / 2)),
      source: collection.source,
      groups: shapeGroups(collection),
    },
    batch: file.batch,
    retry: { initialMs: retry.initial, maxMs: retry.max },
    spool: { bytesMax: spool.max_bytes, ageMaxMs: spool.max_age },
    admin: file.admin,
    log: file.log,
  };
}

export const agentSpec: ConfigSpec<AgentFile, AgentConfig> = {
  schema,
  defaultPath: '/etc/metricstream/agent.yaml',
  check,
  shape,
  summary: ({ collector, collection, stateDir, admin }) =>
    [
      `sends to ${collector.url}`,
      `every ${formatDuration(collection.intervalMs)}`,
      `admin on ${listenText(admin.listen)}`,
      `state in ${stateDir}`,
    ].join(', '),
};
