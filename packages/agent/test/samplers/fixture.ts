/** The fixture host: a tree of kernel files with everything odd in it, and short ways to read a sampler's answer. */
import { fileURLToPath } from 'node:url';
import type { HostRoots } from '../../src/samplers/options.ts';
import type { Reading, Sampler } from '../../src/samplers/sampler.ts';

const HOST = fileURLToPath(new URL('../fixtures/host', import.meta.url));

export const FIXTURE_ROOTS: HostRoots = {
  procRoot: `${HOST}/proc`,
  sysRoot: `${HOST}/sys`,
  utmpFile: `${HOST}/no-utmp`,
};

export interface Sampled {
  /** `name{key=value}` → value. */
  values: Record<string, number>;
  faults: string[];
}

/** Samples once; a series given twice is an error of the sampler. */
export async function sampleOnce(sampler: Sampler): Promise<Sampled> {
  const faults: string[] = [];
  const readings = await sampler.sample(new AbortController().signal, (why) => faults.push(why));
  return { values: valuesOf(readings), faults };
}

export function valuesOf(readings: readonly Reading[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { series, value } of readings) {
    const labels = series.labels.map(([key, text]) => `${key}=${text}`).join(',');
    const key = labels === '' ? series.name : `${series.name}{${labels}}`;
    if (key in values) throw new Error(`${key} was given twice`);
    values[key] = value;
  }
  return values;
}
