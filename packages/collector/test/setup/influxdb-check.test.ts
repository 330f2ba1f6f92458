/** What `check --connect` says of InfluxDB: real 1.6, the stand-in for 2.7, and a real 2.x when the environment names one. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { CheckLine } from '@metricstream/shared/cli/check-line.ts';
import { checkLinesExit } from '@metricstream/shared/cli/check-line.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, givenInflux2, queryInflux1, startInflux1 } from '../../../../test/services/index.ts';
import { setupInfluxdb } from '../../src/setup/influxdb.ts';
import { checkInfluxdb } from '../../src/setup/influxdb-check.ts';
import { readInfluxdb } from '../../src/setup/influxdb-read.ts';
import { createInfluxdbClient } from '../../src/sinks/influxdb/client.ts';
import type { InfluxdbSettings } from '../../src/sinks/influxdb/settings.ts';
import { influx1Place, influx2Place, type Place, standInPlace } from './influxdb-targets.ts';

const DAY_MS = 86_400_000;
const has1 = await available('sharedInflux1');

const check = ({ settings, client }: Place): Promise<CheckLine[]> => checkInfluxdb(settings, client);
const not = (lines: readonly CheckLine[], level: CheckLine['level']) => lines.filter((line) => line.level !== level);

/** The same place for somebody else, or another one. */
function asOther(place: Place, target: object, changes: Partial<InfluxdbSettings> = {}): Place {
  const settings = { ...place.settings, ...changes, target: { ...place.settings.target, ...target } };
  const client = createInfluxdbClient(settings);
  onTestFinished(() => client.close());
  return { settings, client };
}

const real = [
  ...(has1 ? [{ name: 'InfluxDB 1.6', version: '1.6', make: influx1Place }] : []),
  ...(givenInflux2() === undefined ? [] : [{ name: 'InfluxDB 2.x', version: 'v2.', make: influx2Place }]),
];

describe.each(real)('check --connect on $name', ({ version, make }) => {
  it('finds all well after setup, and says what it looked at', async () => {
    const place = await make();
    await setupInfluxdb(place);
    const lines = await check(place);
    expect(not(lines, 'ok')).toEqual([]);
    expect(lines[0]?.what).toMatch(`InfluxDB ${version}`);
    const text = lines.map(({ what }) => what).join('\n');
    for (const what of [/answers at http/, /writes to .* are taken/, /queries to .* are answered/, /, 7d/, /, 90d/])
      expect(text).toMatch(what);
    expect(text).toMatch(/continuous query|task/);
    expect(checkLinesExit(lines)).toBe(0);
  });

  it('fails before setup, with the command that makes what is missing', async () => {
    const lines = await check(await make());
    expect(checkLinesExit(lines)).toBe(1);
    expect(lines.some(({ what }) => /not found/.test(what))).toBe(true);
    for (const line of not(lines, 'ok')) expect(line.fix).toMatch(/setup influxdb/);
  });

  it('warns of a retention that is too short, and of means that are computed otherwise', async () => {
    const place = await make();
    await setupInfluxdb(place);
    const lines = await check(asOther(place, {}, { keepMs: 30 * DAY_MS, lateMs: 1_200_000 }));
    expect(not(lines, 'ok')).toMatchObject([
      {
        level: 'warn',
        what: expect.stringMatching(/30d: too short \(it keeps 7d\)/),
        fix: expect.stringMatching(/lengthens it/),
      },
      {
        level: 'warn',
        what: expect.stringMatching(/(query|task) .* is another one/),
        fix: expect.stringMatching(/DROP|delete/),
      },
    ]);
    expect(checkLinesExit(lines)).toBe(0);
  });

  it('writes no point', async () => {
    const place = await make();
    await setupInfluxdb(place);
    await check(place);
    expect((await place.client.influxql('SHOW MEASUREMENTS')).flat()).toEqual([]);
  });
});

describe('check --connect', () => {
  it('says that nobody answers, so that the command exits with 69', async () => {
    const place = await standInPlace();
    const lines = await check(asOther(place, {}, { url: 'http://127.0.0.1:9' }));
    expect(lines).toMatchObject([{ level: 'fail', unreachable: true, fix: expect.stringMatching(/url right/) }]);
    expect(checkLinesExit(lines)).toBe(69);
  });

  it('says so too of a server that takes the connection and never answers', async () => {
    const server = createServer(() => undefined);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const place = await standInPlace();
    const lines = await check(asOther(place, {}, { url: `http://127.0.0.1:${port}`, timeoutMs: 200 }));
    expect(lines).toMatchObject([{ level: 'fail', unreachable: true, what: expect.stringMatching(/did not answer/) }]);
  });

  it('tells a wrong token once, with what to do', async () => {
    const place = await standInPlace();
    await setupInfluxdb(place);
    const lines = await check(asOther(place, { token: 'wrong' }));
    expect(not(lines, 'ok')).toMatchObject([
      { level: 'fail', what: expect.stringMatching(/401: unauthorized/), fix: expect.stringMatching(/token is wrong/) },
    ]);
  });

  it('knows a 2.x server that is configured as 1.x', async () => {
    const place = await standInPlace();
    const target = { version: 1, database: 'metrics', retentionPolicy: 'a', rollupRetentionPolicy: 'b', username: '' };
    const lines = await check(asOther(place, target));
    expect(lines[0]).toMatchObject({ level: 'warn', fix: expect.stringMatching(/org, bucket and token/) });
  });
});

