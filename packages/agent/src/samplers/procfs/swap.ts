/**
 * Swap space, from /proc/meminfo, and its traffic, from /proc/vmstat. Owns the page size, read once from the
 * kernel's auxiliary vector: vmstat counts pages, which are not 4 KiB everywhere.
 */
import { readFileSync } from 'node:fs';
import type { Reading, Sampler } from '../sampler.ts';
import { createSeriesOf } from '../series.ts';
import type { HostRoots } from '../options.ts';
import { parseMeminfo } from './meminfo.ts';
import { openTextFile } from './text-file.ts';

/** getauxval(3). */
const AT_PAGESZ = 6n;
const PAGE_BYTES_USUAL = 4096;

/** Pages swapped in and out since boot; undefined where the kernel was built without swap. */
export interface SwapPages {
  in: number | undefined;
  out: number | undefined;
}

/** Reads pswpin and pswpout of /proc/vmstat (proc(5)). */
export function parseSwapPages(text: string): SwapPages {
  return { in: pagesAfter(text, 'pswpin '), out: pagesAfter(text, 'pswpout ') };
}

function pagesAfter(text: string, name: string): number | undefined {
  const at = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`) + 1;
  if (at === 0 && !text.startsWith(name)) return undefined;
  const pages = Number.parseInt(text.slice(at + name.length, at + name.length + 24), 10);
  return Number.isNaN(pages) ? undefined : pages;
}

/** Reads the page size in bytes from an auxiliary vector of 64-bit pairs; 4096 when it is not in there. */
export function parsePageBytes(auxv: Uint8Array): number {
  const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.byteLength);
  for (let at = 0; at + 16 <= auxv.byteLength; at += 16) {
    if (view.getBigUint64(at, true) === AT_PAGESZ) return Number(view.getBigUint64(at + 8, true));
  }
  return PAGE_BYTES_USUAL;
}

function readPageBytes(procRoot: string): number {
  try {
    return parsePageBytes(readFileSync(`${procRoot}/self/auxv`));
  } catch {
    return PAGE_BYTES_USUAL;
  }
}

export function createSwapSampler(roots: HostRoots): Sampler {
  const meminfo = openTextFile(`${roots.procRoot}/meminfo`);
  const vmstat = openTextFile(`${roots.procRoot}/vmstat`);
  const pageBytes = readPageBytes(roots.procRoot);
  const series = createSeriesOf('swap')();
  return {
    name: 'swap',
    close() {
      meminfo.close();
      vmstat.close();
    },
    sample(_signal, fault): Reading[] {
      const values = parseMeminfo(meminfo.read());
      const total = values.get('SwapTotal');
      const free = values.get('SwapFree');
      if (total === undefined || free === undefined) return [];
      const readings: Reading[] = [
        { series: series.total, value: total },
        { series: series.used, value: total - free },
        { series: series.free, value: free },
        { series: series.used_percent, value: total > 0 ? ((total - free) / total) * 100 : 0 },
      ];
      try {
        const pages = parseSwapPages(vmstat.read());
        if (pages.in !== undefined) readings.push({ series: series.in, value: pages.in * pageBytes });
        if (pages.out !== undefined) readings.push({ series: series.out, value: pages.out * pageBytes });
      } catch (error) {
        // Some containers hide vmstat; the space itself is known all the same.
        fault(`swap.in and swap.out are missing: ${(error as Error).message}`);
      }
      return readings;
    },
  };
}
