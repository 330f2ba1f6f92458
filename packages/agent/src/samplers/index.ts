/** Which samplers run: the chosen source's array. Adding a sampler means adding a line to an array below this file. */
import { existsSync } from 'node:fs';
import type { Sampler } from './sampler.ts';
import { HOST_ROOTS, type HostRoots, type SamplerOptions, type SourceName } from './options.ts';
import { procfsSamplers } from './procfs/index.ts';
import { systeminformationSamplers } from './systeminformation/index.ts';

export { SAMPLER_DEFAULTS, type SamplerGroups, type SamplerOptions, type SourceName } from './options.ts';

/** @returns the source that `auto` means on this host: procfs on Linux with a readable /proc, else systeminformation. */
export function chooseSource(source: SourceName, procRoot: string = HOST_ROOTS.procRoot): Exclude<SourceName, 'auto'> {
  if (source !== 'auto') return source;
  return process.platform === 'linux' && existsSync(`${procRoot}/stat`) ? 'procfs' : 'systeminformation';
}

/** @param roots where the kernel's files are; tests feed other trees. */
export function createSamplers(options: SamplerOptions, roots: HostRoots = HOST_ROOTS): Sampler[] {
  return chooseSource(options.source, roots.procRoot) === 'procfs'
    ? procfsSamplers(options.groups, roots)
    : systeminformationSamplers(options.groups);
}
