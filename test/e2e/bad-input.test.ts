/** What bad input gets from a running collector: the right status, one line of reason, a counter, and others feel nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CollectorApp, startCollector } from '../app.ts';
import { batchOf, startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';

let collector: CollectorApp;
let dispatcher: Agent;
const dir = mkdtempSync(join(tmpdir(), 'ms-bad-'));

beforeAll(async () => {
  const config = { limits: { body: '64KiB', decompressed: '1MiB', series_per_batch: 100 } };
  collector = await startCollector({ dir, config });
  dispatcher = new Agent({ connections: 1 });
});

afterAll(async () => {
  await dispatcher.destroy();
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Sent {
  path?: string;
  method?: 'POST' | 'GET' | 'PUT';
  headers?: Record<string, string>;
  body?: Uint8Array;
}

async function send({ path = '/v1/batches', method = 'POST', headers = {}, body }: Sent) {
  const all = { 'content-type': 'application/x-protobuf', 'client-id': 'bad', ...headers };
  const answer = await request(collector.url + path, { method, headers: all, dispatcher, ...(body ? { body } : {}) });
  return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
}

async function counted(reason: string): Promise<number> {
  const status = (await collector.status()) as { batches: Record<'rejected' | 'refused', Record<string, number>> };
  return (status.batches.rejected[reason] ?? 0) + (status.batches.refused[reason] ?? 0);
}

const EPOCH = 1_764_000_000_000 * 1024;
const good = (seq: number, clientId = 'bad'): Uint8Array => batchOf(clientId, EPOCH, seq, 1_764_000_000_000);

/** Sends and expects this status, words of the reason, and one more of its counter. */
async function check(sent: Sent, status: number, words: RegExp, reason: string): Promise<void> {
  const before = await counted(reason);
  const answer = await send(sent);
  expect(answer.text).toMatch(words);
  expect(answer.text.trim().split('\n'), 'one line').toHaveLength(1);
  expect(answer.status).toBe(status);
  expect(await counted(reason)).toBe(before + 1);
}

test('an unknown path is 404 and says where batches go', () =>
  check({ path: '/nowhere', body: good(1) }, 404, /POST \/v1\/batches/, 'not_found'));

test('another method is 405 and names the right one', async () => {
  await check({ method: 'GET' }, 405, /POST/, 'method_not_allowed');
  expect((await send({ method: 'PUT', body: good(1) })).headers['allow']).toBe('POST');
});

test('another content type is 415', () =>
  check({ headers: { 'content-type': 'application/json' }, body: good(1) }, 415, /x-protobuf/, 'content_type'));

test('an unknown content encoding is 415', () =>
  check({ headers: { 'content-encoding': 'br' }, body: good(1) }, 415, /gzip or zstd/, 'content_encoding'));

test('a missing or malformed Client-Id is 400', async () => {
  await check({ headers: { 'client-id': '' }, body: good(1) }, 400, /Client-Id/, 'client_id');
  await check({ headers: { 'client-id': 'no spaces' }, body: good(1) }, 400, /Client-Id/, 'client_id');
});

test("another client's batch is 422", () => check({ body: good(1, 'other') }, 422, /another client/, 'client_id'));

test('headers of ours that make no sense are 400', async () => {
  await check({ headers: { lane: 'fast' }, body: good(1) }, 400, /Lane/, 'header');
  await check({ headers: { 'oldest-seq': '0' }, body: good(1) }, 400, /Oldest-Seq/, 'header');
  await check({ headers: { 'oldest-seq': '2' }, body: good(1) }, 400, /above the seq/, 'header');
});

test('a truncated protobuf is 400 with the offset', () =>
  check({ body: good(1).subarray(0, 40) }, 400, /at byte \d+/, 'unparsable'));

test('a batch against the rules is 422 with the offset', async () => {
  const batch = Buffer.from(good(1));
  const nameAt = batch.indexOf('test.value0');
  batch[nameAt] = '!'.charCodeAt(0);
  await check({ body: batch }, 422, /at byte \d+/, 'rules');
});

test('a body beyond the limit is 413 before it is read', () =>
  check({ body: new Uint8Array(65 * 1024) }, 413, /large/, 'body_too_large'));

test('a body that decompresses beyond the limit is 413, one that does not decompress 400', async () => {
  const bomb = gzipSync(new Uint8Array(4 * 1024 * 1024));
  await check({ headers: { 'content-encoding': 'gzip' }, body: bomb }, 413, /decompressed/, 'too_large');
  const cut = gzipSync(good(1)).subarray(0, 30);
  await check({ headers: { 'content-encoding': 'gzip' }, body: cut }, 400, /decompress/, 'undecompressable');
  await check({ headers: { 'content-encoding': 'zstd' }, body: good(1) }, 400, /decompress/, 'undecompressable');
});

