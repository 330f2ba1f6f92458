/** The listener over TLS: what is spoken, what is not, and what stays as it was without TLS. */
import { afterEach, expect, test } from 'vitest';
import { readCertificate } from '../../../../test/services/certificates.ts';
import { listen } from '../../src/http/listener.ts';
import type { Exchange } from '../../src/http/types.ts';
import { GET, LIMITS, NO_CONTENT, OK, eventually, post, startRig, tlsMaterial, undated } from './harness.ts';
import type { Rig, RigOptions } from './harness.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig({ tls: tlsMaterial(), ...options });
  return rig;
}

afterEach(() => rig.close());

test('requests and bodies of any size are read and answered over TLS 1.2 and 1.3', async () => {
  const { tlsClient, seen } = await start();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const client = tlsClient({ minVersion: version, maxVersion: version });
    client.send(`${post('x'.repeat(300_000))}${GET.repeat(20)}`);
    await client.receives('HTTP/1.1 200', 21);
    expect(client.tls.getProtocol()).toBe(version);
  }
  expect(seen.bodies.filter(({ body }) => body.length === 300_000)).toHaveLength(2);
  expect([seen.malformed, seen.arrived]).toEqual([[], ['127.0.0.1', '127.0.0.1']]);
});

test('only suites with forward secrecy and authenticated encryption are agreed on', async () => {
  const { tlsClient, seen } = await start();
  const older = [
    { ciphers: 'AES128-GCM-SHA256', maxVersion: 'TLSv1.2' },
    { ciphers: 'ECDHE-ECDSA-AES128-SHA', maxVersion: 'TLSv1.2' },
    { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
  ] as const;
  for (const options of older) await tlsClient(options).isClosed();
  expect(seen.malformed).toEqual(Array(3).fill('0 tls_handshake'));
  const client = tlsClient({
    ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384',
    maxVersion: 'TLSv1.2',
  });
  await client.send(GET).receives('200');
  expect(client.tls.getCipher().name).toBe('ECDHE-ECDSA-AES256-GCM-SHA384');
});

test('with a minimum of TLS 1.3, a client of TLS 1.2 is refused, and the reason is in words', async () => {
  const { tlsClient, seen } = await start({ tls: tlsMaterial({ minVersion: '1.3' }) });
  await tlsClient({ maxVersion: 'TLSv1.2' }).isClosed();
  await tlsClient().send(GET).receives('200');
  expect([seen.malformed, seen.details]).toEqual([['0 tls_handshake'], ['unsupported protocol']]);
});

test('http/1.1 is agreed on by ALPN; a client that speaks only h2 is refused', async () => {
  const { tlsClient, seen } = await start();
  const both = tlsClient({ ALPNProtocols: ['h2', 'http/1.1'] });
  await both.send(GET).receives('200');
  expect(both.tls.alpnProtocol).toBe('http/1.1');
  const h2 = tlsClient({ ALPNProtocols: ['h2'] });
  await h2.isClosed();
  expect([h2.fault, seen.malformed]).toEqual(['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', ['0 tls_handshake']]);
});

test('a client that asks for a new handshake within its connection gets none', async () => {
  const { tlsClient } = await start();
  const client = tlsClient({ maxVersion: 'TLSv1.2' });
  await client.send(GET).receives('200');
  let again = 0;
  client.tls.renegotiate({}, () => void again++);
  await eventually(() => client.fault !== '');
  expect([client.fault, again]).toEqual(['ERR_SSL_NO_RENEGOTIATION', 0]);
});

test('an answer that closes is followed by a close', async () => {
  const { tlsClient } = await start();
  const closing = tlsClient().send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  expect(await closing.isClosed()).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/);
});

