/**
 * Means of some hosts on real servers: for these the same as of all, whatever the hosts are called, and of no others. And
 * what is asked of a server for which all at once is too much. InfluxDB 2.x as in rollup.test.ts.
 */
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { describe, expect, it } from 'vitest';
import { available, givenInflux2 } from '../../../../../test/services/index.ts';
import { setupInfluxdb } from '../../../src/setup/influxdb.ts';
import type { InfluxdbClient } from '../../../src/sinks/influxdb/client.ts';
import { tagValue } from '../../../src/sinks/influxdb/identity.ts';
import { createRollup, recomputeFlux, recomputeStatements } from '../../../src/sinks/influxdb/rollup.ts';
import { SCHEMAS } from '../../../src/sinks/influxdb/settings.ts';
import { type Changes, influx1Place, influx2Place, type Place, writeBatches } from '../../setup/influxdb-targets.ts';
import { lineBatch, never, seriesOf, settingsFor1 } from './helpers.ts';

const MINUTE_MS = 60_000;
const START_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 6 * 3_600_000;
const END_MS = START_MS + 2 * MINUTE_MS;

const HOSTILE = [
  'plain',
  'plai',
  'plain2',
  `it's`,
  `'`,
  `' OR "host" != '`,
  '"quoted"',
  '" or r.host != "',
  String.raw`back\slash`,
  String.raw`\'`,
  String.raw`\\"`,
  'C:\\',
  'C:\\.',
  'two\r\nlines',
  '.*',
  'pl[a]in$|^(x)+?{2}/i',
  '${r.host}',
  '$x {y}',
  'a b,c=d',
  '#x',
  '漢字-ü-🦊',
  'u\u0308',
  '\u00fc',
  'x'.repeat(1024),
];

/** Two series, one with a field that is called as the tag is. Two points a minute, in two minutes. */
function batchOf(host: string, at: number) {
  return lineBatch({
    clientId: `c-${at}`,
    resource: [['host', host]],
    series: [seriesOf('mem.used', { kind: 'integer', unit: 'bytes' }), seriesOf('odd.host', { unit: 'x' })],
    timesUnixNano: BigUint64Array.from([0, 30, 60, 90], (second) => BigInt(START_MS + second * 1000) * 1_000_000n),
    values: Float64Array.from({ length: 8 }, (_, of) => at * 100 + of * 2),
  });
}

/** All means, a line of text for each. */
async function means({ settings: { target }, client }: Place): Promise<string[]> {
  if (target.version === 1) {
    const [series = []] = await client.influxql(`SELECT * FROM "${target.rollupRetentionPolicy}"./.*/ GROUP BY *`);
    return series
      .flatMap(({ name, tags, columns, values }) => values.map((row) => JSON.stringify([name, tags, columns, row])))
      .sort();
  }
  const rows = await client.flux(
    `from(bucket: "${target.rollupBucket}") |> range(start: 0) |> drop(columns: ["_start", "_stop"])`,
  );
  return rows.map(({ table: _table, ...row }) => JSON.stringify(row)).sort();
}

const servers: { name: string; make(changes: Changes): Promise<Place> }[] = [];
if (await available('sharedInflux1')) servers.push({ name: 'InfluxDB 1.6', make: influx1Place });
if (givenInflux2() !== undefined) servers.push({ name: 'InfluxDB 2.x', make: influx2Place });

describe.each(servers)('means of some hosts on $name', ({ make }) => {
  it.each(SCHEMAS)(
    'are those of all, for each host whatever it is called, and of no other: schema %s',
    async (schema) => {
      const [all, some] = [await make({ schema }), await make({ schema })];
      for (const place of [all, some]) {
        await setupInfluxdb(place);
        await writeBatches(place, HOSTILE.map(batchOf));
      }
      await createRollup(all.settings, all.client).recompute(START_MS, END_MS, never);
      const wanted = await means(all);
      expect(wanted.length).toBeGreaterThanOrEqual(HOSTILE.length * 2);
      const rollup = createRollup(some.settings, some.client);
      const ofHost = wanted.length / HOSTILE.length;
      const hosts = HOSTILE.map(tagValue);
      for (const [at, host] of hosts.entries()) {
        await rollup.recompute(START_MS, END_MS, never, [host]);
        const found = await means(some);
        expect(found.length, host).toBe((at + 1) * ofHost);
        expect(found.filter((line) => !wanted.includes(line))).toEqual([]);
      }
      expect(await means(some)).toEqual(wanted);
    },
  );

  it('are computed for as many hosts at once as are ever asked for', async () => {
    const place = await make({ schema: 'both' });
    await setupInfluxdb(place);
    const hosts = Array.from({ length: 150 }, (_, at) => `${at}`.padStart(160, `'`));
    await writeBatches(place, hosts.map(batchOf));
    await createRollup(place.settings, place.client).recompute(START_MS, END_MS, never, hosts.slice(0, 100));
    const found = await means(place);
    expect(hosts.filter((host) => found.some((line) => line.includes(host)))).toEqual(hosts.slice(0, 100));
  });
});

