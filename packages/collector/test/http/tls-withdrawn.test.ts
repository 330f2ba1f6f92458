/** When other authorities are named for clients, whoever came in by the ones before is judged anew. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { caFile, otherCaFile, readCertificate } from '../../../../test/services/certificates.ts';
import type { Exchange } from '../../src/http/types.ts';
import { GET, OK, eventually, startRig, tlsMaterial } from './harness.ts';
import type { Rig, TlsClient } from './harness.ts';

const clientCa = readFileSync(caFile, 'utf8');
const otherCa = readFileSync(otherCaFile, 'utf8');
const { cert, key } = readCertificate('client-1');

let rig: Rig;
/** Requests whose answer is still owed. */
let owed: Exchange[];

beforeEach(async () => {
  owed = [];
  rig = await startRig({
    tls: tlsMaterial({ clientCa }),
    body(exchange) {
      if (exchange.path === '/later') owed.push(exchange);
      else exchange.answer(OK(`<${exchange.peer.certified?.names.join(' ') ?? 'nobody'}>`));
    },
  });
});

afterEach(() => rig.close());

async function opened(options: { cert?: string; key?: string }): Promise<TlsClient> {
  const client = rig.tlsClient(options);
  await client.send(GET).receives('>');
  return client;
}

test('connections with a certificate end, those without one stay', async () => {
  const [known, nobody] = [await opened({ cert, key }), await opened({})];
  rig.listener.setTls(tlsMaterial({ clientCa: otherCa }));
  expect(await known.isClosed()).toMatch(/<client-1>$/);
  expect(await nobody.send(GET).receives('<nobody>', 2)).toMatch(/<nobody>$/);
});

test('with the same authorities, and another certificate of ours, everybody stays', async () => {
  const known = await opened({ cert, key });
  const renewed = readCertificate('server-renewed');
  rig.listener.setTls(tlsMaterial({ clientCa, cert: renewed.cert, key: renewed.key }));
  expect(await known.send(GET).receives('<client-1>', 2)).toMatch(/<client-1>$/);
});

test('what was asked is still answered, and then the connection ends', async () => {
  const known = await opened({ cert, key });
  known.send('GET /later HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => owed.length === 1);
  rig.listener.setTls(tlsMaterial({ clientCa: otherCa }));
  owed[0]!.answer(OK('late'));
  expect(await known.isClosed()).toMatch(/Connection: close\r\n[^]*late$/);
});

test.each([
  ['head', 'POST /b HTTP/1.1\r\nHost: a\r\nContent-'],
  ['body', 'POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nha'],
])('of a %s that has come in part nothing is taken', async (_what, part) => {
  const known = await opened({ cert, key });
  const bytesBefore = rig.listener.stats.bytesRead;
  known.send(part);
  await eventually(() => rig.listener.stats.bytesRead === bytesBefore + part.length);
  rig.listener.setTls(tlsMaterial({ clientCa: otherCa }));
  expect(await known.isClosed()).toMatch(/<client-1>$/);
  expect(rig.seen.bodies).toHaveLength(1);
});

test('a handshake that began before is none', async () => {
  const socket = connect(rig.listener.port, '127.0.0.1');
  await eventually(() => rig.listener.connections() === 1);
  rig.listener.setTls(tlsMaterial({ clientCa: otherCa }));
  const { ca } = readCertificate('server');
  const late = connectTls({ socket, ca, servername: 'localhost', cert, key });
  late.on('error', () => undefined);
  late.write(GET);
  await once(late.resume(), 'close');
  expect(rig.seen.bodies).toEqual([]);
});
