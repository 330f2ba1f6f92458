/** What a connection may cost: time, bytes, requests unread; and what happens when a handler fails. */
import { afterEach, expect, test } from 'vitest';
import { REFUSALS_MAX } from '../../src/http/listener.ts';
import { empty } from '../../src/http/responses.ts';
import type { Exchange } from '../../src/http/types.ts';
import { GET, NO_CONTENT, OK, eventually, post, startRig, undated } from './harness.ts';
import type { Rig, RigOptions } from './harness.ts';

const NOT_FOUND = empty(404);

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}

afterEach(() => rig.close());

test('a head that takes too long is answered 408, an earlier request notwithstanding', async () => {
  const { client, seen } = await start({ limits: { headTimeoutMs: 300 } });
  const slow = client().send(`${GET}GET /slow HTTP/1.1\r\n`);
  const dripping = setInterval(() => slow.send('X: y\r\n'), 50);
  const text = await slow.isClosed();
  clearInterval(dripping);
  expect(text).toMatch(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 [^]*Connection: close/);
  expect(seen.malformed).toEqual(['408 head_timeout']);
});

test('a body that takes too long is answered 408 and its exchange aborted', async () => {
  const { client, seen } = await start({ limits: { bodyTimeoutMs: 300 } });
  const slow = client().send(post('x'.repeat(1000)).slice(0, -900));
  const dripping = setInterval(() => slow.send('x'), 50);
  expect(await slow.isClosed()).toMatch(/^HTTP\/1\.1 408 /);
  clearInterval(dripping);
  expect([seen.malformed, seen.aborted.length, seen.bodies]).toEqual([['408 body_timeout'], 1, []]);
});

test('idle connections, used or not, are closed without a word; one that never said anything is counted', async () => {
  const { client, seen } = await start({ limits: { idleTimeoutMs: 300, headTimeoutMs: 300 } });
  const unused = client();
  const used = client().send(GET);
  expect(await unused.isClosed()).toBe('');
  expect(await used.isClosed()).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
  expect(seen.malformed).toEqual(['0 silent']);
});

test('a request that waits for its answer, and a body that is coming, are not idle', async () => {
  const open: Exchange[] = [];
  const { client } = await start({
    limits: { idleTimeoutMs: 100, headTimeoutMs: 100 },
    body: (e) => void open.push(e),
  });
  const waiting = client().send(GET);
  const sending = client().send(post('hello').slice(0, -1));
  await new Promise((resolve) => void setTimeout(resolve, 1000));
  sending.send('o');
  await eventually(() => open.length === 2);
  for (const exchange of open) exchange.answer(NO_CONTENT);
  const answers = await Promise.all([waiting.receives('204'), sending.receives('204')]);
  expect(answers.map(undated)).toEqual(Array(2).fill(NO_CONTENT.line + NO_CONTENT.text));
});

test('a client that never reads is paused, then cut when it has taken too long', async () => {
  const big = OK('x'.repeat(500_000));
  const { client, listener, seen } = await start({
    limits: { writeTimeoutMs: 300, writeBufferBytesMax: 64 * 1024 * 1024 },
    body: (exchange) => exchange.answer(big),
  });
  const deaf = client();
  deaf.socket.pause();
  deaf.send(GET.repeat(500));
  await eventually(() => seen.malformed.length > 0);
  expect(seen.malformed).toEqual(['0 write_timeout']);
  expect(seen.bodies.length).toBeLessThan(100);
  await eventually(() => listener.connections() === 0);
});

test('a client that stops reading and goes on gets every answer in order', async () => {
  let n = 0;
  const { client, seen } = await start({ body: (exchange) => exchange.answer(OK(`<${n++}>${'x'.repeat(100_000)}`)) });
  const pausing = client();
  pausing.socket.pause();
  pausing.send(GET.repeat(200));
  await new Promise((resolve) => void setTimeout(resolve, 300));
  expect(seen.bodies.length).toBeLessThan(200);
  pausing.socket.resume();
  const text = await pausing.receives('HTTP/1.1 200', 200);
  expect(text.match(/<\d+>/g)).toEqual(Array.from({ length: 200 }, (_, i) => `<${i}>`));
});

