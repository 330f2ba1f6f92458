/** The client against servers that answer, do not answer, or answer too much; what goes over the wire, and what stays here. */
import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createInfluxdbClient } from '../../../src/sinks/influxdb/client.ts';
import { settingsFor1 } from './helpers.ts';
import { closed, failureOf, talk } from './talk.ts';

const line = Buffer.from('m,host=a v=1 1\n');
const noContent = (response: ServerResponse): void => void response.writeHead(204).end();

describe('a write', () => {
  it('goes to the path of 1.x with name and password in a header, and nowhere else', async () => {
    const target = {
      version: 1,
      database: 'my metrics',
      retentionPolicy: '7_days',
      rollupRetentionPolicy: '90_days',
      username: 'me',
      password: 'hush-hush',
    } as const;
    const { client, heard } = await talk(noContent, { target });
    expect(await client.write(line)).toEqual({ status: 204, words: '' });
    const { request, body } = heard[0]!;
    expect(`${request.method} ${request.url}`).toBe('POST /write?db=my+metrics&rp=7_days&precision=ns');
    expect(request.headers.authorization).toBe(`Basic ${Buffer.from('me:hush-hush').toString('base64')}`);
    expect(body).toEqual(line);
    expect(request.headers['content-length']).toBe(String(line.length));
    expect(client.where).not.toContain('hush');
  });

  it('goes to the path of 2.x with the token in a header', async () => {
    const target = { version: 2, org: 'o&o', bucket: 'b', rollupBucket: 'c', token: 'hush-hush' } as const;
    const { client, heard } = await talk(noContent, { target });
    await client.write(line);
    const { request } = heard[0]!;
    expect(request.url).toBe('/api/v2/write?org=o%26o&bucket=b&precision=ns');
    expect(request.headers.authorization).toBe('Token hush-hush');
  });

  it('is compressed when the settings say so', async () => {
    const { client, heard } = await talk(noContent, { compression: 'gzip' });
    const lines = Buffer.from('m,host=a v=1 1\n'.repeat(5000));
    await client.write(lines);
    expect(heard[0]!.request.headers['content-encoding']).toBe('gzip');
    expect(heard[0]!.body.length).toBeLessThan(lines.length / 50);
    expect(gunzipSync(heard[0]!.body)).toEqual(lines);
  });

  it('after a write uses the same connection', async () => {
    const { client, connections } = await talk((response) => void response.writeHead(400).end('{"error":"no"}'));
    for (let at = 0; at < 10; at++) await client.write(line);
    expect(connections()).toBe(1);
  });
});

describe('an answer', () => {
  const check = async (answer: (response: ServerResponse) => void, expected: object) => {
    const { client } = await talk(answer);
    expect(await client.write(line)).toEqual({ retryAfterMs: undefined, ...expected });
  };

  it('gives the words of 1.x, of 2.x, of a header, of anybody', async () => {
    const json = { 'content-type': 'application/json' };
    await check((response) => response.writeHead(400, json).end('{"error":"partial"}'), {
      status: 400,
      words: 'partial',
    });
    await check((response) => response.writeHead(422, json).end('{"code":"x","message":"no"}'), {
      status: 422,
      words: 'no',
    });
    await check((response) => response.writeHead(500, { 'x-influxdb-error': 'in a header' }).end(), {
      status: 500,
      words: 'in a header',
    });
    await check((response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'), {
      status: 502,
      words: '<h1>Bad Gateway</h1>',
    });
    await check((response) => response.writeHead(503).end(), { status: 503, words: 'Service Unavailable' });
  });

  it('says when to come again, in seconds or as a date, a minute at most', async () => {
    const after = async (value: string) => {
      const { client } = await talk((response) => void response.writeHead(429, { 'retry-after': value }).end());
      return (await client.write(line)).retryAfterMs;
    };
    expect(await after('3')).toBe(3000);
    expect(await after('31536000')).toBe(60_000);
    expect(await after(new Date(Date.now() + 20_000).toUTCString())).toBeGreaterThan(15_000);
    expect(await after(new Date(Date.now() - 20_000).toUTCString())).toBe(0);
    expect(await after('soon')).toBeUndefined();
  });

  it('that leads elsewhere is not followed', async () => {
    const { client, heard } = await talk((response) => void response.writeHead(307, { location: '/elsewhere' }).end());
    expect((await client.write(line)).status).toBe(307);
    expect(heard.length).toBe(1);
  });

  it('with an error repeated in a very long header is read', async () => {
    const words = 'unable to parse '.repeat(100_000);
    const json = { 'content-type': 'application/json' };
    await check(
      (response) =>
        response.writeHead(400, { 'x-influxdb-error': words, ...json }).end(JSON.stringify({ error: words })),
      {
        status: 400,
        words,
      },
    );
  });

  it('without end is cut off', async () => {
    const block = Buffer.alloc(1024 * 1024, 'x');
    for (const status of [200, 400]) {
      const { client, sockets } = await talk(
        (response) => {
          response.writeHead(status, { 'content-type': 'application/json' });
          const more = (): void => void (response.destroyed || response.write(block, () => setImmediate(more)));
          more();
        },
        { timeoutMs: 20_000 },
      );
      expect((await failureOf(client.write(line))).code).toBe('limit');
      await closed(sockets);
    }
  });
});