describe('the text of means of some hosts', () => {
  const target1 = settingsFor1('', 'd').target;
  const target2 = { version: 2, org: 'o', bucket: 'b', rollupBucket: 'm', token: '' } as const;
  const minutes = { fromUnixMs: 60_000, toUnixMs: 120_000 };

  it('is that of all, with their names', () => {
    if (target1.version !== 1) throw new Error('1.x expected');
    const some = { ...minutes, hosts: [`a'b\\`, 'c'] };
    const condition = String.raw` AND ("host"::tag = 'a\'b\\' OR "host"::tag = 'c')`;
    expect(recomputeStatements(target1, 'both', some).map((text) => text.replace(condition, ''))).toEqual(
      recomputeStatements(target1, 'both', minutes),
    );
    const filter = String.raw`    |> filter(fn: (r) => r["host"] == "a'b\\" or r["host"] == "c")`;
    expect(recomputeFlux(target2, 'both', some).replace(`${filter}\n`, '')).toBe(
      recomputeFlux(target2, 'both', minutes),
    );
  });

  it('is shorter than 64 KiB for names of any kind', () => {
    if (target1.version !== 1) throw new Error('1.x expected');
    const hosts = Array.from({ length: 100 }, () => '\\'.repeat(163));
    for (const text of recomputeStatements(target1, 'both', { ...minutes, hosts }))
      expect(Buffer.byteLength(text)).toBeLessThan(65_536);
    expect(Buffer.byteLength(recomputeFlux(target2, 'both', { ...minutes, hosts }))).toBeLessThan(65_536);
  });
});

describe('a server that is too slow for all at once', () => {
  /** It takes so many minutes of hosts in time. */
  async function ask(capacity: number, words = 'did not answer within 60000 ms') {
    const statements: { minutes: number; hosts: number; done: boolean }[] = [];
    const client: Pick<InfluxdbClient, 'influxql'> = {
      async influxql(text) {
        const [from = 0, to = 0] = [...text.matchAll(/time >=? ?(\d+)ms|time < (\d+)ms/g)].map((one) =>
          Number(one[1] ?? one[2]),
        );
        const [minutes, hosts] = [(to - from) / MINUTE_MS, text.split('"host"').length - 1];
        const done = minutes * hosts <= capacity;
        statements.push({ minutes, hosts, done });
        if (!done) throw new MetricStreamError(words.startsWith('did') ? 'timeout' : 'unreachable', words);
        return [];
      },
    };
    const rollup = createRollup(settingsFor1('', 'd'), client as InfluxdbClient);
    const hosts = Array.from({ length: 100 }, (_, at) => `h-${at}`);
    const again = () => rollup.recompute(0, 15 * MINUTE_MS, never, hosts);
    return { statements, again };
  }

  it('is asked for less until it is in time, and for more again when it is', async () => {
    const { statements, again } = await ask(30);
    await again();
    const size = (done: boolean) =>
      statements.filter((one) => one.done === done).reduce((sum, { minutes, hosts }) => sum + minutes * hosts, 0);
    expect(size(true)).toBe(1500);
    expect(statements.slice(0, 4).map(({ done }) => done)).toEqual([false, false, false, true]);
    expect(
      Math.max(...statements.filter(({ done }) => done).map(({ minutes, hosts }) => minutes * hosts)),
    ).toBeGreaterThan(15);
  });

  it('is left alone when a minute of one host takes too long, in its words or by the clock', async () => {
    for (const words of ['did not answer within 60000 ms', 'query-timeout limit exceeded']) {
      const { statements, again } = await ask(0, words);
      await expect(again()).rejects.toMatchObject({ code: 'timeout', message: words });
      expect(statements.at(-1)).toMatchObject({ minutes: 1, hosts: 1 });
      expect(statements.length).toBeLessThan(8);
      const before = statements.length;
      await expect(again()).rejects.toMatchObject({ code: 'timeout' });
      expect(statements.length).toBe(before + 1);
    }
  });
});
