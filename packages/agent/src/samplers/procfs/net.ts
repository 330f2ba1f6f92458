/**
 * Traffic of network interfaces, from /proc/net/dev, with state and speed from sysfs. Owns what sysfs said, for
 * `LINK_MS` each: a host of many containers has hundreds of interfaces, and asking two files of each every sweep costs
 * more than all else together. Interfaces that are down give no points.
 */
import type { Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { createNameFilter } from '../name-filter.ts';
import { openTextFile, readShortFile } from './text-file.ts';
import { readNumbers } from './parse-numbers.ts';

/** How long a link's state and speed are believed. */
const LINK_MS = 30_000;
/** net_device_flags, include/uapi/linux/if.h. */
const IFF_UP = 1;
const NUMBERS = 16;

export type NetCounters = Record<Exclude<FieldName<'net'>, 'speed'>, number>;

/** Reads /proc/net/dev (proc_pid_net(5)); headers and lines of another shape are passed over. */
export function parseNetDev(text: string): Map<string, NetCounters> {
  const interfaces = new Map<string, NetCounters>();
  const numbers: number[] = [];
  for (const line of text.split('\n')) {
    // The last colon: an alias (`eth0:1`) has one in its name, numbers have none.
    const colon = line.lastIndexOf(':');
    if (colon === -1 || readNumbers(line, colon, line.length, numbers) < NUMBERS) continue;
    interfaces.set(line.slice(0, colon).trim(), {
      bytes_recv: numbers[0] as number,
      bytes_sent: numbers[8] as number,
      packets_recv: numbers[1] as number,
      packets_sent: numbers[9] as number,
      err_in: numbers[2] as number,
      err_out: numbers[10] as number,
      drop_in: numbers[3] as number,
      drop_out: numbers[11] as number,
    });
  }
  return interfaces;
}

export interface Link {
  up: boolean;
  /** Mbit/s, -1 when the kernel has no answer. */
  speed: number;
}

/**
 * Reads /sys/class/net/NAME/{flags,speed} (Documentation/ABI/testing/sysfs-class-net).
 * @param flags hexadecimal; undefined (no sysfs) counts as up.
 */
export function parseLink(flags: string | undefined, speed: string | undefined): Link {
  const bits = flags === undefined ? IFF_UP : Number.parseInt(flags, 16);
  const mbits = Number.parseInt(speed ?? '', 10);
  return { up: (bits & IFF_UP) !== 0, speed: Number.isNaN(mbits) || mbits < 0 ? -1 : mbits };
}

/** @param options.interfaces globs with `!` for "not". */
export function createNetSampler(
  roots: HostRoots,
  options: { interfaces: readonly string[] },
  monotonicMs: () => number = () => performance.now(),
): Sampler {
  const file = openTextFile(`${roots.procRoot}/net/dev`, 'utf8');
  const seriesOf = createSeriesOf('net');
  const takes = createNameFilter(options.interfaces);
  let links = new Map<string, Link>();
  let linksMs = Number.NEGATIVE_INFINITY;

  const linkOf = (name: string): Link => {
    let link = links.get(name);
    if (link === undefined) {
      const path = `${roots.sysRoot}/class/net/${name}`;
      link = parseLink(readShortFile(`${path}/flags`), readShortFile(`${path}/speed`));
      links.set(name, link);
    }
    return link;
  };

  return {
    name: 'net',
    close: file.close,
    sample(_signal, fault): Reading[] {
      const nowMs = monotonicMs();
      if (nowMs - linksMs >= LINK_MS) {
        links = new Map();
        linksMs = nowMs;
      }
      const readings: Reading[] = [];
      let taken = 0;
      for (const [name, counters] of parseNetDev(file.read())) {
        if (!takes(name)) continue;
        if (taken >= LABEL_SETS_MAX) {
          fault(`more than ${LABEL_SETS_MAX} interfaces: the others are not sampled (name fewer in net.interfaces)`);
          break;
        }
        taken++;
        const link = linkOf(name);
        if (!link.up) continue;
        const series = seriesOf(name);
        let field: keyof NetCounters;
        for (field in counters) readings.push({ series: series[field], value: counters[field] });
        readings.push({ series: series.speed, value: link.speed });
      }
      return readings;
    },
  };
}
