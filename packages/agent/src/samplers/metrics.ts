/**
 * Every metric the agent can sample: the one table of measurements, labels, fields, units and kinds. Owns the words,
 * which are Telegraf's, so that dashboards made for it light up. Both sources name their series from here
 * and the documentation is generated from here. Label keys are sorted, as a Series wants them.
 */
import type { SeriesKind } from '@metricstream/proto/batch.ts';

/** Every unit in use. `count` is a plain number; `ms` in a counter is time spent, not a moment. */
export type Unit = 'percent' | 'bytes' | 'count' | 'ms' | 'seconds' | 'Mbit/s';

export interface MetricDefinition {
  readonly unit: Unit;
  readonly kind: SeriesKind;
  /** One phrase for the documentation. */
  readonly help: string;
}

interface MeasurementDefinition {
  readonly labels: readonly string[];
  readonly fields: Readonly<Record<string, MetricDefinition>>;
}

const percent = (help: string): MetricDefinition => ({ unit: 'percent', kind: 'float', help });
const bytes = (help: string): MetricDefinition => ({ unit: 'bytes', kind: 'integer', help });
const count = (help: string): MetricDefinition => ({ unit: 'count', kind: 'integer', help });
const ms = (help: string): MetricDefinition => ({ unit: 'ms', kind: 'integer', help });
const load = (help: string): MetricDefinition => ({ unit: 'count', kind: 'float', help });

const cpu = {
  labels: ['cpu'],
  fields: {
    usage_user: percent('time in user code, guests excluded'),
    usage_system: percent('time in the kernel'),
    usage_idle: percent('time idle'),
    usage_iowait: percent('time idle while a disk was waited for'),
    usage_nice: percent('time in user code of lowered priority, guests excluded'),
    usage_irq: percent('time in hardware interrupts'),
    usage_softirq: percent('time in deferred interrupts'),
    usage_steal: percent('time the hypervisor gave to others'),
    usage_guest: percent('time running virtual machines'),
    usage_guest_nice: percent('time running virtual machines of lowered priority'),
  },
} as const satisfies MeasurementDefinition;

const mem = {
  labels: [],
  fields: {
    total: bytes('memory the kernel manages'),
    used: bytes('total less available'),
    used_percent: percent('used of total'),
    available: bytes('what new programs can have without swapping'),
    available_percent: percent('available of total'),
    free: bytes('not used for anything'),
    cached: bytes('page cache and reclaimable slab'),
    buffered: bytes('buffers of block devices'),
    active: bytes('used recently'),
    inactive: bytes('not used recently'),
    slab: bytes("the kernel's own structures"),
    sreclaimable: bytes('slab that can be given back'),
    sunreclaim: bytes('slab that cannot be given back'),
    shared: bytes('tmpfs and shared memory'),
    mapped: bytes('files mapped into programs'),
    dirty: bytes('waiting to be written to disk'),
    write_back: bytes('being written to disk'),
    write_back_tmp: bytes('being written by FUSE'),
    page_tables: bytes('page tables'),
    commit_limit: bytes('most that may be promised'),
    committed_as: bytes('promised to programs'),
    swap_total: bytes('swap space'),
    swap_free: bytes('swap space not used'),
    swap_cached: bytes('in memory and in swap'),
    vmalloc_total: bytes('kernel address space'),
    vmalloc_used: bytes('kernel address space in use'),
    vmalloc_chunk: bytes('largest free piece of kernel address space'),
    huge_pages_total: count('huge pages'),
    huge_pages_free: count('huge pages not in use'),
    huge_page_size: bytes('size of one huge page'),
    high_total: bytes('high memory (32-bit kernels)'),
    high_free: bytes('high memory not used (32-bit kernels)'),
    low_total: bytes('low memory (32-bit kernels)'),
    low_free: bytes('low memory not used (32-bit kernels)'),
  },
} as const satisfies MeasurementDefinition;

const swap = {
  labels: [],
  fields: {
    total: bytes('swap space'),
    used: bytes('swap space in use'),
    free: bytes('swap space not used'),
    used_percent: percent('used of total; 0 without swap'),
    in: bytes('read back from swap since boot'),
    out: bytes('written to swap since boot'),
  },
} as const satisfies MeasurementDefinition;

