/**
 * Finds out what the host is, by systeminformation. Owns the list of its calls, all without arguments. It starts dozens
 * of processes and can hang on a dead mount, so it runs in a child process only (child.ts), never in the agent itself.
 */
import type { HostFacts } from './facts.ts';

/** @returns what could be found; a part that fails is left out. */
export async function collectHostFacts(): Promise<Partial<HostFacts>> {
  const { default: library } = await import('systeminformation');
  const [os, cpu, memory, machine, devices] = await Promise.allSettled([
    library.osInfo(),
    library.cpu(),
    library.mem(),
    library.system(),
    library.blockDevices(),
  ]);
  const facts: Partial<HostFacts> = {};
  if (os.status === 'fulfilled') {
    const { platform, distro, release, kernel, arch } = os.value;
    Object.assign(facts, { platform, distro, release, kernel, arch });
  }
  if (cpu.status === 'fulfilled') {
    facts.cpuModel = `${cpu.value.manufacturer} ${cpu.value.brand}`;
    facts.cores = cpu.value.cores;
    facts.physicalCores = cpu.value.physicalCores;
  }
  if (memory.status === 'fulfilled') facts.memoryBytes = memory.value.total;
  if (machine.status === 'fulfilled') {
    facts.manufacturer = machine.value.manufacturer;
    facts.model = machine.value.model;
    facts.virtual = machine.value.virtual;
    facts.virtualHost = machine.value.virtualHost ?? '';
  }
  if (devices.status === 'fulfilled')
    facts.disks = devices.value
      .filter(({ type, size }) => type === 'disk' && size > 0)
      .map(({ name, size, physical }) => ({ name, bytes: size, kind: physical }));
  return facts;
}
