/**
 * What a host is, as labels of one `host.info` point. Pure. Promises few labels, each short and printable, whatever
 * firmware and vendors wrote into their tables; nothing that names a person, a serial number or an address is taken.
 */
import type { Series } from '@metricstream/proto/batch.ts';
import { METRICS } from '../samplers/metrics.ts';

export const LABEL_BYTES_MAX = 128;

/** What the child process finds out; every part may be missing. */
export interface HostFacts {
  platform: string;
  distro: string;
  release: string;
  kernel: string;
  arch: string;
  cpuModel: string;
  cores: number;
  physicalCores: number;
  manufacturer: string;
  model: string;
  virtual: boolean;
  virtualHost: string;
  memoryBytes: number;
  disks: { name: string; bytes: number; kind: string }[];
}

/** @returns the text without control characters, runs of white space as one blank, cut at a whole character. */
export function cleanText(text: string, bytesMax: number): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  if (Buffer.byteLength(line) <= bytesMax) return line;
  const cut = Buffer.from(line).subarray(0, bytesMax).toString('utf8');
  // A character cut in two reads back as the replacement character.
  return cut.replace(/\ufffd$/, '').trimEnd();
}

/** @param facts as parsed from the child's answer: anything may be missing or of another type. @returns labels, sorted. */
export function factLabels(facts: Partial<Record<keyof HostFacts, unknown>>): Series['labels'] {
  const disks = diskList(facts.disks);
  const all: Record<(typeof METRICS.host.labels)[number], unknown> = {
    arch: facts.arch,
    cpu_cores: facts.cores,
    cpu_model: facts.cpuModel,
    cpu_physical_cores: facts.physicalCores,
    disk_bytes: disks.reduce((sum, disk) => sum + disk.bytes, 0),
    disks: disks.map(({ name, bytes, kind }) => `${name}:${bytes}${kind === '' ? '' : `:${kind}`}`).join(' '),
    kernel: facts.kernel,
    manufacturer: facts.manufacturer,
    memory_bytes: facts.memoryBytes,
    model: facts.model,
    os: facts.distro,
    os_version: facts.release,
    platform: facts.platform,
    virtual: typeof facts.virtual === 'boolean' ? String(facts.virtual) : '',
    virtual_host: facts.virtualHost,
  };
  const labels: [string, string][] = [];
  for (const key of METRICS.host.labels) {
    const value = all[key];
    if (typeof value !== 'string' && !(typeof value === 'number' && value > 0)) continue;
    const text = cleanText(String(value), LABEL_BYTES_MAX);
    if (text !== '' && text !== '-') labels.push([key, text]);
  }
  return labels;
}

function diskList(disks: unknown): HostFacts['disks'] {
  if (!Array.isArray(disks)) return [];
  return disks.flatMap((disk: unknown) => {
    const { name, bytes, kind } = (disk ?? {}) as Partial<Record<string, unknown>>;
    if (typeof name !== 'string' || typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes <= 0) return [];
    return [{ name, bytes, kind: typeof kind === 'string' ? kind : '' }];
  });
}

/** @returns the series of the one point, whose value is 1. */
export function hostInfoSeries(labels: Series['labels']): Series {
  const { unit, kind } = METRICS.host.fields.info;
  return { name: 'host.info', unit, kind, labels };
}