const disk = {
  labels: ['device', 'fstype', 'mode', 'path'],
  fields: {
    total: bytes('size of the file system'),
    free: bytes('free for ordinary users'),
    used: bytes('in use'),
    used_percent: percent('used of used and free, as df says it'),
    inodes_total: count('inodes'),
    inodes_free: count('inodes not in use'),
    inodes_used: count('inodes in use'),
    inodes_used_percent: percent('inodes in use'),
  },
} as const satisfies MeasurementDefinition;

const diskio = {
  labels: ['name'],
  fields: {
    reads: count('reads completed since boot'),
    writes: count('writes completed since boot'),
    read_bytes: bytes('read since boot'),
    write_bytes: bytes('written since boot'),
    read_time: ms('time reads took since boot, summed over reads'),
    write_time: ms('time writes took since boot, summed over writes'),
    io_time: ms('time with at least one request under way since boot'),
    weighted_io_time: ms('time of all requests since boot, summed'),
    merged_reads: count('reads joined with a neighbour since boot'),
    merged_writes: count('writes joined with a neighbour since boot'),
    iops_in_progress: count('requests under way'),
    io_util: percent('share of the time since the last sweep with a request under way'),
    io_await: { unit: 'ms', kind: 'float', help: 'mean time of a request since the last sweep' },
    io_svctm: { unit: 'ms', kind: 'float', help: 'busy time per request since the last sweep' },
  },
} as const satisfies MeasurementDefinition;

const net = {
  labels: ['interface'],
  fields: {
    bytes_recv: bytes('received'),
    bytes_sent: bytes('sent'),
    packets_recv: count('packets received'),
    packets_sent: count('packets sent'),
    err_in: count('errors receiving'),
    err_out: count('errors sending'),
    drop_in: count('packets dropped receiving'),
    drop_out: count('packets dropped sending'),
    speed: { unit: 'Mbit/s', kind: 'integer', help: 'speed of the link, -1 where there is none to tell' },
  },
} as const satisfies MeasurementDefinition;

const system = {
  labels: [],
  fields: {
    load1: load('load average of 1 minute'),
    load5: load('load average of 5 minutes'),
    load15: load('load average of 15 minutes'),
    n_cpus: count('logical processors online'),
    n_physical_cpus: count('cores online, hyper-threads not counted'),
    n_users: count('sessions logged in, where utmp is kept'),
    n_unique_users: count('users logged in, where utmp is kept'),
    uptime: { unit: 'seconds', kind: 'integer', help: 'since boot' },
  },
} as const satisfies MeasurementDefinition;

const processes = {
  labels: [],
  fields: {
    running: count('running or ready to run'),
    blocked: count('in uninterruptible sleep'),
    sleeping: count('in interruptible sleep'),
    idle: count('idle kernel threads'),
    stopped: count('stopped or traced'),
    zombies: count('ended, not yet waited for'),
    dead: count('dead'),
    paging: count('paging (kernels before 2.6)'),
    unknown: count('in any other state'),
    total: count('all processes'),
    total_threads: count('all threads of all processes'),
  },
} as const satisfies MeasurementDefinition;

/** Filled by the inventory, not by a source; a label is left out where the host does not tell. */
const host = {
  labels: [
    'arch',
    'cpu_cores',
    'cpu_model',
    'cpu_physical_cores',
    'disk_bytes',
    'disks',
    'kernel',
    'manufacturer',
    'memory_bytes',
    'model',
    'os',
    'os_version',
    'platform',
    'virtual',
    'virtual_host',
  ],
  fields: {
    info: count('always 1; the labels say what the host is, at start and once a day'),
  },
} as const satisfies MeasurementDefinition;

export const METRICS = { cpu, mem, swap, disk, diskio, net, system, processes, host } as const;

export type Measurement = keyof typeof METRICS;
export type FieldName<M extends Measurement> = keyof (typeof METRICS)[M]['fields'] & string;

/** @returns the table as rows, in its own order: what the documentation and `--json` schemas are made from. */
export function metricRows(): { name: string; labels: readonly string[]; definition: MetricDefinition }[] {
  return Object.entries(METRICS).flatMap(([measurement, { labels, fields }]) =>
    Object.entries(fields).map(([field, definition]) => ({ name: `${measurement}.${field}`, labels, definition })),
  );
}
