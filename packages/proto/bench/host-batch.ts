/**
 * Batches as a small server's agent would push them, for benches and tests: 60 series (16 cpu, 6 mem, 15 disk, 15 net,
 * 5 system, 3 processes), names and labels Telegraf's, values drifting as they do. Seeded, so equal calls give equal bytes.
 */
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import type { Batch, Series, SeriesKind } from '../src/batch.ts';

function series(name: string, unit: string, kind: SeriesKind, labels: Series['labels'] = []): Series {
  return { name, unit, kind, labels };
}

/** The 60 series, and where each starts: `[start, drift per sweep]`. */
function hostSeries(): { series: Series[]; course: [number, number][] } {
  const list: Series[] = [];
  const course: [number, number][] = [];
  const add = (one: Series, start: number, drift: number): void => {
    list.push(one);
    course.push([start, drift]);
  };
  for (const cpu of ['cpu0', 'cpu1', 'cpu2', 'cpu3']) {
    for (const [field, start] of [
      ['user', 12],
      ['system', 4],
      ['idle', 83],
      ['iowait', 1],
    ] as const)
      add(series(`cpu.usage_${field}`, 'percent', 'float', [['cpu', cpu]]), start, 3);
  }
  for (const field of ['total', 'used', 'available', 'cached', 'buffered'])
    add(series(`mem.${field}`, 'bytes', 'integer'), 8.3e9, field === 'total' ? 0 : 4e6);
  add(series('mem.used_percent', 'percent', 'float'), 48.3, 0.05);
  for (const [path, device, fstype] of [
    ['/', 'nvme0n1p2', 'ext4'],
    ['/boot', 'nvme0n1p1', 'vfat'],
    ['/var/lib', 'nvme1n1', 'xfs'],
  ]) {
    const labels = [
      ['device', device],
      ['fstype', fstype],
      ['mode', 'rw'],
      ['path', path],
    ] as [string, string][];
    for (const field of ['total', 'used', 'free'])
      add(series(`disk.${field}`, 'bytes', 'integer', labels), 2.5e11, field === 'total' ? 0 : 4096 * 90);
    add(series('disk.used_percent', 'percent', 'float', labels), 61.2, 0.0001);
    add(series('disk.inodes_used', 'count', 'integer', labels), 812_345, 2);
  }
  for (const name of ['eth0', 'eth1', 'docker0']) {
    for (const field of ['bytes_recv', 'bytes_sent'])
      add(series(`net.${field}`, 'bytes', 'integer', [['interface', name]]), 9.1e11, 2.4e7);
    for (const field of ['packets_recv', 'packets_sent', 'err_in'])
      add(
        series(`net.${field}`, 'count', 'integer', [['interface', name]]),
        field === 'err_in' ? 0 : 7.7e8,
        field === 'err_in' ? 0 : 21_000,
      );
  }
  for (const field of ['load1', 'load5', 'load15']) add(series(`system.${field}`, '', 'float'), 0.8, 0.1);
  add(series('system.n_cpus', 'count', 'integer'), 4, 0);
  add(series('system.uptime', 'seconds', 'integer'), 1_234_567, 10);
  for (const field of ['running', 'blocked', 'total']) add(series(`processes.${field}`, 'count', 'integer'), 3, 1);
  return { series: list, course };
}

/** @returns batch `seq` of host number `host`, with this many sweeps 10 s apart. */
export function hostBatch(host: number, seq: number, sweeps: number): Batch {
  const { series: list, course } = hostSeries();
  const random = mulberry32(host * 7919 + seq);
  const values = new Float64Array(list.length * sweeps);
  for (const [index, one] of list.entries()) {
    const [start, drift] = course[index]!;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const value = start + drift * (sweep + random());
      // Percentages as agents compute them, quotients of counters; counters and sizes are whole.
      values[index * sweeps + sweep] = one.kind === 'integer' ? Math.floor(value) : value;
    }
  }
  const start = 1_790_000_000_000_000_000n + BigInt(seq) * 60_000_000_000n;
  return {
    clientId: `web-${String(host).padStart(4, '0')}.fra1`,
    epoch: 1_790_000_000_000 * 1024 + 517 + host,
    seq,
    schemaVersion: 1,
    agentVersion: '0.1.0',
    configHash: 0x9e3779b97f4a7c15n,
    pointsSampledTotal: seq * list.length * sweeps,
    droppedTotal: [],
    resource: [
      ['datacenter', 'fra1'],
      ['host', `web-${String(host).padStart(4, '0')}`],
      ['role', 'web'],
    ],
    series: list,
    timesUnixNano: Array.from({ length: sweeps }, (_, sweep) => start + BigInt(sweep) * 10_000_000_000n),
    values,
  };
}
