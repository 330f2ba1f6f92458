/** The listener: its cap, its stop, and the way in for sockets that are not plain TCP handles. */
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { listen, serve } from '../../src/http/listener.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { Shared } from '../../src/http/shared.ts';
import type { Exchange, Handler } from '../../src/http/types.ts';
import { Client, GET, LIMITS, NO_CONTENT, eventually, post, startRig, undated } from './harness.ts';
import type { Rig, RigOptions } from './harness.ts';

let rig: Rig | undefined;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}

afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const ECHO: Handler = {
  head: () => undefined,
  body: (exchange) => exchange.answer(NO_CONTENT),
  malformed: () => undefined,
  failed: () => undefined,
};

test('a connection over the cap is told to come again, and a freed place is taken', async () => {
  const { client, listener, seen } = await start({ limits: { connectionsMax: 2 } });
  const first = client().send(GET);
  await Promise.all([first.receives('200'), client().send(GET).receives('200')]);
  const refused = client();
  expect(await refused.isClosed()).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: /);
  expect(seen.malformed).toEqual(['503 connections_full']);
  first.socket.destroy();
  // The refused client lingers, and takes no place.
  await eventually(() => listener.connections() === 2);
  await client().send(GET).receives('200');
  expect(listener.stats.connectionsRefused).toBe(1);
  refused.socket.end();
});

test('stop closes idle connections, lets answers in flight out with close, and takes nothing new', async () => {
  const open: Exchange[] = [];
  const { client, listener } = await start({ body: (exchange) => void open.push(exchange) });
  const idle = client().send(GET);
  await eventually(() => open.length === 1);
  open.shift()!.answer(NO_CONTENT);
  await idle.receives('204');
  const waiting = client().send(GET);
  const part = post('hello').slice(0, -1);
  const sending = client().send(part);
  const beginning = client().send('GET /g HTTP/1.1\r\n');
  const sent = 2 * GET.length + part.length + 'GET /g HTTP/1.1\r\n'.length;
  await eventually(() => listener.stats.bytesRead === sent && open.length === 1);
  const stopped = listener.stop({ drainMs: 5000 });
  await idle.isClosed();
  sending.send('o');
  beginning.send('Host: a\r\n\r\n');
  await eventually(() => open.length === 3);
  for (const exchange of open) exchange.answer(NO_CONTENT);
  for (const one of [waiting, sending, beginning])
    expect(undated(await one.isClosed())).toBe('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
  for (const one of [idle, waiting, sending, beginning]) one.socket.end();
  expect(await stopped).toEqual({ forced: 0 });
});

test('stop destroys what is left at its deadline', async () => {
  const { client, listener, seen } = await start({ body: () => undefined });
  client().send(GET);
  await eventually(() => seen.bodies.length === 1);
  expect(await listener.stop({ drainMs: 50 })).toEqual({ forced: 1 });
  expect(seen.aborted).toHaveLength(1);
  rig = undefined;
});

test('a port that is taken is the system’s own error', async () => {
  const { listener } = await start();
  const taken = { host: '127.0.0.1', port: listener.port, reusePort: false, limits: LIMITS, handler: ECHO };
  await expect(listen(taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('two listeners share a port with reusePort', async () => {
  const shared = { host: '127.0.0.1', reusePort: true, limits: LIMITS, handler: ECHO };
  const one = await listen({ ...shared, port: 0 });
  const two = await listen({ ...shared, port: one.port });
  const clients = Array.from({ length: 40 }, () => new Client(one.port).send(GET));
  await Promise.all(clients.map((client) => client.receives('204')));
  expect(one.stats.requests + two.stats.requests).toBe(40);
  for (const client of clients) client.socket.destroy();
  await Promise.all([one.stop({ drainMs: 2000 }), two.stop({ drainMs: 2000 })]);
});

test('sockets that are no plain TCP handles are served through their data events', async () => {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  // Not paused on connect: the shared buffer is not used.
  const bodies: number[] = [];
  const handler: Handler = {
    ...ECHO,
    body: (exchange, body) => (bodies.push(body.length), exchange.answer(NO_CONTENT)),
  };
  const listener = serve(server, { limits: LIMITS, handler });
  const client = new Client(listener.port).send(`${post('x'.repeat(200_000))}${GET.repeat(20)}`);
  await client.receives('204', 21);
  expect(bodies).toEqual([200_000, ...Array<number>(20).fill(0)]);
  client.socket.end();
  await client.isClosed();
  await listener.stop({ drainMs: 2000 });
  expect(listener.connections()).toBe(0);
});

test('parsed heads are reused, and a head limit beyond the offsets is refused', () => {
  const shared = new Shared(LIMITS, ECHO);
  const given = shared.scratch;
  shared.giveScratch();
  expect(shared.scratch).not.toBe(given);
  shared.takeBack(given);
  shared.giveScratch();
  expect(shared.scratch).toBe(given);
  expect(given).toBeInstanceOf(RequestHead);
  expect(() => new Shared({ ...LIMITS, headBytesMax: 70_000 }, ECHO)).toThrow('65535');
});

test('every answer has the date of its second: yes, no, and what could not be parsed', async () => {
  const { client } = await start();
  const from = Math.floor(Date.now() / 1000);
  const [one, other] = [client().send(GET), client().send('nonsense\r\n\r\n')];
  const dates = [await one.receives('\r\n\r\n'), await other.isClosed()].map(
    (text) => /^HTTP\/1\.1 \d{3} [^\r]*\r\nDate: ([^\r]*)\r\n/.exec(text)?.[1] ?? '',
  );
  for (const date of dates) expect(Date.parse(date) / 1000).toBeGreaterThanOrEqual(from);
  // It goes on while the connection stays.
  await eventually(() => {
    one.send(GET);
    return one.text.split('Date: ').some((part) => Date.parse(part.slice(0, 29)) > Date.parse(dates[0]!));
  });
});
