/** The procfs source: one visible array of its samplers. Reads /proc, /sys and statfs, and starts no process, ever. */
import type { Sampler } from '../sampler.ts';
import type { HostRoots, SamplerGroups } from '../options.ts';
import { createCpuSampler } from './cpu.ts';
import { createDiskSampler } from './disk.ts';
import { createDiskioSampler } from './diskio.ts';
import { createMemSampler } from './mem.ts';
import { createNetSampler } from './net.ts';
import { createProcessesSampler } from './processes.ts';
import { createSwapSampler } from './swap.ts';
import { createSystemSampler } from './system.ts';

/** @returns the samplers the groups ask for, in the order they are run. */
export function procfsSamplers(groups: SamplerGroups, roots: HostRoots): Sampler[] {
  return [
    groups.cpu.enabled && createCpuSampler(roots, groups.cpu),
    groups.mem.enabled && createMemSampler(roots),
    groups.swap.enabled && createSwapSampler(roots),
    groups.disk.enabled && createDiskSampler(roots, groups.disk),
    groups.diskio.enabled && createDiskioSampler(roots, groups.diskio),
    groups.net.enabled && createNetSampler(roots, groups.net),
    groups.system.enabled && createSystemSampler(roots),
    groups.processes.enabled && createProcessesSampler(roots, groups.processes),
  ].filter((sampler) => sampler !== false);
}