test('a client that has said its last word still gets the answer to it', async () => {
  const open: Exchange[] = [];
  const { tlsClient } = await start({ body: (exchange) => void open.push(exchange) });
  const half = await tlsClient().secure();
  half.send(GET).socket.end();
  await eventually(() => open.length === 1);
  // Long enough for its end to be seen, and not answered by ours.
  await new Promise((resolve) => void setTimeout(resolve, 100));
  expect(half.closed).toBe(false);
  open[0]!.answer(NO_CONTENT);
  expect(undated(await half.isClosed())).toBe('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
});

test('a client that never reads is paused, then cut; answers left unread are bounded', async () => {
  const big = OK('x'.repeat(500_000));
  const { tlsClient, listener, seen } = await start({
    limits: { writeTimeoutMs: 300, writeBufferBytesMax: 64 * 1024 * 1024 },
    body: (exchange) => exchange.answer(big),
  });
  const deaf = await tlsClient().secure();
  deaf.socket.pause();
  deaf.send(GET.repeat(500));
  await eventually(() => seen.malformed.length > 0);
  expect(seen.malformed).toEqual(['0 write_timeout']);
  expect(seen.bodies.length).toBeLessThan(100);
  await eventually(() => listener.connections() === 0);
});

test('answers left unread beyond the limit cut the connection', async () => {
  const open: Exchange[] = [];
  const { tlsClient, listener, seen } = await start({
    limits: { writeBufferBytesMax: 1024 * 1024 },
    body: (exchange) => void open.push(exchange),
  });
  const deaf = await tlsClient().secure();
  deaf.socket.pause();
  deaf.send(GET.repeat(3));
  await eventually(() => open.length === 3);
  const big = OK('x'.repeat(8_000_000));
  open[0]!.answer(big);
  await new Promise((resolve) => void setImmediate(resolve));
  open[1]!.answer(big);
  await eventually(() => listener.connections() === 0);
  expect(seen.malformed).toEqual(['0 write_overflow']);
});

test('the places of connections are asked for before the handshake, and a refusal costs none', async () => {
  const { tlsClient, listener, seen } = await start({ limits: { connectionsMax: 1 } });
  await tlsClient().send(GET).receives('200');
  const refused = tlsClient();
  await refused.isClosed();
  expect([refused.fault, seen.malformed]).toEqual(['ECONNRESET', ['0 connections_full']]);
  expect(listener.connections()).toBe(1);
});

test('new material is for new handshakes; what is open goes on', async () => {
  const { tlsClient, listener, seen } = await start();
  const before = await tlsClient().secure();
  const { cert, key } = readCertificate('server-renewed');
  listener.setTls(tlsMaterial({ cert, key }));
  const after = await tlsClient().secure();
  await Promise.all([before, after].map((client) => client.send(GET).receives('200')));
  const [old, renewed] = [before, after].map((client) => client.tls.getPeerX509Certificate()?.fingerprint256);
  expect(renewed).not.toBe(old);
  expect(() => listener.setTls(tlsMaterial({ key }))).toThrow(/key values mismatch|mismatch/);
  await tlsClient().send(GET).receives('200');
  expect(seen.malformed).toEqual([]);
});

test('a held listener begins handshakes when it is released', async () => {
  const { tlsClient, listener } = await start({ held: true });
  const early = tlsClient().send(GET);
  await eventually(() => listener.connections() === 1);
  expect(early.tls.authorized).toBe(false);
  listener.release();
  expect(await early.receives('200')).toMatch(/^HTTP\/1\.1 200 /);
});

test('a stop ends handshakes that were not over, and lets answers out', async () => {
  const open: Exchange[] = [];
  const { client, tlsClient, listener, seen } = await start({ body: (exchange) => void open.push(exchange) });
  const unfinished = client().send('\x16\x03\x01');
  const waiting = tlsClient().send(GET);
  await eventually(() => open.length === 1 && listener.connections() === 2);
  const stopped = listener.stop({ drainMs: 5000 });
  await unfinished.isClosed();
  open[0]!.answer(NO_CONTENT);
  expect(undated(await waiting.isClosed())).toBe('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
  waiting.socket.destroy();
  expect(await stopped).toEqual({ forced: 0 });
  expect(seen.malformed).toEqual([]);
});

test('a plain listener takes no certificates', async () => {
  await start();
  const handler = { head: () => undefined, body: () => {}, malformed: () => {}, failed: () => {} };
  const plain = await listen({ host: '127.0.0.1', port: 0, reusePort: false, limits: LIMITS, handler });
  expect(() => plain.setTls(tlsMaterial())).toThrow('plain');
  await plain.stop({ drainMs: 0 });
});
