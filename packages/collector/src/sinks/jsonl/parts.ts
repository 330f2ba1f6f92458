/**
 * The constant bytes of a client's lines. Owns how they are made and what may be kept; promises that a set of series whose bytes
 * would be out of proportion (a batch may name the same long label ten thousand times) is put together line by line
 * instead of kept, so that no client decides how much memory the sink takes.
 */
import type { SeriesSet } from '@metricstream/proto/read.ts';
import { createSetCache } from '../set-cache.ts';

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

  function nameBytes(name: string): Uint8Array {
    const known = names.get(name);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`","name":${JSON.stringify(name)},"value":`);
    if (names.size >= NAMES_MAX) names.clear();
    names.set(name, bytes);
    return bytes;
  }

  return createSetCache({
    bytesMax: CACHE_BYTES_MAX,
    setBytesMax: SET_BYTES_MAX,
    make: (clientId, set) => buildParts(clientId, set, nameBytes),
  });
}

type Built = { made: SetParts; bytes: number };

function buildParts(clientId: string, set: SeriesSet, nameBytes: (name: string) => Uint8Array): Built {
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
  return { made: { before, after, makeAfter, tags }, bytes };
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
