/**
 * Space and inodes of file systems: mounts from the kernel, numbers from statfs. Owns the calls that have not come
 * back. statfs on a dead NFS server never does and keeps one of libuv's four threads, which the spool and TLS need
 * too; so such a mount is asked on a thread, again only after its last call came back, and at most `HUNG_MOUNTS_MAX`
 * are out at once. File systems of this host's own answer from memory and are asked in line, at a tenth of the cost.
 */
import { readlinkSync, statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Fault, Reading, Sampler } from '../sampler.ts';
import type { FieldName } from '../metrics.ts';
import { LABEL_SETS_MAX, createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { type Mount, answersAtOnce, parseMountinfo, selectMounts } from './mountinfo.ts';
import { openTextFile } from './text-file.ts';

/** Of libuv's four threads, two may be lost to hung mounts. */
export const HUNG_MOUNTS_MAX = 2;
/** A server that is there answers in milliseconds; a call that takes this long is taken as hung. */
const STATFS_MS_MAX = 1000;

/** What statfs(2) says; block counts are in units of `frsize`. */
export interface StatfsNumbers {
  bsize: number;
  frsize?: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
}

/**
 * Telegraf's disk fields: `free` is what ordinary users can have, `used_percent` is used / (used + free), as df.
 * @returns undefined for file systems without a size (cgroup, proc), which have no space to tell of.
 */
export function diskFields(stat: StatfsNumbers): Record<FieldName<'disk'>, number> | undefined {
  const blockBytes = stat.frsize !== undefined && stat.frsize > 0 ? stat.frsize : stat.bsize;
  const total = stat.blocks * blockBytes;
  if (total === 0) return undefined;
  const free = stat.bavail * blockBytes;
  const used = (stat.blocks - stat.bfree) * blockBytes;
  const inodesUsed = stat.files - stat.ffree;
  return {
    total,
    free,
    used,
    used_percent: used + free > 0 ? (used / (used + free)) * 100 : 0,
    inodes_total: stat.files,
    inodes_free: stat.ffree,
    inodes_used: inodesUsed,
    inodes_used_percent: stat.files > 0 ? (inodesUsed / stat.files) * 100 : 0,
  };
}

export interface DiskSamplerOptions {
  ignoreFstypes: readonly string[];
  /** Replaced by tests only: mounts that answer at once, and those that may not. */
  statfsSync?: (path: string) => StatfsNumbers;
  statfs?: (path: string) => Promise<StatfsNumbers>;
  /** Replaced by tests only. */
  statfsMsMax?: number;
}

/** @returns a sampler that gives every mount it can; a hung or refused one is a fault and costs only its own points. */
export function createDiskSampler(roots: HostRoots, options: DiskSamplerOptions): Sampler {
  const file = openTextFile(`${roots.procRoot}/self/mountinfo`, 'utf8');
  const seriesOf = createSeriesOf('disk');
  const ignored = new Set(options.ignoreFstypes);
  const askNow = createAsker(options.statfsSync ?? statfsSync);
  const askLater = createPatientAsker(options.statfs ?? statfs, options.statfsMsMax ?? STATFS_MS_MAX);
  const nameOf = createDeviceNames(roots.sysRoot);

  const push = (readings: Reading[], mount: Mount, stat: StatfsNumbers | undefined): void => {
    const fields = stat === undefined ? undefined : diskFields(stat);
    if (fields === undefined) return;
    const series = seriesOf(nameOf(mount), mount.fstype, mount.mode, mount.path);
    let field: FieldName<'disk'>;
    for (field in fields) readings.push({ series: series[field], value: fields[field] });
  };
  const sampleLater = async (readings: Reading[], mounts: Mount[], signal: AbortSignal, fault: Fault) => {
    for (const mount of mounts) {
      if (signal.aborted) break;
      push(readings, mount, await askLater(mount, fault));
    }
    return readings;
  };

  return {
    name: 'disk',
    close: file.close,
    sample(signal, fault) {
      const mounts = selectMounts(parseMountinfo(file.read()), ignored);
      if (mounts.length > LABEL_SETS_MAX) fault(`${mounts.length} mounts: only ${LABEL_SETS_MAX} are sampled`);
      const readings: Reading[] = [];
      const later: Mount[] = [];
      for (const mount of mounts.slice(0, LABEL_SETS_MAX)) {
        if (answersAtOnce(mount.fstype)) push(readings, mount, askNow(mount, fault));
        else later.push(mount);
      }
      return later.length === 0 ? readings : sampleLater(readings, later, signal, fault);
    },
  };
}

/** Mounts another user's FUSE hides from us, or that went away since the list was read, are not ours to count. */
const NOT_OURS = new Set(['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR']);

function refused(mount: Mount, error: unknown, fault: Fault): void {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (!NOT_OURS.has(code)) fault(`statfs ${mount.path} (${mount.fstype}): ${(error as Error).message}`);
}

function createAsker(call: (path: string) => StatfsNumbers): (mount: Mount, fault: Fault) => StatfsNumbers | undefined {
  return (mount, fault) => {
    try {
      return call(mount.path);
    } catch (error) {
      refused(mount, error, fault);
      return undefined;
    }
  };
}

function createPatientAsker(
  call: (path: string) => Promise<StatfsNumbers>,
  msMax: number,
): (mount: Mount, fault: Fault) => Promise<StatfsNumbers | undefined> {
  const out = new Set<string>();
  return async (mount, fault) => {
    const { path, fstype } = mount;
    if (out.has(path)) {
      fault(`statfs ${path} (${fstype}) still hangs: not asked again`);
      return undefined;
    }
    if (out.size >= HUNG_MOUNTS_MAX) {
      fault(`${path} (${fstype}) is not asked while ${out.size} other mounts hang`);
      return undefined;
    }
    out.add(path);
    let timer: NodeJS.Timeout | undefined;
    try {
      const answer = call(path).finally(() => out.delete(path));
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(resolve, msMax, undefined);
      });
      const stat = await Promise.race([answer, late]);
      if (stat === undefined) {
        fault(`statfs ${path} (${fstype}) took longer than ${msMax} ms`);
        // It may yet fail, with nobody left to hear it.
        answer.catch(() => undefined);
      }
      return stat;
    } catch (error) {
      refused(mount, error, fault);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * Telegraf's device label: without `/dev/`, and by the kernel's name (`dm-0`, `vda1`) where the source is an alias.
 */
function createDeviceNames(sysRoot: string): (mount: Mount) => string {
  const known = new Map<string, string>();
  return ({ source, deviceNumber }) => {
    if (source !== '/dev/root' && !source.startsWith('/dev/mapper/')) return source.replaceAll('/dev/', '');
    const key = `${deviceNumber} ${source}`;
    let name = known.get(key);
    if (name === undefined) {
      if (known.size >= LABEL_SETS_MAX) known.clear();
      name = kernelName(sysRoot, deviceNumber) ?? source.replaceAll('/dev/', '');
      known.set(key, name);
    }
    return name;
  };
}

function kernelName(sysRoot: string, deviceNumber: string): string | undefined {
  try {
    return basename(readlinkSync(`${sysRoot}/dev/block/${deviceNumber}`));
  } catch {
    return undefined;
  }
}
