/** Points that the server would no longer keep: counted exactly, dropped with a reason, and never a dead letter. */
import { systemClock } from '@metricstream/shared/clock.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, queryInflux1, sharedInflux1, startInflux2StandIn } from '../../../../../test/services/index.ts';
import { createInfluxdbClient } from '../../../src/sinks/influxdb/client.ts';
import { askRetention, createRetention } from '../../../src/sinks/influxdb/retention.ts';
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
import { talk } from './talk.ts';

const SECOND = 1_000_000_000n;
const HOUR = 3600n * SECOND;
const series = [seriesOf('mem.used'), seriesOf('mem.free')];

/** Two series at these ages; a value for each, and one that is no point. */
const aged = (clientId: string, ...ages: bigint[]) =>
  recordOf({
    clientId,
    series,
    times: ages.map((age) => now() - age),
    values: series.flatMap((_one, of) => ages.map((_age, at) => (of === 1 && at === 0 ? Number.NaN : at))),
  });

describe('points beyond what the server keeps', () => {
  const open = async (changes: Changes = {}, aheadMs = 0) => {
    const server = await startInflux2StandIn({ buckets: { metrics: 3600 }, nowMs: () => Date.now() + aheadMs });
    return { server, ...(await openSink(settingsFor2(server, changes))) };
  };

  it('are not sent when the server has said how long it keeps them', async () => {
    const { server, write, figure } = await open();
    const losses = lossesOf(await write(aged('a', 3n * HOUR, 2n * HOUR, 0n), aged('b', 0n, SECOND)));
    expect(losses).toEqual([{ index: 0, points: 3, why: 'retention', dropped: 'retention' }]);
    expect(server.points().length).toBe(5);
    expect(server.writes).toMatchObject([{ status: 204, lines: 5 }]);
    expect(figure('influxdb_points_beyond_retention_total')).toBe(3);
    expect(figure('influxdb_points_refused_total')).toBe(0);
  });

  it.each(['seed', 'telegraf', 'both'] as const)(
    'are counted by the answer where clocks differ, schema %s',
    async (schema) => {
      const { server, write } = await open({ schema }, 50_000);
      const nearly = HOUR - 30n * SECOND;
      const losses = lossesOf(await write(aged('a', nearly, nearly - SECOND, 0n), aged('b', 0n), aged('c', nearly)));
      expect(losses.map(({ index, points, dropped }) => [index, points, dropped])).toEqual([
        [0, 3, 'retention'],
        [2, 1, 'retention'],
      ]);
      const points = server.points().flatMap(({ fields }) => Object.keys(fields).filter((name) => name !== 'unit'));
      expect(points.length).toBe(schema === 'both' ? 6 : 3);
      expect(server.writes.map(({ status }) => status)).toEqual([422, 204]);
      // What was dropped once is dropped here from then on.
      const before = server.writes.length;
      expect(lost(lossesOf(await write(aged('d', nearly, nearly + SECOND))), 'retention')).toBe(3);
      expect(server.writes.length).toBe(before);
    },
  );

  it('beside a field in conflict are told apart from it', async () => {
    const { server, write } = await open({ schema: 'telegraf' }, 50_000);
    const headers = { authorization: `Token ${server.token}` };
    const url = `${server.url}/api/v2/write?org=${server.org}&bucket=metrics`;
    await fetch(url, { method: 'POST', headers, body: `mem,host=other used="text" ${now()}` });
    const losses = lossesOf(await write(aged('a', HOUR - 30n * SECOND, 0n), aged('b', 0n, SECOND)));
    expect(lost(losses, 'retention')).toBe(1);
    expect(lost(losses)).toBe(3);
    expect(server.points().filter(({ tags }) => tags['host'] !== 'other').length).toBe(2);
  });
});

