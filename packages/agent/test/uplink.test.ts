import type { Socket } from 'node:net';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ack, collector, rawServer, record, uplinkTo } from './uplink-kit.ts';

describe('the uplink', () => {
  it('posts the record as it is, with what the sending has to say, and reads the Ack', async () => {
    const { url, seen } = await collector(() => ack(41));
    const { uplink, send } = uplinkTo(`${url}/in`);
    expect(await send(record(42, Buffer.from('the batch')))).toEqual({ kind: 'stored' });
    expect(seen[0]).toMatchObject({ url: '/in/v1/batches', body: Buffer.from('the batch') });
    expect(seen[0]?.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-length': '9',
      'client-id': 'web-1',
      lane: 'live',
      'oldest-seq': '41',
      'spool-bytes': '4096',
      'runway-seconds': '3600',
      'sent-at': expect.stringMatching(/^\d{13}$/),
    });
    expect(seen[0]?.headers['content-encoding']).toBeUndefined();
    expect(uplink.stats).toMatchObject({ requests: 1, pointsSent: 10, contiguousSeq: 41, lastError: '' });
    expect(Math.round(uplink.stats.clockSkewMs / 10_000)).toBe(6);
    expect(uplink.ackMs(50)).toBeGreaterThan(0);
  });

  it('keeps one connection alive over many batches', async () => {
    const { url, seen } = await collector(ack);
    const { send } = uplinkTo(url);
    for (let seq = 1; seq <= 5; seq++) await send(record(seq, Buffer.from('x')));
    expect(new Set(seen.map(({ socket }) => socket)).size).toBe(1);
  });

  it.each([
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
  ] as const)('compresses larger batches with %s', async (compression, decompress) => {
    const { url, seen } = await collector(ack);
    const { send } = uplinkTo(url, { compression });
    const body = Buffer.from('series '.repeat(1000));
    await send(record(1, body));
    expect(seen[0]?.headers['content-encoding']).toBe(compression);
    expect(seen[0]?.body.length).toBeLessThan(body.length / 5);
    expect(Buffer.compare(decompress(seen[0]?.body as Buffer), body)).toBe(0);
  });

  it('keeps everything when what answers 2xx is no collector', async () => {
    for (const body of [undefined, Buffer.from('<html>welcome</html>'), Buffer.from([0x08, 0x02])]) {
      const { url } = await collector(() => ({ status: 200, body }));
      const { uplink, send } = uplinkTo(url);
      expect(await send(record(1, Buffer.from('x')))).toMatchObject({ kind: 'halt' });
      expect(uplink.stats.lastError).toContain('collector.url');
    }
  });

  it('counts refusals, says why, and counts the points of a batch once however often it is sent', async () => {
    const { url, seen } = await collector((count) =>
      count < 3 ? { status: 429, headers: { 'retry-after': '2' }, body: Buffer.from('your limit') } : ack(1),
    );
    const { uplink, send } = uplinkTo(url);
    const batch = record(1, Buffer.from('x'));
    expect(await send(batch)).toMatchObject({ kind: 'retry', afterMs: 2000, why: 'status 429: your limit' });
    await send(batch);
    expect(await send(batch)).toEqual({ kind: 'stored' });
    expect(uplink.stats).toMatchObject({ refused: 2, requests: 3, pointsSent: 10, lastError: '' });
    expect(new Set(seen.map(({ body }) => body.toString())).size).toBe(1);
  });

  it('halts on 403 for its own id and rejects for a former one', async () => {
    const { url } = await collector(() => ({ status: 403 }));
    const { send } = uplinkTo(url);
    expect(await send(record(1, Buffer.from('x')))).toMatchObject({ kind: 'halt' });
    expect(await send(record(1, Buffer.from('x'), 'former'))).toMatchObject({ kind: 'rejected', which: [0] });
  });

  it('refuses to read an endless answer', async () => {
    const { url } = await collector(() => ({ status: 200, body: Buffer.alloc(1_000_000) }));
    const { send } = uplinkTo(url);
    expect(await send(record(1, Buffer.from('x')))).toMatchObject({ kind: 'retry' });
  });
});

