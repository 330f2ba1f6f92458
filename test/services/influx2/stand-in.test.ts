import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { givenInflux2, type Influx2Options, startInflux2StandIn } from '../index.ts';

interface Target {
  url: string;
  token: string;
  org: string;
}

interface Reply {
  status: number;
  code: string;
  message: string;
}

const daySeconds = 86_400;
const nowNs = () => BigInt(Date.now()) * 1_000_000n;

async function ask(target: Target, path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Token ${target.token}`, ...(init.headers as Record<string, string>) };
  const response = await fetch(`${target.url}${path}`, { ...init, headers });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

async function write(
  target: Target,
  body: string | Uint8Array<ArrayBuffer>,
  options: Record<string, string> = {},
): Promise<Reply> {
  const { encoding, ...rest } = options;
  const query = new URLSearchParams({ org: target.org, bucket: 'services', precision: 'ns', ...rest });
  const headers = encoding === undefined ? undefined : { 'content-encoding': encoding };
  const reply = await ask(target, `/api/v2/write?${String(query)}`, { method: 'POST', body, headers });
  return { status: reply.status, code: '', message: '', ...(reply.body as object) };
}

const start = (options: Influx2Options = {}) =>
  startInflux2StandIn({ buckets: { services: 0, short: daySeconds }, ...options });

/** What was measured on InfluxDB 2.7.12; measurements of one's own, since the real one keeps what it was given. */
function behavesAsMeasured(target: () => Promise<Target>): void {
  const name = () => `m${Math.random().toString(36).slice(2)}`;

  it('takes good lines, plain and compressed, in each precision', async () => {
    const at = await target();
    const m = name();
    expect(await write(at, `${m} v=1 ${nowNs()}`)).toMatchObject({ status: 204 });
    expect(await write(at, gzipSync(`${m} v=1 ${nowNs()}`), { encoding: 'gzip' })).toMatchObject({ status: 204 });
    for (const [precision, unit] of Object.entries({ s: 1_000_000_000n, ms: 1_000_000n, us: 1000n })) {
      expect(await write(at, `${m} v=1 ${nowNs() / unit}`, { precision })).toMatchObject({ status: 204 });
    }
  });

  it('rejects a whole body for one line that it cannot read, and names the line', async () => {
    const at = await target();
    const m = name();
    for (const bad of [`${m} v=`, `${m} v=NaN`]) {
      const reply = await write(at, `${m} v=1 1\n${bad}\n${m} v=2 2`);
      expect(reply).toMatchObject({ status: 400, code: 'invalid' });
      expect(reply.message).toContain(`unable to parse '${bad}'`);
    }
  });

  it('stores the others when fields are of another type, and names the first', async () => {
    const at = await target();
    const m = name();
    await write(at, `${m} a=1,b=1 ${nowNs()}`);
    const reply = await write(at, `${m} a="x" ${nowNs()}\n${m} a=3 ${nowNs()}\n${m} b="y" ${nowNs()}`);
    expect(reply).toMatchObject({ status: 422, code: 'unprocessable entity' });
    expect(reply.message).toContain(`partial write: field type conflict: input field "a" on measurement "${m}"`);
    expect(reply.message).not.toContain('"b"');
  });

  it('stores the others when points are older than it keeps, and counts those', async () => {
    const at = await target();
    const m = name();
    const old = nowNs() - BigInt(2 * daySeconds) * 1_000_000_000n;
    const body = `${m} v=1 ${old}\n${m} v=2 ${nowNs()}\n${m} v=3 ${old + 1n}`;
    const reply = await write(at, body, { bucket: 'short' });
    expect(reply).toMatchObject({ status: 422, code: 'unprocessable entity' });
    expect(reply.message).toContain('dropped=2');
  });

  it('knows no other token, bucket or organisation', async () => {
    const at = await target();
    expect(await write({ ...at, token: 'another' }, 'm v=1')).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(await write(at, 'm v=1', { bucket: 'none' })).toMatchObject({ status: 404, code: 'not found' });
    expect(await write(at, 'm v=1', { org: 'none' })).toMatchObject({ status: 404, code: 'not found' });
  });

  it('calls broken compression its own error', async () => {
    const at = await target();
    const whole = gzipSync(`m v=1 ${nowNs()}`);
    expect(await write(at, whole.subarray(0, -9), { encoding: 'gzip' })).toMatchObject({ status: 500 });
    expect(await write(at, 'm v=1', { encoding: 'gzip' })).toMatchObject({ status: 500 });
  });

  it('tells that it is well, and which version it is', async () => {
    const { url } = await target();
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'pass' });
    const ping = await fetch(`${url}/ping`);
    expect(ping.status).toBe(204);
    expect(ping.headers.get('x-influxdb-version')).toMatch(/^v?2\./);
  });
}

describe('the stand-in for InfluxDB 2', () => {
  behavesAsMeasured(start);

  it('gives back what was stored: by identity, fields merged, nothing of what was refused', async () => {
    const influx = await start({ nowMs: () => 10_000 });
    await write(influx, 'm,b=2,a=1 v=1 5\nm,a=1,b=2 w=2i 5\nm,a=1,b=2 v=3 5\nm,a=1 v=4');
    await write(influx, 'm v=1 1\nm v=');
    await write(influx, 'm,a=2 v="x" 6\nm,a=3 v=5 6');
    expect(influx.points('services')).toEqual([
      {
        measurement: 'm',
        tags: { a: '1', b: '2' },
        fields: { v: { type: 'float', value: 3 }, w: { type: 'integer', value: 2n } },
        timeNs: 5n,
      },
      { measurement: 'm', tags: { a: '1' }, fields: { v: { type: 'float', value: 4 } }, timeNs: 10_000_000_000n },
      { measurement: 'm', tags: { a: '3' }, fields: { v: { type: 'float', value: 5 } }, timeNs: 6n },
    ]);
    expect(influx.writes.map(({ status, lines }) => [status, lines])).toEqual([
      [204, 4],
      [400, 2],
      [422, 2],
    ]);
  });

  it('fails as it is told: with a status, late, or without an answer, stored or not', async () => {
    const influx = await start();
    influx.fault({ times: 2, status: 503, headers: { 'retry-after': '7' } });
    expect((await write(influx, 'm v=1 1')).status).toBe(503);
    expect((await write(influx, 'm v=1 1')).status).toBe(503);
    influx.fault({ times: Infinity, status: 500, when: (body) => body.includes('bad') });
    expect((await write(influx, 'm v=1 2')).status).toBe(204);
    expect((await write(influx, 'bad v=1 3')).status).toBe(500);
    influx.heal();
    influx.fault({ silence: 'cut', stored: true });
    await expect(write(influx, 'm v=1 4')).rejects.toThrow('fetch failed');
    influx.fault({ delayMs: 50 });
    expect((await write(influx, 'm v=1 5')).status).toBe(204);
    influx.fault({ silence: 'hang' });
    const signal = AbortSignal.timeout(100);
    const hanging = ask(influx, `/api/v2/write?org=${influx.org}&bucket=services`, {
      method: 'POST',
      body: 'm v=1',
      signal,
    });
    await expect(hanging).rejects.toThrow('timeout');
    expect(influx.points('services').map(({ timeNs }) => timeNs)).toEqual([2n, 4n, 5n]);
  });

  it('takes another token when it is told to, and knows no bucket that was deleted', async () => {
    const influx = await start();
    const before = { url: influx.url, org: influx.org, token: influx.token };
    influx.token = 'changed';
    expect((await write(before, 'm v=1')).status).toBe(401);
    influx.token = before.token;
    influx.deleteBucket('services');
    expect((await write(before, 'm v=1')).status).toBe(404);
    influx.createBucket('services', 0);
    expect((await write(before, 'm v=1')).status).toBe(204);
  });

  it('lists, makes and changes buckets and tasks of its organisation', async () => {
    const influx = await start();
    const send = (method: string, path: string, body: object) =>
      ask(influx, path, { method, body: JSON.stringify(body) });
    const orgs = (await ask(influx, `/api/v2/orgs?org=${influx.org}`)).body as { orgs: { id: string }[] };
    const orgID = orgs.orgs[0]?.id;
    const rule = { type: 'expire', everySeconds: 7 * daySeconds };
    const made = await send('POST', '/api/v2/buckets', { orgID, name: 'week', retentionRules: [rule] });
    expect(made).toMatchObject({ status: 201, body: { name: 'week', retentionRules: [rule] } });
    expect((await send('POST', '/api/v2/buckets', { orgID, name: 'week' })).status).toBe(422);
    const { id } = made.body as { id: string };
    await send('PATCH', `/api/v2/buckets/${id}`, { retentionRules: [] });
    expect(await ask(influx, '/api/v2/buckets?name=week')).toMatchObject({
      body: { buckets: [{ retentionRules: [] }] },
    });
    expect((await ask(influx, '/api/v2/buckets?name=none')).status).toBe(404);

    const flux = 'option task = {name: "down", every: 1m, offset: 30s}\nfrom(bucket: "week")';
    const task = await send('POST', '/api/v2/tasks', { orgID, flux });
    expect(task).toMatchObject({ status: 201, body: { name: 'down', every: '1m', offset: '30s', status: 'active' } });
    expect((await send('POST', '/api/v2/tasks', { orgID, flux: 'from(bucket: "week")' })).status).toBe(400);
    await send('PATCH', `/api/v2/tasks/${(task.body as { id: string }).id}`, {
      status: 'inactive',
      flux: flux.replace('1m', '2m'),
    });
    expect((await ask(influx, '/api/v2/tasks?name=down')).body).toMatchObject({
      tasks: [{ every: '2m', status: 'inactive' }],
    });
    expect((await ask(influx, '/api/v2/tasks?name=none')).body).toMatchObject({ tasks: [] });
  });

  it('runs no Flux, and says so', async () => {
    const influx = await start();
    const { status, body } = await ask(influx, `/api/v2/query?org=${influx.org}`, { method: 'POST', body: '{}' });
    expect([status, body]).toMatchObject([501, { message: 'this stand-in runs no Flux' }]);
  });
});

/** Makes the buckets that the tests write to, unless they are there. */
async function prepare(target: Target): Promise<Target> {
  const { body } = await ask(target, `/api/v2/orgs?org=${encodeURIComponent(target.org)}`);
  const orgID = (body as { orgs: { id: string }[] }).orgs[0]?.id;
  for (const [name, everySeconds] of Object.entries({ services: 0, short: daySeconds })) {
    const retentionRules = everySeconds === 0 ? [] : [{ type: 'expire', everySeconds }];
    await ask(target, '/api/v2/buckets', { method: 'POST', body: JSON.stringify({ orgID, name, retentionRules }) });
  }
  return target;
}

// Without one there is nothing to skip: the stand-in is what stands for it.
for (const real of [givenInflux2()].filter((given) => given !== undefined)) {
  describe('the real InfluxDB 2 that the environment names', () => {
    const ready = prepare(real);
    behavesAsMeasured(() => ready);
  });
}