test('gzip and zstd bodies are taken, and what is stored is the batch itself', async () => {
  expect((await send({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(good(11)) })).status).toBe(200);
  expect((await send({ headers: { 'content-encoding': 'zstd' }, body: zstdCompressSync(good(12)) })).status).toBe(200);
  expect((await send({ body: good(11) })).status, 'the same batch uncompressed is a duplicate').toBe(200);
});

test('a duplicate is answered like the first, the same triple with other bytes is 409', async () => {
  const json = { accept: 'application/json' };
  const first = await send({ headers: json, body: good(21) });
  expect(JSON.parse(first.text)).toMatchObject({ durable: 'journal', duplicate: false });
  const again = await send({ headers: json, body: good(21) });
  expect(JSON.parse(again.text)).toMatchObject({ durable: 'journal', duplicate: true });
  const other = Buffer.from(good(21));
  const last = other.length - 1;
  other[last] = (other[last] ?? 0) ^ 1;
  await check({ body: other }, 409, /other bytes/, 'conflict');
});

test('a chunked body is taken like any other', async () => {
  const body = good(31);
  const chunks = Readable.from([body.subarray(0, 10), body.subarray(10)]);
  const headers = { 'content-type': 'application/x-protobuf', 'client-id': 'bad' };
  const answer = await request(`${collector.url}/v1/batches`, { method: 'POST', body: chunks, headers, dispatcher });
  expect(answer.statusCode).toBe(200);
  await answer.body.dump();
});

test('malformed HTTP is 400 with close, and is counted by its reason', async () => {
  const { port } = new URL(collector.url);
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write('POST /v1/batches HTTP/1.1\r\nHost : x\r\n\r\n'),
    );
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
    socket.on('end', () => resolve(said));
    socket.on('error', reject);
  });
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(text.toLowerCase()).toContain('connection: close');
  expect(await counted('field_name')).toBe(1);
});

test('a client over its limit gets 429 with Retry-After and comes through later; the others feel nothing', async () => {
  const limited = await startCollector({
    dir: join(dir, 'limited'),
    config: { limits: { per_client: { requests: '20/s', burst: '500ms' } } },
  });
  const quiet = startFleet({ clients: 4, url: limited.url, pauseMs: 100, namePrefix: 'quiet' });
  const noisy = startFleet({ clients: 1, url: limited.url, pauseMs: 0, namePrefix: 'noisy' });
  const begin = Date.now();
  while (noisy.acked.size < 60) await new Promise((resolve) => setImmediate(resolve));
  const seconds = (Date.now() - begin) / 1000;
  await Promise.all([quiet.finish(), noisy.finish()]);
  expect(noisy.answers.get('429') ?? 0).toBeGreaterThan(20);
  expect(quiet.answers.get('429') ?? 0).toBe(0);
  expect(60 / seconds, 'batches per second, burst included').toBeLessThan(28);
  const told = (await (await fetch(`${limited.admin}/decisions`)).json()) as { refusals: Record<string, unknown>[] };
  expect(told.refusals[0]).toMatchObject({ client_id: 'noisy-0', reason: 'requests' });
  const clients = (await (await fetch(`${limited.admin}/clients`)).json()) as Record<string, unknown>[];
  expect(clients.find((each) => each['client_id'] === 'noisy-0')).toMatchObject({
    batches: noisy.acked.size,
    refusedLimit: noisy.answers.get('429'),
  });
  await limited.stop();
  const sent = new Map([...quiet.sent, ...noisy.sent]);
  const acked = new Set([...quiet.acked, ...noisy.acked]);
  const { lost, repeated, invented } = reconcile(linesByTriple(join(dir, 'limited', 'points')), sent, acked);
  expect({ lost, repeated, invented }).toEqual({ lost: [], repeated: [], invented: [] });
});

test('random bytes as bodies never bring it down, and a good batch still gets through', async () => {
  for (let i = 0; i < 300; i++) {
    const body = Uint8Array.from({ length: 1 + (i % 200) }, (_, at) => (i * 7919 + at * 104_729) & 255);
    const { status } = await send({ body });
    expect([400, 413, 422]).toContain(status);
  }
  expect((await send({ body: good(41) })).status).toBe(200);
});
