/** `setup influxdb` on a real 1.6, on the stand-in for 2.7, and on a real 2.x when the environment names one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Io, runProgram } from '@metricstream/shared/cli/program.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, givenInflux2, queryInflux1, startInflux1 } from '../../../../test/services/index.ts';
import { requestText, setupInfluxdb, setupInfluxdbVerb, setupText } from '../../src/setup/influxdb.ts';
import { readInfluxdb } from '../../src/setup/influxdb-read.ts';
import { createInfluxdbClient } from '../../src/sinks/influxdb/client.ts';
import type { InfluxdbSettings } from '../../src/sinks/influxdb/settings.ts';
import { type Changes, influx1Place, influx2Place, type Place, standInPlace } from './influxdb-targets.ts';

const DAY_MS = 86_400_000;
const has1 = await available('sharedInflux1');

const servers: { name: string; make(changes?: Changes): Promise<Place> }[] = [
  ...(has1 ? [{ name: 'InfluxDB 1.6', make: influx1Place }] : []),
  { name: 'the stand-in for 2.7', make: standInPlace },
  ...(givenInflux2() === undefined ? [] : [{ name: 'InfluxDB 2.x', make: influx2Place }]),
];

const statesOf = ({ steps }: { steps: readonly { state: string }[] }): string[] => steps.map(({ state }) => state);

/** How long points and means are kept, as the server says; undefined for what is not there. */
async function keeps({ settings, client }: Place): Promise<(number | undefined)[]> {
  const found = await readInfluxdb(settings, client);
  const { target } = settings;
  if (found.version === 2 && target.version === 2)
    return [target.bucket, target.rollupBucket].map((name) => found.buckets.get(name)?.keepMs);
  if (found.version === 1 && target.version === 1)
    return [target.retentionPolicy, target.rollupRetentionPolicy].map(
      (policy) => found.policies?.find(({ name }) => name === policy)?.keepMs,
    );
  throw new Error('what was found is of another version');
}

const changed = (place: Place, changes: Changes): Place => ({ ...place, settings: { ...place.settings, ...changes } });

describe.each(servers)('setup on $name', ({ make }) => {
  it('makes what is not there, and has nothing to do the second time', async () => {
    const place = await make();
    expect(await setupInfluxdb(place)).toMatchObject({ changes: 3, refused: [] });
    expect(await keeps(place)).toEqual([7 * DAY_MS, 90 * DAY_MS]);
    const again = await setupInfluxdb(place);
    expect(again).toMatchObject({ changes: 0, refused: [] });
    expect(statesOf(again)).toEqual(['there', 'there', 'there']);
    expect(setupText(again, { dryRun: false, settings: place.settings })).toMatch(/\nnothing to do\n$/);
  });

  it('changes nothing in a dry run, whose requests sent by hand are all there is to do', async () => {
    const place = await make({ schema: 'both' });
    const { steps, changes } = await setupInfluxdb({ ...place, dryRun: true });
    expect(await keeps(place)).toEqual([undefined, undefined]);
    expect(steps.filter(({ request }) => request !== undefined)).toHaveLength(changes);
    for (const { request } of steps) {
      if (request?.kind === 'influxql') await place.client.influxql(requestText(request), { database: '' });
      if (request?.kind === 'api') {
        const { method, path, json } = request;
        expect(await place.client.api({ method, path, json })).toMatchObject({ status: 201 });
      }
    }
    expect(await setupInfluxdb(place)).toMatchObject({ changes: 0, refused: [] });
  });

  it('lengthens what is too short, and never shortens anything', async () => {
    const place = await make({ keepMs: 2 * DAY_MS, rollupKeepMs: 100 * DAY_MS });
    await setupInfluxdb(place);
    const asked = changed(place, { keepMs: 7 * DAY_MS, rollupKeepMs: 90 * DAY_MS });
    const report = await setupInfluxdb(asked);
    expect(statesOf(report)).toEqual(['shorter', 'longer', 'there']);
    expect(report.changes).toBe(1);
    expect(setupText(report, { dryRun: false, settings: asked.settings })).toMatch(/it keeps 2d\n[^]*it keeps 100d\n/);
    expect(await keeps(place)).toEqual([7 * DAY_MS, 100 * DAY_MS]);
    expect(await setupInfluxdb(asked)).toMatchObject({ changes: 0, refused: [] });
  });

  it('refuses where means are computed otherwise, shows both texts, and then makes nothing at all', async () => {
    const place = await make({ lateMs: 300_000 });
    await setupInfluxdb(place);
    // Another `late` looks back further; a longer retention alone would be made.
    const other = changed(place, { lateMs: 1_200_000, keepMs: 14 * DAY_MS });
    const report = await setupInfluxdb(other);
    expect(statesOf(report)).toEqual(['shorter', 'there', 'differs']);
    expect(report.changes).toBe(0);
    expect(await keeps(place)).toEqual([7 * DAY_MS, 90 * DAY_MS]);
    const text = setupText(report, { dryRun: false, settings: other.settings });
    expect(text).toMatch(/DIFFERS [^]*there: [^]*\b8m\b[^]*asked: [^]*\b23m\b[^]*→ if it is not needed any more: /);
    expect(text).toMatch(/nothing was changed: what differs is for you to decide\n$/);
    expect(await setupInfluxdb(place)).toMatchObject({ changes: 0, refused: [] });
  });
});

