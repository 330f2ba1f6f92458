/**
 * The constant bytes of a client's lines. Owns their cache and its bound; promises that a set of series whose bytes
 * would be out of proportion (a batch may name the same long label ten thousand times) is put together line by line
 * instead of kept, so that no client decides how much memory the sink takes.
 */
import type { SeriesSet } from '@metricstream/proto/read.ts';

/** Of one set; 16,384 series of common length take 3 MiB. */
const SET_BYTES_MAX = 8 * 1024 * 1024;
/** Of all sets kept; 5,000 clients of 60 series with one schema each. */
const CACHE_BYTES_MAX = 128 * 1024 * 1024;
/** What the objects of one series take beside its bytes. */
const SERIES_OVERHEAD_BYTES = 160;
/** Names are the same all over a fleet, so their bytes are shared. */
const NAMES_MAX = 4096;

export interface SetParts {
  /** From the end of the time to the value, one a series. */
  before: Uint8Array[];
  /** From the value to the tags; shorter than `before` where the rest is too large to keep. */
  after: Uint8Array[];
  /** Makes one of `after` that is not kept. */
  makeAfter(series: number): Uint8Array;
  /** As text: it is joined with the epoch, once a batch. */
  tags: string;
}

/** @returns what gives the parts for a client's set, from the cache where it can. */
export function createPartsCache(): (clientId: string, set: SeriesSet) => SetParts {
  const names = new Map<string, Uint8Array>();
  /** Two generations: what was not used while the young one filled up is forgotten with the old one. */
  let young = new Map<SeriesSet, Kept>();
  let old = new Map<SeriesSet, Kept>();
  let youngBytes = 0;

  function nameBytes(name: string): Uint8Array {
    const known = names.get(name);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`","name":${JSON.stringify(name)},"value":`);
    if (names.size >= NAMES_MAX) names.clear();
    names.set(name, bytes);
    return bytes;
  }

  return (clientId, set) => {
    const recent = young.get(set);
    if (recent?.clientId === clientId) return recent.parts;
    const earlier = old.get(set);
    const kept = earlier?.clientId === clientId ? earlier : buildParts(clientId, set, nameBytes);
    if (kept.bytes > SET_BYTES_MAX) return kept.parts;
    if (youngBytes + kept.bytes > CACHE_BYTES_MAX / 2) {
      old = young;
      young = new Map();
      youngBytes = 0;
    }
    young.set(set, kept);
    youngBytes += kept.bytes;
    return kept.parts;
  };
}

interface Kept {
  clientId: string;
  parts: SetParts;
  bytes: number;
}

function buildParts(clientId: string, set: SeriesSet, nameBytes: (name: string) => Uint8Array): Kept {
  const { client, tags } = resourceTexts(clientId, set.resource);
  const makeAfter = (at: number): Uint8Array => {
    const { unit, labels } = set.series[at]!;
    return Buffer.from(`,"unit":${JSON.stringify(unit)}${client}${objectText('labels', labels)}`);
  };
  const before = set.series.map((one) => nameBytes(one.name));
  const after: Uint8Array[] = [];
  let bytes = 0;
  while (after.length < before.length && bytes <= SET_BYTES_MAX) {
    const part = makeAfter(after.length);
    bytes += part.length + SERIES_OVERHEAD_BYTES;
    after.push(part);
  }
  return { clientId, bytes, parts: { before, after, makeAfter, tags } };
}

function resourceTexts(clientId: string, resource: SeriesSet['resource']): { client: string; tags: string } {
  const tags = new Map(resource);
  let client = `,"client_id":${JSON.stringify(clientId)}`;
  for (const key of ['host', 'datacenter']) {
    const value = tags.get(key);
    if (value !== undefined) client += `,"${key}":${JSON.stringify(value)}`;
    tags.delete(key);
  }
  return { client, tags: objectText('tags', [...tags]) };
}

/** @returns `,"<name>":{…}`, or nothing without entries. Built by hand: an object would sort keys that look like numbers. */
function objectText(name: string, entries: readonly (readonly [key: string, value: string])[]): string {
  if (entries.length === 0) return '';
  const texts = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return `,"${name}":{${texts.join(',')}}`;
}
