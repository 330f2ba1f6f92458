/**
 * The dashboards as they are committed: what the source says, sound, and every panel's query, asked as Grafana would ask it
 * of a server that holds the real agent's data, has rows. InfluxQL on a real 1.6; Flux on a real 2.x when the environment
 * names one (no package brings it: not registered otherwise).
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { builtFiles } from '../../install/grafana/build.ts';
import { setupInfluxdb } from '../../packages/collector/src/setup/influxdb.ts';
import { createRollup } from '../../packages/collector/src/sinks/influxdb/rollup.ts';
import {
  influx1Place,
  influx2Place,
  type Place,
  writeBatches,
} from '../../packages/collector/test/setup/influxdb-targets.ts';
import { suiteEnding } from '../influxdb/suite-ending.ts';
import { available, givenInflux2 } from '../services/index.ts';
import { agentBatches } from './agent-data.ts';
import { dashboards, fillIn, grafanaDir, type Shown } from './grafana.ts';

const all = dashboards();

describe('the committed dashboards', () => {
  it('are what the source makes: node install/grafana/build.ts, then pnpm format', () => {
    const built = builtFiles();
    for (const [path, text] of built) {
      const read = (of: string): unknown => (path.endsWith('.json') ? JSON.parse(of) : parse(of));
      expect(read(readFileSync(grafanaDir + path, 'utf8')), path).toEqual(read(text));
    }
    const made = [...built.keys()].filter((path) => path.startsWith('dashboards/'));
    expect([...all.keys()].map((path) => `dashboards/${path}`).sort()).toEqual(made.sort());
  });

  it.each([...all])(
    '%s: panels fill rows of 24, overlap nowhere, and have ids and titles of their own',
    (_, { panels }) => {
      const taken = new Map<string, string>();
      for (const {
        title,
        gridPos: { x, y, w, h },
      } of panels) {
        expect(x + w, title).toBeLessThanOrEqual(24);
        for (let column = x; column < x + w; column++)
          for (let row = y; row < y + h; row++) {
            expect(taken.get(`${column},${row}`), `${title} at ${column},${row}`).toBeUndefined();
            taken.set(`${column},${row}`, title);
          }
      }
      const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
      expect(taken.size).toBe(24 * height);
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
      for (const { type, title, targets = [] } of panels) expect(targets.length > 0, title).toBe(type !== 'row');
    },
  );

  it('have uids of their own, which the links lead to', () => {
    const uids = [...all.values()].map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    for (const [, uid] of JSON.stringify([...all.values()]).matchAll(/\/d\/([\w-]+)/g)) expect(uids).toContain(uid);
  });
});

const HOSTS = ['web-1', 'db.1/a'];
const EVERY_MS = 10_000;

/** Two hosts' last minutes, and the means of them. */
async function fill(place: Place): Promise<{ fromUnixMs: number; toUnixMs: number }> {
  await setupInfluxdb(place);
  const lastUnixMs = Math.floor(Date.now() / 60_000) * 60_000 - 1;
  for (const host of HOSTS)
    await writeBatches(
      place,
      await agentBatches({ host, datacenter: 'fra 1', lastUnixMs, everyMs: EVERY_MS, sweeps: 7 }),
    );
  const range = { fromUnixMs: lastUnixMs + 1 - 180_000, toUnixMs: lastUnixMs + 1 };
  await createRollup(place.settings, place.client).recompute(
    range.fromUnixMs,
    range.toUnixMs,
    new AbortController().signal,
  );
  return range;
}

type Ask = (query: string) => Promise<number>;

/** Every query of a dashboard's panels and variables, and how many rows with a value each has. */
async function rowsOf(path: string, shown: Shown, ask: Ask): Promise<[string, number][]> {
  const { panels, templating } = all.get(path)!;
  const queries = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, query = '' }) => [`${title} ${refId}`, query]),
  );
  for (const { name, type, query } of templating.list)
    if (type === 'query') queries.push([`variable ${name}`, String(query)]);
  const rows: [string, number][] = [];
  for (const [name, query] of queries) rows.push([name!, await ask(fillIn(query!, shown))]);
  return rows;
}