describe.each(servers.filter(({ name }) => name !== 'InfluxDB 1.6'))('tasks on $name', ({ make }) => {
  it('are not taken for right while they are inactive', async () => {
    const place = await make();
    await setupInfluxdb(place);
    const { settings, client } = place;
    const found = await readInfluxdb(settings, client);
    if (found.version !== 2) throw new Error('2.x expected');
    const id = found.tasks[0]!.id;
    await client.api({ method: 'PATCH', path: `/api/v2/tasks/${id}`, json: { status: 'inactive' } });
    const report = await setupInfluxdb(place);
    expect(report.refused).toMatchObject([{ found: 'it is inactive', remedy: `activate task ${id}` }]);
  });

  it('are made by a token that may, and what another may not is told', async () => {
    const place = await make();
    const { settings } = place;
    const target = { ...settings.target, token: 'wrong' } as InfluxdbSettings['target'];
    const client = createInfluxdbClient({ ...settings, target });
    onTestFinished(() => client.close());
    await expect(setupInfluxdb({ settings, client })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/ 401 .*unauthorized[^]*→ setup needs a token of organisation/),
    });
  });
});

describe.each(givenInflux2() === undefined ? [] : ['InfluxDB 2.x'])('%s', () => {
  it('tells which rights a token lacks that may only use the buckets', async () => {
    const place = await influx2Place();
    await setupInfluxdb(place);
    const { settings, client } = place;
    const found = await readInfluxdb(settings, client);
    if (found.version !== 2) throw new Error('2.x expected');
    const { orgId } = found;
    const permissions = [...found.buckets.values()].flatMap(({ id }) =>
      ['read', 'write'].map((action) => ({ action, resource: { type: 'buckets', id, orgID: orgId } })),
    );
    const path = '/api/v2/authorizations';
    const made = await client.api({ method: 'POST', path, json: { orgID: orgId, permissions } });
    const { id, token } = made.json as { id: string; token: string };
    onTestFinished(async () => void (await client.api({ method: 'DELETE', path: `${path}/${id}` })));
    const limited = { ...settings, target: { ...settings.target, token } as InfluxdbSettings['target'] };
    const own = createInfluxdbClient(limited);
    onTestFinished(() => own.close());
    // It sees the buckets and no task: it tries to make one, and may not.
    await expect(setupInfluxdb({ settings: limited, client: own })).rejects.toThrow(
      /unauthorized[^]*read and write buckets and tasks/,
    );
  });
});

describe.runIf(has1)('setup on a 1.x database that is there already', () => {
  it('leaves the default policy of others alone, and says what it is', async () => {
    const place = await influx1Place();
    const { settings, client } = place;
    if (settings.target.version !== 1) throw new Error('1.x expected');
    const { database } = settings.target;
    await client.influxql(`CREATE DATABASE "${database}"`, { database: '' });
    const report = await setupInfluxdb(place);
    expect(report).toMatchObject({ changes: 3, refused: [] });
    expect(report.steps[0]?.found).toBe(`queries that name no policy read "autogen", the default of "${database}"`);
    const found = await readInfluxdb(settings, client);
    const usual = found.version === 1 && found.policies?.find(({ isDefault }) => isDefault);
    expect(usual).toMatchObject({ name: 'autogen', keepMs: 0 });
  });

  it('keeps a policy that keeps everything', async () => {
    const place = await influx1Place();
    const { settings, client } = place;
    if (settings.target.version !== 1) throw new Error('1.x expected');
    await client.influxql(`CREATE DATABASE "${settings.target.database}" WITH NAME "7_days"`, { database: '' });
    const report = await setupInfluxdb(place);
    expect(report.steps[0]).toMatchObject({ state: 'longer', found: 'it keeps everything' });
    expect(await keeps(place)).toEqual([0, 90 * DAY_MS]);
  });

  it('makes a query of its own for each way of naming, and knows both again', async () => {
    const place = await influx1Place({ schema: 'both' });
    expect(await setupInfluxdb(place)).toMatchObject({ changes: 4 });
    expect(await setupInfluxdb(place)).toMatchObject({ changes: 0, refused: [] });
    // The seed's query is also that of `seed` alone.
    expect(await setupInfluxdb(changed(place, { schema: 'seed' }))).toMatchObject({ changes: 0, refused: [] });
  });
});

