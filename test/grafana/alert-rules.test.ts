/**
 * The alert rules that Grafana is given: on known data they fire for those they should and for no other. InfluxQL on a real
 * 1.6; Flux on a real 2.x when the environment names one (not registered otherwise).
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { setupInfluxdb } from '../../packages/collector/src/setup/influxdb.ts';
import type { LineBatch } from '../../packages/collector/src/sinks/influxdb/line-protocol.ts';
import {
  influx1Place,
  influx2Place,
  type Place,
  writeBatches,
} from '../../packages/collector/test/setup/influxdb-targets.ts';
import { suiteEnding } from '../influxdb/suite-ending.ts';
import { available, givenInflux2 } from '../services/index.ts';
import { firing, provisionedRules, type Rule, type Series } from './alert-rules.ts';
import { fillIn } from './grafana.ts';

const MINUTE_MS = 60_000;
const NOW_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 10 * MINUTE_MS;

/** Memory and a disk of hosts, at ms before now; undefined is no sample. */
type At = (beforeMs: number) => number | undefined;
const memory: Record<string, At> = {
  'full-always': () => 95,
  'full-since-5m': (beforeMs) => (beforeMs <= 310_000 ? 90.1 : 50),
  'one-sample-at-90': (beforeMs) => (beforeMs === 200_000 ? 90 : 99),
  'full-for-4m': (beforeMs) => (beforeMs <= 240_000 ? 99 : 50),
  'begun-3m-ago': (beforeMs) => (beforeMs <= 180_000 ? 99 : undefined),
  'not-full': () => 20,
};
const disks: Record<string, At> = { influxdb: () => 91, web: () => 90 };

function batches(): LineBatch[] {
  const times = Array.from({ length: 60 }, (_, at) => NOW_MS - (at + 1) * 10_000);
  const batch = (host: string, name: string, labels: [string, string][], at: At): LineBatch => ({
    clientId: host,
    seriesSet: { series: [{ name, unit: 'percent', kind: 'float', labels }], resource: [['host', host]] },
    timesUnixNano: BigUint64Array.from(times, (ms) => BigInt(ms) * 1_000_000n),
    values: Float64Array.from(times, (ms) => at(NOW_MS - ms) ?? Number.NaN),
  });
  return [
    ...Object.entries(memory).map(([host, at]) => batch(host, 'mem.used_percent', [], at)),
    ...Object.entries(disks).flatMap(([host, at]) => [
      batch(host, 'disk.used_percent', [['path', '/var/lib']], at),
      batch(host, 'disk.used_percent', [['path', '/']], () => 10),
    ]),
  ];
}

async function fill(place: Place): Promise<void> {
  await setupInfluxdb(place);
  await writeBatches(place, batches());
}

type Ask = Parameters<typeof firing>[2];

/** The same of both languages. */
async function checkFiring(rules: Rule[], ask: Ask): Promise<void> {
  const [ofMemory, ofDisk] = ['memory', 'disk'].map((name) => rules.find(({ uid }) => uid.includes(name))!);
  const hosts = async (nowUnixMs: number) =>
    (await firing(ofMemory!, nowUnixMs, ask)).map(({ host }) => String(host)).sort();
  expect(await hosts(NOW_MS)).toEqual(['full-always', 'full-since-5m']);
  // Not on a whole minute, a little earlier: a sample of 50 is within.
  expect(await hosts(NOW_MS - 20_000)).toEqual(['full-always']);
  expect(await firing(ofDisk!, NOW_MS, ask)).toEqual([{ host: 'influxdb', path: '/var/lib' }]);
  expect(await firing(ofDisk!, NOW_MS - 3_600_000, ask)).toEqual([]);
  expect(ofMemory!.for).toBe('0s');
  expect(ofDisk!.for).toBe('5m');
}

const filled = (query: string, range: { fromUnixMs: number; toUnixMs: number }, bucket = ''): string =>
  fillIn(query, { ...range, intervalMs: MINUTE_MS, variables: { bucket } });

describe.runIf(await available('sharedInflux1'))('the rules over InfluxQL', () => {
  let place: Place;
  const ending = suiteEnding();
  beforeAll(async () => {
    place = await influx1Place({}, { ending });
    await fill(place);
  });

  it('fire for what they should, and for nothing else', async () => {
    await checkFiring(provisionedRules('influxql'), async (query, range) => {
      const series = (await place.client.influxql(filled(query, range))).flat();
      return series.map(
        ({ tags = {}, values }): Series => ({ labels: tags, values: values.map((row) => Number(row[1])) }),
      );
    });
  });
});

describe.each(givenInflux2() === undefined ? [] : ['InfluxDB 2.x'])('the rules over Flux, on %s', () => {
  let place: Place;
  const ending = suiteEnding();
  beforeAll(async () => {
    place = await influx2Place({}, { ending });
    await fill(place);
  });

  it('fire for what they should, and for nothing else', async () => {
    await checkFiring(provisionedRules('flux'), async (query, range) => {
      const { target } = place.settings;
      const rows = await place.client.flux(filled(query, range, target.version === 2 ? target.bucket : ''));
      const series = new Map<string, Series>();
      for (const { host, path, _value } of rows) {
        const labels = Object.fromEntries(
          Object.entries({ host, path }).filter((one): one is [string, string] => typeof one[1] === 'string'),
        );
        const key = JSON.stringify(labels);
        series.set(key, { labels, values: [...(series.get(key)?.values ?? []), Number(_value)] });
      }
      return [...series.values()];
    });
  });
});

describe.each(['influxql', 'flux'])('what the rules over %s say', (language) => {
  it('has no $ in annotations, which some versions of Grafana take for the environment', () => {
    for (const { annotations, data, condition } of provisionedRules(language)) {
      expect(JSON.stringify(annotations)).not.toContain('$');
      expect(JSON.stringify(annotations)).toMatch(/\{\{ \.Labels\.host \}\}/);
      expect(data.map(({ refId }) => refId)).toContain(condition);
    }
  });
});
