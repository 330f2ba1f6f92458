/**
 * The library systeminformation, loaded only when its source is used: a host that reads /proc never pays for it. Owns
 * the rule that nothing but constants is ever passed in, since its arguments have ended up in shells before
 * (CVE-2021-21315, CVE-2026-50289); the interface below has no arguments to pass.
 */
import type { Systeminformation } from 'systeminformation';

export interface Library {
  currentLoad(): Promise<Systeminformation.CurrentLoadData>;
  mem(): Promise<Systeminformation.MemData>;
  fsSize(): Promise<Systeminformation.FsSizeData[]>;
  /** null on Windows. */
  fsStats(): Promise<Systeminformation.FsStatsData | null>;
  /** null on Windows. */
  disksIO(): Promise<Systeminformation.DisksIoData | null>;
  networkStats(): Promise<Systeminformation.NetworkStatsData[]>;
  processes(): Promise<Systeminformation.ProcessesData>;
}

export type LoadLibrary = () => Promise<Library>;

let loaded: Promise<Library> | undefined;

export const loadLibrary: LoadLibrary = () => (loaded ??= load());

async function load(): Promise<Library> {
  const { default: library } = await import('systeminformation');
  return {
    currentLoad: () => library.currentLoad(),
    mem: () => library.mem(),
    fsSize: () => library.fsSize(),
    fsStats: () => library.fsStats(),
    disksIO: () => library.disksIO(),
    networkStats: () => library.networkStats('*'),
    processes: () => library.processes(),
  };
}
