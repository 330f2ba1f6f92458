/** One connection as a client sees it: order, cutting, refusals, half-closes, and that nothing is left behind. */
import { afterEach, expect, test } from 'vitest';
import { empty, plain } from '../../src/http/responses.ts';
import type { Exchange } from '../../src/http/types.ts';
import { GET, NO_CONTENT, OK, eventually, post, startRig, undated } from './harness.ts';
import type { Rig, RigOptions } from './harness.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}

afterEach(() => rig.close());

const REFUSED = plain(429, 'slower');

test('any cutting of pipelined requests into writes gives the same answers and the same bodies', async () => {
  const { client, seen } = await start({ limits: { pipelinedMax: 3 } });
  const chunked = 'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n';
  const text = `${post('one')}${GET}${chunked}${post('')}${post('x'.repeat(300))}${GET}`;
  const whole = await client().send(text).receives('HTTP/1.1 200', 6);
  const expected = seen.bodies.map(({ body }) => body);
  expect(expected).toEqual(['one', '', 'abcdefg', '', 'x'.repeat(300), '']);
  for (let cut = 1; cut < text.length; cut += 7) {
    seen.bodies.length = 0;
    const cutter = client().send(text.slice(0, cut));
    await new Promise((resolve) => void setImmediate(resolve));
    await cutter.send(text.slice(cut)).receives('HTTP/1.1 200', 6);
    await eventually(() => cutter.text.length >= whole.length);
    expect(undated(cutter.text), `cut at ${cut}`).toBe(undated(whole));
    expect(seen.bodies.map(({ body }) => body)).toEqual(expected);
    cutter.socket.destroy();
  }
  const bytewise = client();
  for (const byte of text) {
    bytewise.send(byte);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  await eventually(() => bytewise.text.length >= whole.length);
  expect(undated(bytewise.text)).toBe(undated(whole));
});

test('answers given in reverse order leave in request order, in one write', async () => {
  const open: Exchange[] = [];
  const { client } = await start({ body: (exchange) => void open.push(exchange) });
  const reader = client();
  const chunks: string[] = [];
  reader.socket.on('data', (chunk: string) => void chunks.push(chunk));
  reader.send(['a', 'b', 'c', 'd'].map((body) => post(body)).join(''));
  await eventually(() => open.length === 4);
  for (const [index, exchange] of open.toReversed().entries()) exchange.answer(OK(`answer ${4 - index};`));
  await reader.receives('answer 4;');
  expect(reader.text.match(/answer \d/g)).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 4']);
  expect(chunks).toHaveLength(1);
});

test('reading stops at pipelinedMax waiting requests and goes on as answers come', async () => {
  const open: Exchange[] = [];
  const { client, seen } = await start({ limits: { pipelinedMax: 3 }, body: (exchange) => void open.push(exchange) });
  const reader = client().send(Array.from({ length: 20 }, (_, i) => post(`${i}`)).join(''));
  for (let answered = 0; answered < 20; answered++) {
    await eventually(() => open.length > 0);
    expect(open.length).toBeLessThanOrEqual(3);
    open.shift()!.answer(NO_CONTENT);
  }
  await reader.receives('204', 20);
  expect(seen.bodies.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
});

test('requests that were held back get their turn like fresh ones', async () => {
  const open: Exchange[] = [];
  let turnsBefore = -1;
  const { client, seen } = await start({
    limits: { pipelinedMax: 3 },
    body(exchange) {
      open.push(exchange);
      turnsBefore = seen.turns;
    },
  });
  client().send(Array.from({ length: 6 }, (_, i) => post(`${i}`)).join(''));
  await eventually(() => seen.turns > turnsBefore && open.length === 3);
  for (const exchange of open.splice(0)) exchange.answer(NO_CONTENT);
  await eventually(() => open.length === 3);
  // A handler that publishes once a turn would otherwise sit on these until another connection speaks.
  await eventually(() => seen.turns > turnsBefore, 1000);
  expect(open).toHaveLength(3);
  for (const exchange of open) exchange.answer(NO_CONTENT);
});

test('a large body comes whole, and requests behind it are read', async () => {
  const { client, seen } = await start();
  const body = Array.from({ length: 300_000 }, (_, i) => String.fromCharCode(i % 251)).join('');
  await client()
    .send(`${post(body)}${GET}`)
    .receives('HTTP/1.1 200', 2);
  expect(seen.bodies[0]!.body === body).toBe(true);
  expect(seen.bodies).toHaveLength(2);
});

test('headers and query are readable until the body was handed over, context and method beyond', async () => {
  let during: string[] = [];
  const { client, seen } = await start({
    head(exchange) {
      exchange.context = exchange.header('client-id');
      return undefined;
    },
    body(exchange) {
      during = [
        exchange.header('client-id'),
        exchange.header('absent'),
        exchange.query,
        exchange.remote.split(':')[0]!,
      ];
      exchange.answer(NO_CONTENT);
    },
  });
  const text = post('split', 'Client-ID: c-7\r\n', '/p?q=1');
  const reader = client().send(text.slice(0, -2));
  await new Promise((resolve) => void setTimeout(resolve, 20));
  await reader.send(text.slice(-2)).receives('204');
  expect(during).toEqual(['c-7', '', 'q=1', '127.0.0.1']);
  const { exchange } = seen.bodies[0]!;
  expect([exchange.header('client-id'), exchange.context, exchange.method, exchange.path]).toEqual([
    '',
    'c-7',
    'POST',
    '/p',
  ]);
});

test('a request refused at its head keeps the connection when its body is small', async () => {
  const { client, seen } = await start({ head: (exchange) => (exchange.path === '/no' ? REFUSED : undefined) });
  const reader = client().send(`${post('x'.repeat(60_000), '', '/no')}${post('kept')}`);
  await reader.receives('kept');
  expect(reader.text).toMatch(/^HTTP\/1\.1 429 [^]*HTTP\/1\.1 200/);
  expect(reader.text).not.toContain('Connection');
  expect(seen.bodies).toHaveLength(1);
});

test.each([
  ['a long body', `POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n`],
  ['a chunked body', 'POST /no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'],
  [
    'a body kept back for 100 Continue',
    'POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
  ],
])('a request refused at its head closes the connection when it announces %s', async (_, head) => {
  const { client, seen } = await start({ head: () => REFUSED });
  const text = await client().send(head).isClosed();
  expect(text).toMatch(/^HTTP\/1\.1 429 [^]*\r\nConnection: close\r\n[^]*slower\n$/);
  expect(seen.bodies).toEqual([]);
});

test('100 Continue comes once, after the head was let through and all earlier answers are out', async () => {
  const open: Exchange[] = [];
  const { client } = await start({ body: (exchange) => void open.push(exchange) });
  const reader = client().send(
    `${post('first')}POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
  );
  await eventually(() => open.length === 1);
  await new Promise((resolve) => void setTimeout(resolve, 20));
  expect(reader.text).toBe('');
  open[0]!.answer(NO_CONTENT);
  expect(undated(await reader.receives('100 Continue'))).toMatch(
    /^HTTP\/1\.1 204 No Content\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\n$/,
  );
  reader.send('body');
  await eventually(() => open.length === 2);
  open[1]!.answer(NO_CONTENT);
  expect((await reader.receives('204', 2)).split('100 Continue')).toHaveLength(2);
});

test('an answer given while the body is still coming refuses it', async () => {
  let early: Exchange | undefined;
  const { client, seen } = await start({
    head(exchange) {
      early = exchange;
      return undefined;
    },
  });
  const text = post('0123456789');
  const reader = client().send(text.slice(0, -5));
  await eventually(() => early !== undefined);
  early!.answer(empty(503));
  await reader.receives('503');
  await reader.send(`${text.slice(-5)}${GET}`).receives('200');
  expect(seen.bodies.map(({ body }) => body)).toEqual(['']);
});

test('a second answer throws, one after the connection is gone does nothing', async () => {
  const open: Exchange[] = [];
  const { client, listener, seen } = await start({ body: (exchange) => void open.push(exchange) });
  const reader = client().send(`${GET}${GET}`);
  await eventually(() => open.length === 2);
  open[0]!.answer(NO_CONTENT);
  expect(() => open[0]!.answer(NO_CONTENT)).toThrow('answered twice');
  await reader.receives('204');
  reader.socket.resetAndDestroy();
  await eventually(() => listener.connections() === 0);
  expect(seen.aborted).toEqual([open[1]]);
  open[1]!.answer(NO_CONTENT);
  expect(listener.stats.openExchanges).toBe(0);
});

test('a client that goes away inside a body frees everything', async () => {
  const { client, listener, seen } = await start({ head: () => undefined });
  const leaver = client().send(post('x'.repeat(100_000)).slice(0, -1));
  await eventually(() => listener.stats.openExchanges === 1);
  leaver.socket.resetAndDestroy();
  await eventually(() => listener.connections() === 0);
  expect(listener.stats.openExchanges).toBe(0);
  expect(seen.aborted).toHaveLength(1);
  expect(seen.bodies).toEqual([]);
});

test('a half-closed client still gets its answers, then the close', async () => {
  const open: Exchange[] = [];
  const { client } = await start({ body: (exchange) => void open.push(exchange) });
  const reader = client().send(`${GET}${GET}`);
  reader.socket.end();
  await eventually(() => open.length === 2);
  await new Promise((resolve) => void setTimeout(resolve, 20));
  for (const exchange of open) exchange.answer(NO_CONTENT);
  expect((await reader.isClosed()).match(/204/g)).toHaveLength(2);
});

test('a half-close inside a request is refused, and the request never handed over', async () => {
  const { client, seen } = await start();
  for (const part of ['GET /', post('hello').slice(0, -1)]) {
    const reader = client().send(part);
    reader.socket.end();
    expect(await reader.isClosed()).toMatch(/^HTTP\/1\.1 400 [^]*Connection: close/);
  }
  expect(seen.malformed).toEqual(['400 truncated', '400 truncated']);
  expect(seen.bodies).toEqual([]);
});

test('nothing behind a closing request or a fault is answered, and earlier answers still go out first', async () => {
  const open: Exchange[] = [];
  const { client } = await start({ body: (exchange) => void open.push(exchange) });
  const faulty = client().send(`${GET}nonsense\r\n\r\n${GET}`);
  await eventually(() => open.length === 1);
  expect(faulty.text).toBe('');
  open[0]!.answer(NO_CONTENT);
  expect(await faulty.isClosed()).toMatch(/^HTTP\/1\.1 204 [^]*HTTP\/1\.1 400 [^]*Connection: close/);
  const closing = client().send(`GET /g HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${GET}`);
  await eventually(() => open.length === 2);
  open[1]!.answer(NO_CONTENT);
  expect(undated(await closing.isClosed())).toBe('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
  expect(open).toHaveLength(2);
});

test('a closing answer out of turn ends the connection after it, and later exchanges are aborted', async () => {
  const open: Exchange[] = [];
  const { client, seen } = await start({ body: (exchange) => void open.push(exchange) });
  const reader = client().send(`${GET}${GET}${GET}`);
  await eventually(() => open.length === 3);
  open[1]!.answer({ ...NO_CONTENT, close: true });
  open[0]!.answer(NO_CONTENT);
  expect((await reader.isClosed()).match(/204/g)).toHaveLength(2);
  expect(seen.aborted).toEqual([open[2]]);
});

test('HEAD gets the head only, HTTP/1.0 gets its answer and the close', async () => {
  const { client } = await start({ body: (exchange) => exchange.answer(plain(200, 'hello')) });
  const head = client().send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}`);
  expect(await head.receives('hello')).toMatch(/Content-Length: 6\r\n\r\nHTTP\/1\.1 200 [^]*hello\n$/);
  expect(await client().send('GET / HTTP/1.0\r\n\r\n').isClosed()).toMatch(/Connection: close[^]*hello\n$/);
});

test('an empty line after a request is nothing: no answer, no fault, however it is cut', async () => {
  const { client, seen } = await start();
  for (const cut of [0, 1]) {
    const one = client().send(`${GET}${'\r\n'.slice(0, cut)}`);
    await one.receives('200 OK');
    one.send('\r\n'.slice(cut)).send(GET);
    await one.receives('200 OK', 2);
    one.send('\r\n').socket.end();
    expect((await one.isClosed()).split('HTTP/1.1 ')).toHaveLength(3);
  }
  expect(seen.malformed).toEqual([]);
});

test('a second empty line is refused, and so is a lone CR', async () => {
  const { client } = await start();
  for (const text of ['\r\n\r\n', '\r\n\rG', '\rG'])
    expect(await client().send(text).isClosed()).toContain('400 Bad Request');
});

test('a HEAD request that is refused, even a malformed one, gets no body', async () => {
  const { client } = await start();
  for (const line of ['Host: a\r\nno colon', 'Content-Length: 5', 'Host: a\r\nContent-Length: 99999999']) {
    const text = await client().send(`HEAD /p HTTP/1.1\r\n${line}\r\n\r\n`).isClosed();
    expect(undated(text)).toMatch(/^HTTP\/1\.1 4\d\d .*\r\nConnection: close\r\n/);
    expect(text.endsWith('\r\n\r\n')).toBe(true);
  }
});