describe.runIf(has1)('check --connect on 1.x', () => {
  it('goes no further where the server is 1.x and configured as 2.x', async () => {
    const { settings } = await influx1Place();
    const place = await standInPlace();
    const lines = await check(asOther(place, {}, { url: settings.url }));
    expect(lines).toMatchObject([{ level: 'fail', fix: expect.stringMatching(/give database/) }]);
  });
});

describe.runIf(await available('influx1'))('check --connect on a 1.x server with users', () => {
  it('tells apart who may write, who may read, and who is nobody', async () => {
    const { url, username, password } = await startInflux1({ auth: true });
    const place = asOther(await influx1Place({}, { url }), { database: 'metrics', username, password });
    await setupInfluxdb(place);
    const admin = (query: string) => queryInflux1({ url, query, username, password });
    await admin(
      `CREATE USER w WITH PASSWORD 'w'; GRANT WRITE ON metrics TO w; CREATE USER r WITH PASSWORD 'r'; GRANT READ ON metrics TO r`,
    );
    await admin(`CREATE USER a WITH PASSWORD 'a'; GRANT ALL ON metrics TO a`);
    const as = (user: string, word = user) => check(asOther(place, { username: user, password: word }));
    expect(not(await check(place), 'ok')).toEqual([]);
    // All there is to running; only what makes the means cannot be seen.
    expect(not(await as('a'), 'ok')).toMatchObject([
      { level: 'warn', what: expect.stringMatching(/continuous query .* was not looked for/) },
    ]);
    expect(not(await as('w'), 'ok')).toMatchObject([
      {
        level: 'warn',
        what: expect.stringMatching(/queries are not answered.*requires READ/),
        fix: expect.stringMatching(/GRANT ALL ON "metrics" TO "w"/),
      },
      { level: 'warn', what: expect.stringMatching(/cannot be looked at/) },
    ]);
    expect(not(await as('r'), 'ok')[0]).toMatchObject({
      level: 'fail',
      what: expect.stringMatching(/403: .*not authorized to write/),
      fix: expect.stringMatching(/GRANT ALL ON "metrics" TO "r"/),
    });
    expect(not(await as('w', 'x'), 'ok')).toMatchObject([
      { level: 'fail', fix: expect.stringMatching(/password is wrong/) },
    ]);
  });
});

describe.each(givenInflux2() === undefined ? [] : ['InfluxDB 2.x'])('check --connect on %s', () => {
  it('tells apart what a token may do', async () => {
    const place = await influx2Place();
    await setupInfluxdb(place);
    const { settings, client } = place;
    const found = await readInfluxdb(settings, client);
    if (found.version !== 2 || settings.target.version !== 2) throw new Error('2.x expected');
    const { orgId, buckets } = found;
    const { bucket, rollupBucket } = settings.target;
    const on = (action: string, name: string) => ({
      action,
      resource: { type: 'buckets', id: buckets.get(name)!.id, orgID: orgId },
    });
    const as = async (...permissions: object[]) => {
      const path = '/api/v2/authorizations';
      const { json } = await client.api({ method: 'POST', path, json: { orgID: orgId, permissions } });
      const { id, token } = json as { id: string; token: string };
      onTestFinished(async () => void (await client.api({ method: 'DELETE', path: `${path}/${id}` })));
      return not(await check(asOther(place, { token })), 'ok');
    };
    const all = [bucket, rollupBucket].flatMap((name) => [on('read', name), on('write', name)]);
    expect(await as(...all)).toMatchObject([{ level: 'warn', what: expect.stringMatching(/task .* may not see it/) }]);
    expect(await as(on('write', bucket))).toMatchObject([
      {
        level: 'warn',
        what: expect.stringMatching(/queries are not answered/),
        fix: expect.stringMatching(/read and write/),
      },
      { level: 'warn', what: expect.stringMatching(/_1m" are answered with 403/) },
      { level: 'warn', what: expect.stringMatching(/no organisation .* that the token may see/) },
    ]);
    expect((await as(on('read', bucket)))[0]).toMatchObject({
      level: 'fail',
      what: expect.stringMatching(/403: insufficient permissions/),
    });
  });
});