describe('an answer that is compressed', () => {
  // Members one after the other are one stream: 1.3 MB that are 1.3 GB.
  const member = gzipSync(Buffer.alloc(64 * 1024 * 1024, 'x'));
  const bomb = Buffer.concat(Array.from({ length: 20 }, () => member));

  it('is not asked for, and one that comes all the same is cut off, not unpacked', { timeout: 30_000 }, async () => {
    for (const status of [200, 400, 500]) {
      const head = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
      const { client, heard, sockets } = await talk((response) => void response.writeHead(status, head).end(bomb), {
        timeoutMs: 20_000,
      });
      const before = process.memoryUsage.rss();
      const calls = [() => client.write(line), () => client.influxql('SHOW DATABASES'), () => client.flux('x')];
      for (const call of calls) {
        const error = await failureOf(call());
        expect(error.code).toBe('unreachable');
        expect(error.message).toContain('content-encoding that was not asked for: gzip; let no proxy');
      }
      expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
      expect(heard.map(({ request }) => request.headers['accept-encoding'])).toEqual(Array(3).fill('identity'));
      await closed(sockets);
    }
  });

  it('is not read in any encoding; `identity` is none, and where there is nothing to read all is well', async () => {
    const answerTo = async (status: number, encoding: string, body?: string) => {
      const { client } = await talk(
        (response) => void response.writeHead(status, { 'content-encoding': encoding }).end(body),
      );
      return client.write(line);
    };
    for (const encoding of ['br', 'deflate', 'GZIP', 'gzip, gzip'])
      expect((await failureOf(answerTo(400, encoding, 'no'))).message).toContain(`for: ${encoding};`);
    expect(await answerTo(400, 'identity', 'no')).toMatchObject({ status: 400, words: 'no' });
    expect(await answerTo(204, 'gzip')).toMatchObject({ status: 204, words: '' });
  });
});

describe('without an answer a call fails', () => {
  it('in time, even when bytes keep coming, and its connection is closed', async () => {
    const drip = (response: ServerResponse): void => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    };
    for (const answer of [drip, () => undefined]) {
      const { client, sockets } = await talk(answer, { timeoutMs: 150 });
      const error = await failureOf(client.influxql('SHOW DATABASES'));
      expect(error.code).toBe('timeout');
      expect(error.message).toContain('did not answer within 150 ms');
      await closed(sockets);
    }
  });

  it('at once when it is aborted, and leaves nothing on the signal', async () => {
    const stop = new AbortController();
    const { client, sockets } = await talk((response, { request }) => {
      if (request.url === '/ping') response.writeHead(204).end();
      else stop.abort();
    });
    await client.ping({ signal: stop.signal });
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    const error = await failureOf(client.write(line, { signal: stop.signal }));
    expect(error.code).toBe('stopped');
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    await closed(sockets);
    expect((await failureOf(client.write(line, { signal: stop.signal }))).code).toBe('stopped');
  });

  it('when the connection is cut, in the middle of an answer too, and when nobody listens', async () => {
    const cut = await talk((response) => void response.destroy());
    expect((await failureOf(cut.client.write(line))).code).toBe('unreachable');
    const half = await talk((response) => {
      response.writeHead(400, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    });
    expect((await failureOf(half.client.write(line))).code).toBe('unreachable');
    const nobody = createInfluxdbClient(settingsFor1('http://127.0.0.1:1', 'metrics'));
    const error = await failureOf(nobody.write(line));
    expect(error.code).toBe('unreachable');
    expect(error.message).toContain('http://127.0.0.1:1');
  });

  it('when it is closed', async () => {
    const { client } = await talk(() => client.close());
    expect((await failureOf(client.write(line))).code).toBe('unreachable');
  });
});