describe.runIf(await available('influx1'))('setup on a 1.x server with users', () => {
  it('says who may, to one who may not', async () => {
    const { url, username, password } = await startInflux1({ auth: true });
    const admin = (query: string) => queryInflux1({ url, query, username, password });
    await admin(
      `CREATE DATABASE metrics WITH NAME "7_days"; CREATE USER some WITH PASSWORD 'one'; GRANT ALL ON metrics TO some`,
    );
    const place = await influx1Place({}, { url });
    const as = (user: string, word: string): Place => {
      const target = { ...place.settings.target, database: 'metrics', username: user, password: word };
      const settings = { ...place.settings, target } as InfluxdbSettings;
      const client = createInfluxdbClient(settings);
      onTestFinished(() => client.close());
      return { settings, client };
    };
    const rights = /GRANT ALL PRIVILEGES TO "/;
    await expect(setupInfluxdb(as('some', 'two'))).rejects.toThrow(
      /401: authorization failed\n→ setup needs user "some"/,
    );
    const unseen = await setupInfluxdb(as('some', 'one'));
    expect(statesOf(unseen)).toEqual(['longer', 'missing', 'unseen']);
    expect(unseen.changes).toBe(0);
    expect(setupText(unseen, { dryRun: false, settings: as('some', 'one').settings })).toMatch(rights);
    expect(await setupInfluxdb(as(username, password))).toMatchObject({ changes: 2, refused: [] });
  });
});

describe('the verb setup influxdb', () => {
  it('prints each request in a dry run, says what it made, and exits 1 when something differs', async () => {
    const { settings } = await standInPlace();
    if (settings.target.version !== 2) throw new Error('2.x expected');
    const { url, target } = settings;
    const dir = mkdtempSync(join(tmpdir(), 'ms-setup-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'collector.yaml');
    const setup = async (changes: object, ...args: string[]) => {
      const { org, bucket, token } = target;
      writeFileSync(file, JSON.stringify({ sinks: { influxdb: { url, org, bucket, token, ...changes } } }));
      const said = { out: '', err: '' };
      const io: Io = { out: (text) => void (said.out += text), err: (text) => void (said.err += text) };
      const verb = { name: 'setup', summary: 's', examples: [], verbs: [setupInfluxdbVerb()] };
      const spec = { name: 'program', version: '1', description: 'd', verbs: [verb] };
      const code = await runProgram(spec, ['setup', 'influxdb', '-c', file, ...args], io);
      return { code, ...said };
    };
    const dry = await setup({}, '--dry-run');
    expect(dry).toMatchObject({ code: 0, err: '' });
    expect(dry.out).toMatch(
      /would {3}make bucket "metrics", 7d\n {8}POST \/api\/v2\/buckets {"orgID":"\w+","name":"metrics"/,
    );
    expect(dry.out).toMatch(
      / {8}option task = {name: "metricstream_1m metrics metrics_1m", every: 1m}\n[^]*\n3 changes to make\n$/,
    );
    expect(dry.out).not.toContain(target.token);
    expect(await setup({})).toMatchObject({
      code: 0,
      out: expect.stringMatching(/done {4}make task [^]*\n3 changes made\n$/),
    });
    expect(await setup({})).toMatchObject({ code: 0, out: expect.stringMatching(/\nnothing to do\n$/) });
    expect(await setup({ late: '20m' })).toMatchObject({ code: 1 });
    expect(JSON.parse((await setup({}, '--json')).out)).toMatchObject({ dryRun: false, changes: 0, refused: [] });
    expect(await setup({ enabled: false })).toMatchObject({
      code: 78,
      err: expect.stringMatching(/sinks.influxdb is missing/),
    });
    expect(await setup({ url: 'http://127.0.0.1:9' })).toMatchObject({ code: 69 });
  });
});