test('answers left unread beyond the limit cut the connection', async () => {
  const open: Exchange[] = [];
  const { client, listener, seen } = await start({
    limits: { writeBufferBytesMax: 1024 * 1024 },
    body: (exchange) => void open.push(exchange),
  });
  const deaf = client();
  deaf.socket.pause();
  deaf.send(GET.repeat(3));
  await eventually(() => open.length === 3);
  const big = OK('x'.repeat(8_000_000));
  open[0]!.answer(big);
  await new Promise((resolve) => void setImmediate(resolve));
  open[1]!.answer(big);
  await eventually(() => listener.connections() === 0);
  expect(seen.malformed).toEqual(['0 write_overflow']);
  expect(seen.aborted).toEqual([open[2]]);
});

test('a declared or a chunked body over the limit is answered 413 before it is held', async () => {
  const { client, seen } = await start({ limits: { bodyBytesMax: 1000 } });
  const declared = client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n');
  expect(await declared.isClosed()).toMatch(/^HTTP\/1\.1 413 /);
  const chunked = client().send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\nx');
  expect(await chunked.isClosed()).toMatch(/^HTTP\/1\.1 413 /);
  expect(seen.malformed).toEqual(['413 body_too_large', '413 body_too_large']);
  expect(seen.bodies).toEqual([]);
});

test('unfinished requests of all connections together are bounded, and memory follows what came, not what was announced', async () => {
  const { client, seen } = await start({ limits: { bufferedBytesMax: 100_000 } });
  const announced = Array.from({ length: 20 }, () =>
    client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nx'),
  );
  const held = client().send(post('x'.repeat(50_000)).slice(0, -1));
  await new Promise((resolve) => void setTimeout(resolve, 50));
  expect(seen.malformed).toEqual([]);
  const over = client().send(post('x'.repeat(60_000)).slice(0, -1));
  expect(await over.isClosed()).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: \d/);
  expect(seen.malformed).toEqual(['503 buffers_full']);
  await held.send('x').receives('200');
  expect(announced.some((one) => one.closed)).toBe(false);
  for (const one of announced) one.socket.destroy();
});

