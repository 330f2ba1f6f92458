/** Fields that the server holds with another type: what is lost, what is not, and what the search for them costs. */
import type { Series } from '@metricstream/proto/batch.ts';
import { describe, expect, it } from 'vitest';
import { available, queryInflux1, sharedInflux1, startInflux2StandIn } from '../../../../../test/services/index.ts';
import {
  type Changes,
  createDatabase,
  lossesOf,
  lost,
  now,
  openSink,
  recordOf,
  seriesOf,
  settingsFor1,
  settingsFor2,
} from './helpers.ts';

const integer = { kind: 'integer' } as const;
const memory: Series[] = ['used', 'free', 'cached'].map((field) => seriesOf(`mem.${field}`, integer));

/** Sweeps of many hosts: `mem` with three fields, and a cpu. */
const sweeps = (hosts: number) =>
  Array.from({ length: hosts }, (_, at) =>
    recordOf({
      clientId: `host-${at}`,
      series: [...memory, seriesOf('cpu.usage_user')],
      values: [at, 1000 + at, 2000 + at, 0.5],
    }),
  );

async function openOnStandIn(changes: Changes) {
  const server = await startInflux2StandIn();
  const settings = settingsFor2(server, changes);
  const put = async (lines: string): Promise<void> => {
    const headers = { authorization: `Token ${server.token}` };
    const url = `${server.url}/api/v2/write?org=${server.org}&bucket=metrics`;
    expect((await fetch(url, { method: 'POST', headers, body: lines })).status).toBe(204);
  };
  const valuesOf = (measurement: string, field: string): number[] =>
    server
      .points()
      .flatMap((point) =>
        point.measurement === measurement && point.tags['host'] !== 'other' && point.fields[field] !== undefined
          ? [Number(point.fields[field].value)]
          : [],
      );
  return { server, put, valuesOf, ...(await openSink(settings)) };
}