describe.runIf(await available('sharedInflux1'))('every query over InfluxQL', () => {
  let place: Place;
  let range: { fromUnixMs: number; toUnixMs: number };
  const ending = suiteEnding();
  beforeAll(async () => {
    place = await influx1Place({}, { ending });
    range = await fill(place);
  });

  const ask: Ask = async (query) => {
    const series = (await place.client.influxql(query)).flat();
    return series.flatMap(({ values }) => values).filter((row) => row.some((value, at) => at > 0 && value !== null))
      .length;
  };

  it.each(['fleet', 'host'].flatMap((name) => ['7_days', '90_days'].map((policy) => [name, policy] as const)))(
    '%s has rows, from %s',
    async (name, policy) => {
      // A rate needs two values of a series: minutes of means are one in this stretch.
      const intervalMs = policy === '7_days' ? EVERY_MS : 60_000;
      const variables = { policy, datacenter: '.*', host: HOSTS[1]! };
      for (const [query, rows] of await rowsOf(`influxql/${name}.json`, { ...range, intervalMs, variables }, ask))
        expect(rows, query).toBeGreaterThan(0);
    },
  );

  it('answers for the data centers and the host chosen only', async () => {
    const shown = { ...range, intervalMs: EVERY_MS };
    const elsewhere = { policy: '7_days', datacenter: ['ams', 'fra'], host: 'web' };
    for (const name of ['fleet', 'host'])
      for (const [query, rows] of await rowsOf(`influxql/${name}.json`, { ...shown, variables: elsewhere }, ask))
        expect(rows, query).toBe(query === 'variable datacenter' ? 1 : 0);
    const both = { policy: '7_days', datacenter: ['ams', 'fra 1'], host: 'web-1' };
    const table = new Map(await rowsOf('influxql/fleet.json', { ...shown, variables: both }, ask));
    expect(table.get('Every host A')).toBe(2);
    expect(table.get('variable datacenter')).toBe(1);
    expect(new Map(await rowsOf('influxql/host.json', { ...shown, variables: both }, ask)).get('variable host')).toBe(
      2,
    );
  });
});

describe.each(givenInflux2() === undefined ? [] : ['InfluxDB 2.x'])('every query over Flux, on %s', () => {
  let place: Place;
  let range: { fromUnixMs: number; toUnixMs: number };
  const ending = suiteEnding();
  beforeAll(async () => {
    place = await influx2Place({}, { ending });
    range = await fill(place);
  });

  const ask: Ask = async (query) => {
    const rows = await place.client.flux(query);
    return rows.filter((row) =>
      Object.entries(row).some(
        ([name, value]) => !/^(_start|_stop|_time|result|table)$/.test(name) && value !== null && value !== '',
      ),
    ).length;
  };

  it.each(['fleet', 'host'].flatMap((name) => ['points', 'means'].map((data) => [name, data] as const)))(
    '%s has rows, from %s',
    async (name, data) => {
      const { target } = place.settings;
      if (target.version !== 2) throw new Error('2.x expected');
      const intervalMs = data === 'points' ? EVERY_MS : 60_000;
      const bucket = data === 'points' ? target.bucket : target.rollupBucket;
      const variables = { bucket, datacenter: '.*', host: HOSTS[1]! };
      for (const [query, rows] of await rowsOf(`flux/${name}.json`, { ...range, intervalMs, variables }, ask))
        expect(rows, query).toBeGreaterThan(0);
    },
  );

  it('answers for the data centers and the host chosen only', async () => {
    const { target } = place.settings;
    if (target.version !== 2) throw new Error('2.x expected');
    const shown = { ...range, intervalMs: EVERY_MS };
    const elsewhere = { bucket: target.bucket, datacenter: ['ams', 'fra'], host: 'web' };
    for (const name of ['fleet', 'host'])
      for (const [query, rows] of await rowsOf(`flux/${name}.json`, { ...shown, variables: elsewhere }, ask))
        expect(rows, query).toBe(query === 'variable datacenter' ? 1 : 0);
    const both = { bucket: target.bucket, datacenter: ['ams', 'fra 1'], host: 'web-1' };
    expect(new Map(await rowsOf('flux/fleet.json', { ...shown, variables: both }, ask)).get('Every host A')).toBe(2);
  });
});
