/** The dashboard of one host: CPU, memory, disks, network and processes. Owns what it shows. */
import { type Ask, asker, FULL, IDLE, tagOf } from './ask.ts';
import type { PanelSpec, RowSpec, Target } from './panels.ts';
import { type Language, latestAcross, over } from './questions.ts';

export function hostRows(language: Language): RowSpec[] {
  const ask = asker(language);
  return [
    { height: 4, panels: hostStats(ask) },
    { title: 'CPU and memory', height: 9, panels: cpuPanels(ask) },
    { height: 8, panels: memoryPanels(ask) },
    { title: 'Disks', height: 8, panels: diskPanels(ask) },
    { title: 'Network and processes', height: 8, panels: networkPanels(ask) },
  ];
}

function hostStats(ask: Ask): PanelSpec[] {
  const stat = { type: 'stat', width: 4 } as const;
  const one = (metric: string, how: 'mean' | 'max' = 'mean', by = 'host'): Target[] => [
    ask(latestAcross(how, { of: 'host', by: [by], metric })),
  ];
  return [
    { ...stat, title: 'Uptime', unit: 's', decimals: 0, targets: one('system.uptime') },
    {
      ...stat,
      title: 'CPU now',
      unit: 'percent',
      decimals: 1,
      warnAt: FULL,
      targets: [ask(latestAcross('mean', { of: 'host', by: ['host'], ...IDLE }))],
    },
    { ...stat, title: 'Memory now', unit: 'percent', decimals: 1, warnAt: FULL, targets: one('mem.used_percent') },
    {
      ...stat,
      title: 'Fullest file system',
      unit: 'percent',
      decimals: 1,
      warnAt: FULL,
      targets: one('disk.used_percent', 'max', 'path'),
    },
    { ...stat, title: 'Processors', unit: 'short', decimals: 0, targets: one('system.n_cpus') },
    { ...stat, title: 'Processes now', unit: 'short', decimals: 0, targets: one('processes.total') },
  ];
}

const line = { type: 'timeseries', width: 12 } as const;
const narrow = { type: 'timeseries', width: 8 } as const;
const metrics = (measurement: string, ...fields: string[]): string[] =>
  fields.map((field) => `${measurement}.${field}`);
const HOST = { of: 'host' } as const;

function cpuPanels(ask: Ask): PanelSpec[] {
  const modes = metrics(
    'cpu',
    'usage_user',
    'usage_system',
    'usage_iowait',
    'usage_nice',
    'usage_irq',
    'usage_softirq',
    'usage_steal',
  );
  return [
    {
      ...line,
      title: 'CPU by mode',
      unit: 'percent',
      min: 0,
      max: 100,
      stacked: true,
      targets: [
        ask(over({ ...HOST, metric: modes, tags: { cpu: 'cpu-total' }, by: ['metric_name'] }), tagOf('metric_name')),
      ],
    },
    {
      ...line,
      title: 'Load',
      unit: 'short',
      min: 0,
      targets: [
        ask(
          over({ ...HOST, metric: metrics('system', 'load1', 'load5', 'load15'), by: ['metric_name'] }),
          tagOf('metric_name'),
        ),
      ],
    },
  ];
}

function memoryPanels(ask: Ask): PanelSpec[] {
  const one = (metric: string, legend: string): Target => ask(over({ ...HOST, metric, by: ['host'] }), legend);
  const rate = (metric: string, legend: string): Target =>
    ask(over({ ...HOST, metric, by: ['host'], as: 'rate' }), legend);
  return [
    {
      ...line,
      title: 'Memory',
      description: 'Used and available are all there is.',
      unit: 'bytes',
      min: 0,
      stacked: true,
      targets: [one('mem.used', 'used'), one('mem.available', 'available')],
    },
    {
      ...line,
      title: 'Swapping',
      unit: 'Bps',
      min: 0,
      targets: [rate('swap.in', 'read back'), rate('swap.out', 'written')],
    },
  ];
}

function diskPanels(ask: Ask): PanelSpec[] {
  const rate = (metric: string, what: string): Target =>
    ask(over({ ...HOST, metric, by: ['name'], as: 'rate' }), `${tagOf('name')} ${what}`);
  return [
    {
      ...narrow,
      title: 'File systems',
      unit: 'percent',
      min: 0,
      max: 100,
      warnAt: FULL,
      targets: [ask(over({ ...HOST, metric: 'disk.used_percent', by: ['path'] }), tagOf('path'))],
    },
    {
      ...narrow,
      title: 'Throughput',
      unit: 'Bps',
      min: 0,
      targets: [rate('diskio.read_bytes', 'read'), rate('diskio.write_bytes', 'written')],
    },
    {
      ...narrow,
      title: 'Latency of requests',
      description: 'Mean time of a request between two samples.',
      unit: 'ms',
      min: 0,
      targets: [ask(over({ ...HOST, metric: 'diskio.io_await', by: ['name'] }), tagOf('name'))],
    },
  ];
}

function networkPanels(ask: Ask): PanelSpec[] {
  const rate = (metric: string, what: string): Target =>
    ask(over({ ...HOST, metric, by: ['interface'], as: 'rate' }), `${tagOf('interface')} ${what}`);
  const states = metrics('processes', 'running', 'blocked', 'sleeping', 'idle', 'stopped', 'zombies');
  return [
    {
      ...narrow,
      title: 'Network',
      unit: 'Bps',
      min: 0,
      targets: [rate('net.bytes_recv', 'received'), rate('net.bytes_sent', 'sent')],
    },
    {
      ...narrow,
      title: 'Packets lost',
      description: 'Errors and drops, both ways.',
      unit: 'pps',
      min: 0,
      targets: [
        rate('net.err_in', 'errors in'),
        rate('net.err_out', 'errors out'),
        rate('net.drop_in', 'dropped in'),
        rate('net.drop_out', 'dropped out'),
      ],
    },
    {
      ...narrow,
      title: 'Processes',
      unit: 'short',
      min: 0,
      stacked: true,
      targets: [ask(over({ ...HOST, metric: states, by: ['metric_name'] }), tagOf('metric_name'))],
    },
  ];
}
