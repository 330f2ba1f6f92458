/**
 * What an operator can say about sampling. Owns the types and the defaults; reading them from YAML is the config's
 * part, whose `collection` section has this very shape.
 */

/** `auto` is procfs where there is a /proc to read (Linux), else systeminformation. */
export type SourceName = 'auto' | 'procfs' | 'systeminformation';

export interface SamplerGroups {
  readonly cpu: { readonly enabled: boolean; readonly perCore: boolean };
  readonly mem: { readonly enabled: boolean };
  readonly swap: { readonly enabled: boolean };
  /** File systems of these types are not sampled; those of the kernel's own that have no size never are. */
  readonly disk: { readonly enabled: boolean; readonly ignoreFstypes: readonly string[] };
  /** Globs with `!` for "not"; a bare `*` means whole devices only, without loop, RAM and floppy devices. */
  readonly diskio: { readonly enabled: boolean; readonly devices: readonly string[] };
  /** Globs with `!` for "not"; interfaces that are down are never sampled. */
  readonly net: { readonly enabled: boolean; readonly interfaces: readonly string[] };
  readonly system: { readonly enabled: boolean };
  readonly processes: { readonly enabled: boolean; readonly intervalMs: number };
}

export interface SamplerOptions {
  readonly source: SourceName;
  readonly groups: SamplerGroups;
}

export const SAMPLER_DEFAULTS: SamplerOptions = {
  source: 'auto',
  groups: {
    cpu: { enabled: true, perCore: false },
    mem: { enabled: true },
    swap: { enabled: true },
    disk: {
      enabled: true,
      ignoreFstypes: ['tmpfs', 'devtmpfs', 'devfs', 'iso9660', 'overlay', 'aufs', 'squashfs'],
    },
    diskio: { enabled: true, devices: ['*'] },
    net: { enabled: true, interfaces: ['*', '!lo'] },
    system: { enabled: true },
    processes: { enabled: true, intervalMs: 30_000 },
  },
};

/** Where the kernel's files are: tests feed other trees. */
export interface HostRoots {
  readonly procRoot: string;
  readonly sysRoot: string;
  /** Login records; absent on hosts that have given utmp up. */
  readonly utmpFile: string;
}

export const HOST_ROOTS: HostRoots = { procRoot: '/proc', sysRoot: '/sys', utmpFile: '/var/run/utmp' };
