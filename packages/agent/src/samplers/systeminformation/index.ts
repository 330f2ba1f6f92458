/**
 * The systeminformation source: one visible array of its samplers. It is the source wherever there is no /proc, and can
 * be chosen anywhere. On Linux each sweep starts dozens of child processes; that is why it is not the default there.
 */
import type { Sampler } from '../sampler.ts';
import type { SamplerGroups } from '../options.ts';
import { createCpuSampler } from './cpu.ts';
import { createDiskSampler } from './disk.ts';
import { createDiskioSampler } from './diskio.ts';
import { type LoadLibrary, loadLibrary } from './library.ts';
import { createMemSampler, createSwapSampler } from './mem.ts';
import { createNetSampler } from './net.ts';
import { createProcessesSampler } from './processes.ts';
import { createSystemSampler } from './system.ts';

/** @returns the samplers the groups ask for. `diskio.devices` means nothing here: the library has only their sum. */
export function systeminformationSamplers(groups: SamplerGroups, load: LoadLibrary = loadLibrary): Sampler[] {
  return [
    groups.cpu.enabled && createCpuSampler(load, groups.cpu),
    groups.mem.enabled && createMemSampler(load),
    groups.swap.enabled && createSwapSampler(load),
    groups.disk.enabled && createDiskSampler(load, groups.disk),
    groups.diskio.enabled && createDiskioSampler(load),
    groups.net.enabled && createNetSampler(load, groups.net),
    groups.system.enabled && createSystemSampler(),
    groups.processes.enabled && createProcessesSampler(load, groups.processes),
  ].filter((sampler) => sampler !== false);
}