describe('the uplink on a bad network', () => {
  const yes = Buffer.from(ack(1).body ?? []).toString('latin1');
  const storedHead = `HTTP/1.1 200 OK\r\nContent-Length: ${yes.length}\r\n`;

  it.each([
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['closed', (socket: Socket) => socket.end()],
  ])('a reused connection that is %s is one more request at once, with the same bytes', async (_how, end) => {
    const bodies: string[] = [];
    const url = await rawServer((socket, count, text) => {
      bodies.push(text.slice(text.indexOf('\r\n\r\n')));
      if (count === 2) end(socket);
      else socket.write(`${storedHead}\r\n${yes}`, 'latin1');
    });
    const { send, uplink } = uplinkTo(url);
    expect(await send(record(1, Buffer.from('first')))).toEqual({ kind: 'stored' });
    expect(await send(record(2, Buffer.from('second')))).toEqual({ kind: 'stored' });
    expect(bodies[1]).toBe(bodies[2]);
    expect(uplink.stats).toMatchObject({ requests: 3, pointsSent: 20, lastError: '' });
  });

  it('a new connection that is reset is a retry, and the next try carries the same bytes', async () => {
    const bodies: string[] = [];
    const url = await rawServer((socket, count, text) => {
      bodies.push(text.slice(text.indexOf('\r\n\r\n')));
      // The second breaks a reused connection, the third the new one after it.
      if (count === 2 || count === 3) socket.resetAndDestroy();
      else socket.write(`${storedHead}\r\n${yes}`, 'latin1');
    });
    const { send, uplink } = uplinkTo(url);
    expect(await send(record(1, Buffer.from('first')))).toEqual({ kind: 'stored' });
    const second = record(2, Buffer.from('second'));
    expect(await send(second)).toMatchObject({ kind: 'retry' });
    expect(uplink.stats.lastError).toMatch(/reset|closed/);
    expect(await send(second)).toEqual({ kind: 'stored' });
    expect(new Set(bodies.slice(1)).size).toBe(1);
  });

  it('an answer with Connection: close is no fault, and the next batch takes a new connection', async () => {
    const sockets: Socket[] = [];
    const url = await rawServer((socket) => {
      sockets.push(socket);
      socket.end(`${storedHead}Connection: close\r\n\r\n${yes}`, 'latin1');
    });
    const { send, uplink } = uplinkTo(url);
    for (let seq = 1; seq <= 4; seq++) expect(await send(record(seq, Buffer.from('x')))).toEqual({ kind: 'stored' });
    expect(new Set(sockets).size).toBe(4);
    expect(uplink.stats).toMatchObject({ requests: 4, lastError: '' });
  });

  it('silence ends in a retry that says how long was waited', async () => {
    const url = await rawServer(() => undefined);
    // The library looks at its clock twice a second; the limit must be well above that to come before the one on the whole.
    const { send } = uplinkTo(url, { timeoutMs: 1000 });
    expect(await send(record(1, Buffer.from('x')))).toMatchObject({
      kind: 'retry',
      why: expect.stringContaining('no answer within 1000 ms'),
    });
  });

  it('an answer that drips for ever ends too', async () => {
    const url = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    const { send } = uplinkTo(url, { timeoutMs: 400 });
    expect(await send(record(1, Buffer.from('x')))).toMatchObject({
      kind: 'retry',
      why: expect.stringContaining('1200 ms'),
    });
  });

  it('a port where nothing listens is a retry in words', async () => {
    const { send } = uplinkTo('http://127.0.0.1:1');
    expect(await send(record(1, Buffer.from('x')))).toMatchObject({
      kind: 'retry',
      why: 'http://127.0.0.1:1: nothing listens there',
    });
  });

  it('a host name that cannot be looked up is a retry in words', async () => {
    const { send } = uplinkTo('http://no-such-host.invalid:7440');
    expect(await send(record(1, Buffer.from('x')))).toMatchObject({
      kind: 'retry',
      why: expect.stringContaining('host name'),
    });
  });

  it('an aborted write ends at once', async () => {
    const url = await rawServer(() => undefined);
    const { sink } = uplinkTo(url);
    const abort = new AbortController();
    const writing = sink.write({ records: [record(1, Buffer.from('x'))], bytes: 1 }, abort.signal);
    setImmediate(() => abort.abort());
    expect(await writing).toMatchObject({ kind: 'retry' });
  });
});