describe('a field in conflict', () => {
  it('loses its own values and none that share lines with them', async () => {
    const { put, valuesOf, write } = await openOnStandIn({ schema: 'telegraf' });
    await put(`mem,host=other used=1.5 ${now()}`);
    const losses = lossesOf(await write(...sweeps(300)));
    expect(lost(losses)).toBe(300);
    expect(losses.map(({ index, points }) => [index, points])).toEqual(Array.from({ length: 300 }, (_, at) => [at, 1]));
    expect(losses[7]?.why).toContain(
      'input field "used" on measurement "mem" is type integer, already exists as type float',
    );
    expect(losses[7]?.text).toMatch(/^mem,host=host-7 used=7i \d+$/);
    expect(valuesOf('mem', 'used')).toEqual([]);
    expect(valuesOf('mem', 'free').length).toBe(300);
    expect(valuesOf('mem', 'cached').length).toBe(300);
    expect(valuesOf('cpu', 'usage_user').length).toBe(300);
  });

  it('costs one request a delivery once it is known, and none once it is taken again', async () => {
    const { server, put, write, valuesOf, figure } = await openOnStandIn({ schema: 'telegraf' });
    const requests = async (): Promise<number> => {
      const before = server.writes.length;
      await write(...sweeps(300));
      return server.writes.length - before;
    };
    await put(`mem,host=other used=1.5,cached=1.5 ${now()}`);
    expect(await requests()).toBeLessThanOrEqual(6);
    expect(figure('influxdb_conflicts')).toBe(2);
    expect(await requests()).toBe(2);
    expect(await requests()).toBe(2);
    server.deleteBucket('metrics');
    server.createBucket('metrics', 0);
    expect(await requests()).toBe(2);
    expect(figure('influxdb_conflicts')).toBe(0);
    expect(await requests()).toBe(1);
    expect(valuesOf('mem', 'used').length).toBe(600);
  });

  it('that is every value of the schema seed loses all of them, cheaply', async () => {
    const { server, put, write } = await openOnStandIn({});
    await put(`server_metrics,host=other value="text" ${now()}`);
    for (const requestsMax of [3, 1]) {
      const before = server.writes.length;
      const losses = lossesOf(await write(...sweeps(1000)));
      expect(lost(losses)).toBe(4000);
      expect(server.writes.length - before).toBeLessThanOrEqual(requestsMax);
    }
  });

  it('is looked for in vain when the server names one that is not there, and the lines are found by halves', async () => {
    const { server, write, valuesOf } = await openOnStandIn({ schema: 'telegraf' });
    const message =
      'failure writing points to database: partial write: field type conflict: input field "x" on measurement "y" is type float, already exists as type string dropped=1 for database: a for retention policy: autogen';
    server.fault({ status: 422, message, times: Infinity, when: (body) => body.includes('cpu,host=host-5 ') });
    const losses = lossesOf(await write(...sweeps(20)));
    expect(losses).toMatchObject([{ index: 5, points: 1 }]);
    expect(valuesOf('mem', 'used').length).toBe(20);
    expect(valuesOf('cpu', 'usage_user').length).toBe(19);
  });

  it('counts a point once with both schemas', async () => {
    const { put, write, valuesOf } = await openOnStandIn({ schema: 'both' });
    await put(`server_metrics,host=other value="text" ${now()}\nmem,host=other used=1.5 ${now()}`);
    const outcome = await write(...sweeps(10));
    expect(lost(lossesOf(outcome))).toBe(40);
    expect(valuesOf('mem', 'free').length).toBe(10);
  });

  it('is found for many fields at once within bounds', async () => {
    const { server, put, write, valuesOf } = await openOnStandIn({ schema: 'telegraf' });
    const series = Array.from({ length: 200 }, (_, at) => seriesOf(`big.f${at}`, integer));
    const bad = series.filter((_, at) => at % 4 === 0).map(({ name }) => `${name.slice(4)}=1.5`);
    await put(`big,host=other ${bad.join(',')} ${now()}`);
    const record = () => recordOf({ series, values: series.map((_, at) => at) });
    const good = () => sweeps(5);
    let requestsLast = 0;
    for (let round = 0; round < 12; round++) {
      const before = server.writes.length;
      const losses = lossesOf(await write(...good(), record()));
      requestsLast = server.writes.length - before;
      expect(requestsLast).toBeLessThanOrEqual(80);
      expect(losses.every(({ index }) => index === 5)).toBe(true);
      expect(lost(losses)).toBeGreaterThanOrEqual(50);
    }
    expect(requestsLast).toBe(2);
    expect(valuesOf('big', 'f1').length).toBeGreaterThan(0);
  });
});

describe.runIf(await available('sharedInflux1'))('a field in conflict on a real 1.6', () => {
  it.each(['telegraf', 'both'] as const)('loses its own values only, schema %s', async (schema) => {
    const { url } = await sharedInflux1();
    const database = await createDatabase(url);
    const { write } = await openSink(settingsFor1(url, database, { schema }));
    const path = `${url}/write?db=${database}&rp=raw`;
    await fetch(path, { method: 'POST', body: `mem,host=other used=1.5 ${now()}` });
    for (let round = 0; round < 2; round++) {
      const losses = lossesOf(await write(...sweeps(300)));
      expect(lost(losses)).toBe(300);
      expect(losses.length).toBe(300);
      expect(losses[0]?.why).toContain('already exists as type float');
    }
    const query = 'SELECT count(*) FROM mem; SELECT count(*) FROM cpu';
    const [mem, cpu] = await queryInflux1({ url, db: database, query });
    const counts = Object.fromEntries(mem!.columns.map((column, at) => [column, mem!.values[0]![at]]));
    expect(counts).toMatchObject({ count_used: 1, count_free: 600, count_cached: 600 });
    expect(cpu!.values[0]![1]).toBe(600);
  });
});