describe.runIf(await available('sharedInflux1'))('points beyond what a real 1.6 keeps', () => {
  const open = async (duration: string) => {
    const { url } = await sharedInflux1();
    const database = await createDatabase(url, duration);
    return { url, database, settings: settingsFor1(url, database) };
  };
  const count = async (url: string, database: string): Promise<unknown> => {
    const [found] = await queryInflux1({ url, db: database, query: 'SELECT count(value) FROM server_metrics' });
    return found?.values[0]?.[1];
  };

  it('are dropped here, when it has said so, and by its answer at the edge', async () => {
    const { url, database, settings } = await open('1h');
    const { write } = await openSink(settings);
    const edge = HOUR + 5n * SECOND;
    const losses = lossesOf(await write(aged('a', 3n * HOUR, edge, 0n), aged('b', 0n), aged('c', edge + SECOND, edge)));
    expect(losses.map(({ index, points, dropped }) => [index, points, dropped])).toEqual([
      [0, 3, 'retention'],
      [2, 3, 'retention'],
    ]);
    expect(await count(url, database)).toBe(3);
  });

  it('are as old as it says: for ever, or so long, or nothing of what is not there', async () => {
    const ask = async (duration: string, retentionPolicy = 'raw') => {
      const { settings } = await open(duration);
      const client = createInfluxdbClient(settings);
      const target = { ...settings.target, retentionPolicy } as typeof settings.target;
      return askRetention(client, target).finally(() => client.close());
    };
    expect(await ask('INF')).toBe(0);
    expect(await ask('7d')).toBe(7 * 24 * 3_600_000);
    expect(await ask('90m')).toBe(90 * 60_000);
    expect(await ask('1h', 'none')).toBeUndefined();
  });

  it('are not asked for where the database has no retention policy at all', async () => {
    const { url, database, settings } = await open('1h');
    await queryInflux1({ url, query: `DROP RETENTION POLICY raw ON ${database}` });
    const client = createInfluxdbClient(settings);
    onTestFinished(() => client.close());
    expect(await askRetention(client, settings.target)).toBeUndefined();
  });

  it('are told by its time, not by a clock here that is ahead or behind', async () => {
    const nearly = HOUR - 300n * SECOND;
    for (const aheadMs of [600_000, -600_000]) {
      const { url, database, settings } = await open('1h');
      const clock = { ...systemClock, unixMs: () => Date.now() + aheadMs };
      const { write } = await openSink(settings, { clock });
      const losses = lossesOf(await write(aged('a', 3n * HOUR, nearly, 0n), aged('b', nearly)));
      expect(losses).toEqual([{ index: 0, points: 1, why: 'retention', dropped: 'retention' }]);
      expect(await count(url, database)).toBe(5);
    }
  });
});

describe('what the server keeps', () => {
  it('is asked now and then, and nothing is dropped here while it is not known', async () => {
    const server = await startInflux2StandIn({ buckets: { metrics: 3600 } });
    const { target } = settingsFor2(server);
    const client = createInfluxdbClient(settingsFor2(server));
    const retention = createRetention(client, target);
    const nowMs = Date.now();
    expect(retention.floorUnixNano(nowMs)).toBe(0n);
    await retention.refresh(0, {});
    const floorMs = Number(retention.floorUnixNano(nowMs + 600_000) / 1_000_000n) + 3_600_000 + 60_000;
    // Not ahead of the server's time, whose seconds are whole.
    expect(floorMs).toBeLessThanOrEqual(Date.now());
    expect(floorMs).toBeGreaterThan(nowMs - 1000);
    expect(retention.floorUnixNano(nowMs - 600_000)).toBe(BigInt(nowMs - 600_000 - 3_600_000 - 60_000) * 1_000_000n);
    retention.learn(BigInt(nowMs) * 1_000_000n);
    expect(retention.floorUnixNano(nowMs)).toBe(BigInt(nowMs) * 1_000_000n + 1n);
    server.token = 'another';
    await retention.refresh(299_999, {});
    expect(retention.floorUnixNano(nowMs)).toBe(BigInt(nowMs) * 1_000_000n + 1n);
    await retention.refresh(300_000, {});
    expect(retention.floorUnixNano(nowMs)).toBe(0n);
    client.close();
  });

  it('is left to its answer while it does not say what time it is', async () => {
    const target = { version: 2, org: 'o', bucket: 'b', rollupBucket: 'c', token: 't' } as const;
    let sendDate = false;
    const { client } = await talk(
      (response) => {
        response.sendDate = sendDate;
        response.writeHead(200).end('{"buckets":[{"name":"b","retentionRules":[{"everySeconds":3600}]}]}');
      },
      { target },
    );
    const retention = createRetention(client, target);
    await retention.refresh(0, {});
    expect(retention.floorUnixNano(Date.now())).toBe(0n);
    sendDate = true;
    await client.ping();
    expect(retention.floorUnixNano(Date.now())).toBeGreaterThan(0n);
  });
});
