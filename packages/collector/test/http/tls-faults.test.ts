/** Handshakes that come to nothing: each ends by its time, is named once, and gives its place back. */
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { GET, eventually, startRig, tlsMaterial } from './harness.ts';
import type { Rig, RigOptions } from './harness.ts';

/** Type, version 1.0, length 512; then a ClientHello that says it is 508 long. */
const HELLO_BEGINS = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig({ tls: tlsMaterial(), ...options });
  return rig;
}

afterEach(() => rig.close());

test('a client that speaks plain HTTP is told so in the clear, and named', async () => {
  const { client, listener, seen } = await start();
  expect(await client().send(GET).isClosed()).toMatch(
    /^HTTP\/1\.1 400 [^]*Connection: close[^]*a port that speaks TLS/,
  );
  expect([seen.malformed, seen.bodies]).toEqual([['0 tls_expected'], []]);
  await eventually(() => listener.connections() === 0);
});

test('bytes that are no protocol end the connection at once', async () => {
  const { client, listener, seen } = await start();
  await client().send('\x00\x01\x02\x03\x04\x05\x06\x07').isClosed();
  await client()
    .send(`${HELLO_BEGINS}${'\xff'.repeat(600)}`)
    .isClosed();
  expect(seen.malformed).toEqual(['0 tls_handshake', '0 tls_handshake']);
  expect(seen.details.every((detail) => /^[a-z0-9 ]+$/.test(detail))).toBe(true);
  await eventually(() => listener.connections() === 0);
});

test('a handshake has one deadline from the first moment, whether nothing comes or a byte at a time', async () => {
  const { client, listener, seen } = await start({ limits: { headTimeoutMs: 500, idleTimeoutMs: 60_000 } });
  const silent = client();
  const dripping = client();
  let at = 0;
  const drip = setInterval(() => dripping.send((HELLO_BEGINS + 'x'.repeat(500))[at++] ?? ''), 40);
  await Promise.all([silent.isClosed(2000), dripping.isClosed(2000)]);
  clearInterval(drip);
  expect(seen.malformed).toEqual(['0 tls_timeout', '0 tls_timeout']);
  await eventually(() => listener.connections() === 0);
});

test('whoever only looks whether the port is open is not named; whoever leaves within a handshake is', async () => {
  const { client, listener, seen } = await start();
  for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const looking = client();
    await eventually(() => listener.connections() === 1);
    looking.socket[how]();
    await eventually(() => listener.connections() === 0);
  }
  expect(seen.malformed).toEqual([]);
  const leaving = client().send(HELLO_BEGINS);
  await eventually(() => listener.connections() === 1);
  await new Promise((resolve) => void setTimeout(resolve, 50));
  leaving.socket.destroy();
  await eventually(() => listener.connections() === 0);
  expect([seen.malformed, seen.details]).toEqual([['0 tls_handshake'], ['the client hung up']]);
  expect(seen.gone).toHaveLength(4);
});

test('handshakes under way take places', async () => {
  const { client, tlsClient, listener, seen } = await start({ limits: { connectionsMax: 2 } });
  const begun = [client().send(HELLO_BEGINS), client()];
  await eventually(() => listener.connections() === 2);
  await tlsClient().isClosed();
  expect(seen.malformed).toEqual(['0 connections_full']);
  begun[0]!.socket.destroy();
  await eventually(() => listener.connections() === 1);
  expect(await tlsClient().send(GET).receives('200')).toMatch(/^HTTP\/1\.1 200 /);
});

test('garbage within a connection that is open ends it, and nobody else', async () => {
  const { tlsClient, listener, seen } = await start();
  const below = connect({ host: '127.0.0.1', port: listener.port });
  const broken = await tlsClient({ socket: below }).secure();
  const sound = await tlsClient().secure();
  below.write('\x17\x03\x03\x00\x1f no record that was ever sealed');
  await broken.isClosed();
  await eventually(() => listener.connections() === 1);
  expect(await sound.send(GET).receives('200')).toMatch(/^HTTP\/1\.1 200 /);
  expect(seen.failed).toEqual([]);
});

test('a storm of connections that end at any point of the handshake leaves nothing behind', async () => {
  const { client, tlsClient, listener, seen } = await start();
  for (let round = 0; round < 20; round++) {
    const some = [client().send(HELLO_BEGINS), client(), client().send(GET), tlsClient(), tlsClient().send(GET)];
    await new Promise((resolve) => void setTimeout(resolve, round));
    for (const one of some) one.socket.destroy();
  }
  await eventually(() => listener.connections() === 0);
  expect(seen.gone.length).toBe(seen.arrived.length);
  expect(await tlsClient().send(GET).receives('200')).toMatch(/^HTTP\/1\.1 200 /);
});
