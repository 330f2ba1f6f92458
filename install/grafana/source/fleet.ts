/** The dashboard of all hosts: how full, how busy, and which ones to look at. Owns what it shows. */
import { type Ask, asker, FULL, IDLE, uidOf } from './ask.ts';
import type { Column, PanelSpec, RowSpec, Target } from './panels.ts';
import { across, type Language, largest, latest, latestAcross, type Question, type Select } from './questions.ts';

const FLEET = { of: 'fleet', by: ['host'] } as const;
const DEVICES = { of: 'fleet', by: ['host', 'name'] } as const;
const INTERFACES = { of: 'fleet', by: ['host', 'interface'] } as const;

const line = { type: 'timeseries', width: 12 } as const;

export function fleetRows(language: Language): RowSpec[] {
  const ask = asker(language);
  return [
    { height: 4, panels: fleetStats(ask) },
    { height: 9, panels: fullnessPanels(ask) },
    { height: 9, panels: throughputPanels(ask) },
    { height: 9, panels: latencyPanels(ask) },
    { height: 12, panels: fleetTables(language) },
  ];
}

/** Each of what `select` names counts once. */
function spread(ask: Ask, select: Select): Target[] {
  return [
    ask(across('mean', select), 'mean'),
    ask(across('p95', select), 'p95'),
    ask(across('max', select), 'highest'),
  ];
}

function fullnessPanels(ask: Ask): PanelSpec[] {
  const percent = { ...line, unit: 'percent', min: 0, max: 100, warnAt: FULL } as const;
  const memory = { ...FLEET, metric: 'mem.used_percent' };
  return [
    { ...percent, title: 'CPU across hosts', targets: spread(ask, { ...FLEET, ...IDLE }) },
    { ...percent, title: 'Memory across hosts', targets: spread(ask, memory) },
  ];
}

function throughputPanels(ask: Ask): PanelSpec[] {
  const bytes = { ...line, unit: 'Bps', min: 0 } as const;
  const network = (metric: string): Question => across('sum', { ...INTERFACES, metric, as: 'rate' });
  const disks = (metric: string): Question => across('sum', { ...DEVICES, metric, as: 'rate' });
  return [
    {
      ...bytes,
      title: 'Network, all hosts',
      targets: [ask(network('net.bytes_recv'), 'received'), ask(network('net.bytes_sent'), 'sent')],
    },
    {
      ...bytes,
      title: 'Disks, all hosts',
      targets: [ask(disks('diskio.read_bytes'), 'read'), ask(disks('diskio.write_bytes'), 'written')],
    },
  ];
}

function latencyPanels(ask: Ask): PanelSpec[] {
  return [
    {
      ...line,
      title: 'Latency of disk requests across disks',
      description: 'Mean time of a request between two samples; each disk of each host counts once.',
      unit: 'ms',
      min: 0,
      targets: spread(ask, { ...DEVICES, metric: 'diskio.io_await' }),
    },
    {
      ...line,
      title: 'Load across hosts',
      description: 'Load average of 1 minute.',
      unit: 'short',
      min: 0,
      targets: spread(ask, { ...FLEET, metric: 'system.load1' }),
    },
  ];
}

function fleetStats(ask: Ask): PanelSpec[] {
  const stat = { type: 'stat', width: 6 } as const;
  return [
    {
      ...stat,
      title: 'Hosts',
      description: 'With a sample in the time shown.',
      unit: 'short',
      decimals: 0,
      targets: [ask(latestAcross('count', { ...FLEET, metric: 'system.uptime' }))],
    },
    {
      ...stat,
      title: 'CPU, mean of hosts',
      unit: 'percent',
      decimals: 1,
      warnAt: FULL,
      targets: [ask(latestAcross('mean', { ...FLEET, ...IDLE }))],
    },
    {
      ...stat,
      title: 'Memory, p95 of hosts',
      unit: 'percent',
      decimals: 1,
      warnAt: FULL,
      targets: [ask(latestAcross('p95', { ...FLEET, metric: 'mem.used_percent' }))],
    },
    {
      ...stat,
      title: 'Fullest file system',
      unit: 'percent',
      decimals: 1,
      warnAt: FULL,
      targets: [ask(latestAcross('max', { of: 'fleet', by: ['host', 'path'], metric: 'disk.used_percent' }))],
    },
  ];
}

function fleetTables(language: Language): PanelSpec[] {
  const ask = asker(language, 'table');
  const data = language === 'influxql' ? 'policy' : 'bucket';
  const url = `/d/${uidOf('host', language)}?var-host=\${__value.raw}&\${datasource:queryparam}&\${${data}:queryparam}&\${__url_time_range}`;
  const host: Column = { name: 'host', link: { title: 'Look at this host', url } };
  const percent = { unit: 'percent', warnAt: FULL } as const;
  return [
    {
      type: 'table',
      title: 'Every host',
      description: 'The latest sample of each in the time shown. A click on a host leads to it.',
      unit: 'short',
      width: 14,
      targets: [
        ask(latest('CPU', { ...FLEET, ...IDLE })),
        ask(latest('Memory', { ...FLEET, metric: 'mem.used_percent' })),
        ask(latest('Load', { ...FLEET, metric: 'system.load1' })),
        ask(latest('Uptime', { ...FLEET, metric: 'system.uptime' })),
      ],
      columns: [
        host,
        { name: 'CPU', ...percent },
        { name: 'Memory', ...percent },
        { name: 'Load' },
        { name: 'Uptime', unit: 's' },
      ],
    },
    {
      type: 'table',
      title: 'The ten fullest file systems',
      unit: 'percent',
      width: 10,
      targets: [ask(largest(10, 'Used', { of: 'fleet', by: ['host', 'path'], metric: 'disk.used_percent' }))],
      columns: [host, { name: 'Used', ...percent }, { name: 'path' }],
    },
  ];
}