test('heads that have begun take half of that memory, so that a body of one that was let in finds room', async () => {
  const { client, seen } = await start({ limits: { bufferedBytesMax: 64 * 1024, headBytesMax: 16 * 1024 } });
  const begun = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(16_000)}`;
  const heads = Array.from({ length: 5 }, () => client().send(begun));
  await eventually(() => seen.malformed.length === 3);
  expect(seen.malformed).toEqual(Array(3).fill('503 buffers_full'));
  const body = client().send(post('x'.repeat(20_000)).slice(0, -1));
  await eventually(() => rig.listener.stats.bytesRead > 5 * begun.length + 20_000);
  await body.send('x').receives('200');
  for (const head of heads) head.socket.destroy();
});

test('a handler that throws costs one connection: 500, counted, and the next client is served', async () => {
  const { client, seen } = await start({
    body(exchange) {
      if (exchange.path === '/p') throw new Error('boom');
      exchange.answer(NO_CONTENT);
    },
  });
  expect(await client().send(post('x')).isClosed()).toMatch(/^HTTP\/1\.1 500 [^]*Connection: close/);
  await client().send(GET).receives('204');
  expect([seen.malformed, seen.failed.splice(0).map(String)]).toEqual([['500 handler_error'], ['Error: boom']]);
});

test('turn is called once for all that was read', async () => {
  const { client, seen } = await start();
  await client().send(GET.repeat(5)).receives('200', 5);
  expect(seen.turns).toBe(1);
});

test('the answer to the last request that a connection may ask closes it', async () => {
  const { client, seen } = await start({ limits: { requestsPerConnectionMax: 3 } });
  const text = await client().send(GET.repeat(5)).isClosed();
  expect(text.split('HTTP/1.1 200').length - 1).toBe(3);
  expect(text.match(/Connection: close/g)).toHaveLength(1);
  expect(text.lastIndexOf('Connection: close')).toBeGreaterThan(text.lastIndexOf('HTTP/1.1 200'));
  expect(seen.bodies).toHaveLength(3);
});

test('a body that comes too slowly is answered 408, declared or chunked; one at its rate and one that rests early are not', async () => {
  const { client, seen } = await start({
    limits: { bodyBytesPerSecondMin: 1000, bodyTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
  });
  const chunkedHead = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const head = post('x'.repeat(20_000)).slice(0, -20_000);
  const slow = [client().send(head), client().send(chunkedHead)];
  const quick = client().send(head);
  const resting = client().send(`${head}${'x'.repeat(19_999)}`);
  const dripping = setInterval(() => {
    slow[0]!.send('x'.repeat(40));
    // Many bytes, of which few are the body's.
    slow[1]!.send(`1;${'e'.repeat(30)}\r\nx\r\n`);
    quick.send('x'.repeat(150));
  }, 50);
  const begunMs = performance.now();
  const answers = await Promise.all(slow.map((one) => one.isClosed(8000)));
  clearInterval(dripping);
  expect(performance.now() - begunMs, 'time to come up to the rate').toBeGreaterThan(4900);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(seen.malformed).toEqual(['408 body_slow', '408 body_slow']);
  expect([quick.closed, resting.closed, seen.aborted.length]).toEqual([false, false, 2]);
  resting.send('x');
  await resting.receives('200');
});

test('the handler says who is let in, before anything is read, and hears of each that has gone once', async () => {
  const arrivals: string[] = [];
  const { client, listener, seen } = await start({
    arrived: (ip) => (arrivals.push(ip) > 1 ? 'address_full' : undefined),
  });
  const first = client().send(GET);
  await first.receives('200');
  const refused = client().send(GET);
  expect(await refused.isClosed()).toMatch(/^HTTP\/1\.1 429 [^]*Retry-After: /);
  expect(seen.malformed).toEqual(['429 address_full']);
  expect([arrivals, seen.arrived, seen.gone]).toEqual([['127.0.0.1', '127.0.0.1'], ['127.0.0.1'], []]);
  first.socket.resetAndDestroy();
  refused.socket.destroy();
  await eventually(() => listener.connections() === 0);
  expect(seen.gone).toEqual(['127.0.0.1']);
});

test('beyond the connections that are being told why they are turned away, the next are closed and counted', async () => {
  const { client, listener, seen } = await start({ arrived: () => 'address_full' });
  const all = Array.from({ length: REFUSALS_MAX + 6 }, () => client());
  const texts = await Promise.all(all.map((one) => one.isClosed()));
  expect(texts.filter((text) => text === '')).toHaveLength(6);
  expect(seen.malformed.filter((reason) => reason === '0 address_full')).toHaveLength(6);
  expect(listener.stats.connectionsRefused).toBe(REFUSALS_MAX + 6);
  for (const one of all) one.socket.destroy();
  await eventually(() => listener.connections() === 0);
});

test('an IPv4 client of a listener for IPv6 goes by its IPv4 address', async () => {
  const ips: string[] = [];
  const { client, seen } = await start({
    host: '::',
    body: (exchange) => (ips.push(exchange.peer.ip, exchange.remote), exchange.answer(NO_CONTENT)),
  });
  const one = client().send(GET);
  await one.receives('204');
  expect(ips).toEqual(['127.0.0.1', `127.0.0.1:${one.socket.localPort}`]);
  expect(seen.arrived).toEqual(['127.0.0.1']);
});

test('a client that begins a TLS handshake on a plain port is told so in the clear, and named', async () => {
  const { client, seen } = await start();
  const hello = client().send('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
  expect(await hello.isClosed()).toMatch(/^HTTP\/1\.1 400 [^]*this port speaks plain HTTP/);
  expect(seen.malformed).toEqual(['400 tls_unexpected']);
});

test('a refused body that is being skipped is cut when its time is over, without a second answer', async () => {
  const { client, seen } = await start({
    limits: { bodyTimeoutMs: 300 },
    head: (exchange) => (exchange.path === '/p' ? NOT_FOUND : undefined),
  });
  const dripping = client().send(post('x'.repeat(1000)).slice(0, -999));
  await dripping.receives('404');
  const drip = setInterval(() => dripping.send('x'), 50);
  await dripping.isClosed();
  clearInterval(drip);
  expect([dripping.text.split('HTTP/1.1').length, seen.malformed]).toEqual([2, []]);
});
