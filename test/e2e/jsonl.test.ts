/** Lines to a running collector: what is stored of them, and what their sender is told when it may not, or not now. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decodeRefusal } from '@metricstream/proto/ack.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, type Config, startCollector } from '../app.ts';
import { batchOf } from './clients.ts';

const WAIT = { timeout: 20_000, interval: 20 };
const dir = mkdtempSync(join(tmpdir(), 'ms-jsonl-'));
let collector: CollectorApp;
let dispatcher: Agent;

beforeAll(async () => {
  dispatcher = new Agent({ connections: 4 });
  collector = await startCollector({ dir, config: { workers: 2 } });
});

afterAll(async () => {
  await dispatcher.destroy();
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Sent {
  body: string | Uint8Array;
  headers?: Record<string, string>;
  to?: string;
  path?: string;
}

async function send({ body, headers = {}, to = collector.url, path = '/v1/jsonl' }: Sent) {
  const answer = await request(to + path, { method: 'POST', body, headers, dispatcher });
  return { status: answer.statusCode, headers: answer.headers, bytes: Buffer.from(await answer.body.arrayBuffer()) };
}

type Stored = Record<string, unknown> & { name: string; value: number };

function storedIn(points: string): Stored[] {
  const files = readdirSync(points).filter((name) => name.endsWith('.jsonl'));
  const lines = files.flatMap((name) => readFileSync(join(points, name), 'utf8').split('\n'));
  return lines.filter(Boolean).map((line) => JSON.parse(line) as Stored);
}

const stored = (name: string): Stored[] => storedIn(join(dir, 'points')).filter((line) => line.name === name);

test('every line is stored with the very value, time and labels that were sent, however it was compressed', async () => {
  const random = seeded(64);
  const lines = Array.from({ length: 3000 }, (_, i) => ({
    timestamp: `2025-10-04T12:00:${String(i % 60).padStart(2, '0')}.${String(i).padStart(9, '0')}Z`,
    name: 'every.line',
    value: [i, -i / 7, random.next() * 10 ** (random.int(600) - 300), Number.MAX_SAFE_INTEGER, 5e-324][i % 5] as number,
    unit: 'count',
    host: `web-${i % 7}`,
    datacenter: 'fra',
    labels: { number: String(i), city: 'Köln' },
  }));
  const forms: { take: (bytes: Buffer) => Uint8Array; headers: Record<string, string> }[] = [
    { take: (bytes: Buffer) => bytes, headers: { 'content-type': 'application/x-ndjson' } },
    { take: gzipSync, headers: { 'content-encoding': 'gzip' } },
    { take: zstdCompressSync, headers: { 'content-encoding': 'zstd', 'content-type': 'application/json' } },
  ];
  for (const [index, { take, headers }] of forms.entries()) {
    const part = lines.filter((_, i) => i % forms.length === index);
    const body = take(Buffer.from(part.map((line) => `${JSON.stringify(line)}\n`).join('')));
    const { status, bytes } = await send({ body, headers });
    expect([status, JSON.parse(bytes.toString())]).toEqual([
      200,
      { accepted: part.length, rejected: 0, errors: [], durable: 'journal' },
    ]);
  }
  await expect.poll(() => stored('every.line').length, WAIT).toBe(lines.length);
  const found = new Map(stored('every.line').map((line) => [(line['labels'] as { number: string }).number, line]));
  for (const line of lines) {
    const { timestamp, ...rest } = line;
    const was = found.get(line.labels.number);
    expect(was, `seed ${random.seed}`).toMatchObject({ ...rest, client_id: 'jsonl:local' });
    // Zeros at the end of a time are not written.
    expect(String(was?.['timestamp']).replace(/\.?0*Z$/, 'Z')).toBe(timestamp.replace(/\.?0*Z$/, 'Z'));
  }
});

test('of good and bad lines the good ones are stored, the bad ones told', async () => {
  const body =
    '{"name":"partly.good","value":1}\n{"name":"partly.bad","value":"1"}\n{"name":"partly.good","value":2,"host":"b"}';
  const { status, bytes } = await send({ body });
  expect([status, JSON.parse(bytes.toString())]).toEqual([
    200,
    { accepted: 2, rejected: 1, errors: [{ line: 2, reason: 'value: is not a number' }], durable: 'journal' },
  ]);
  await expect.poll(() => stored('partly.good').map(({ value }) => value), WAIT).toEqual([1, 2]);
  expect(stored('partly.bad')).toEqual([]);
  expect((await send({ body: '{}' })).status).toBe(422);
});

test('a batch in the name of a client_id of the collector is 403', async () => {
  const headers = { 'content-type': 'application/x-protobuf', 'client-id': 'jsonl:local' };
  const { status, bytes } = await send({ path: '/v1/batches', body: batchOf('jsonl:local', 1024, 1), headers });
  expect([status, bytes.toString()]).toEqual([403, "a Client-Id that begins with jsonl: is the collector's own\n"]);
});

async function startLimited(name: string, config: Config): Promise<CollectorApp> {
  const limited = await startCollector({ dir: join(dir, name), config });
  onTestFinished(async () => void (await limited.stop()));
  return limited;
}

test('over the limit it is 429 in the form that was asked for, before the body is looked at', async () => {
  const { url: to } = await startLimited('limited', { limits: { per_client: { requests: '1/s', burst: '1s' } } });
  // What would be 400 when it is decompressed is never decompressed.
  const over = (accept: string) => send({ to, body: 'no gzip', headers: { accept, 'content-encoding': 'gzip' } });
  while ((await over('*/*')).status !== 429);
  const [text, json, ack] = [await over('*/*'), await over('application/json'), await over('application/x-protobuf')];
  expect([text.status, json.status, ack.status]).toEqual([429, 429, 429]);
  expect(text.bytes.toString()).toMatch(/^your limit of requests is reached.*\(1 requests\/s\)\n$/);
  const told = { limit: '1 requests/s', message: text.bytes.toString().trimEnd() };
  expect(JSON.parse(json.bytes.toString())).toMatchObject({ error: 'rate_requests', ...told });
  expect(decodeRefusal(ack.bytes)).toMatchObject({ retryClass: 'quota', ...told });
  expect(decodeRefusal(ack.bytes).retryAfterMs).toBeGreaterThan(0);
  for (const { headers } of [text, json, ack]) expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
});

test('a body that is denser than it may be is 413, and the limit is named', async () => {
  const { url: to } = await startLimited('dense', { limits: { decompression_ratio: 10 } });
  const headers = { 'content-encoding': 'gzip', accept: 'application/json' };
  const spaces = (bytes: number) => gzipSync(Buffer.alloc(bytes, ' '));
  const dense = await send({ to, body: spaces(300 * 1024), headers });
  expect([dense.status, JSON.parse(dense.bytes.toString())]).toMatchObject([
    413,
    { error: 'too_large', limit: 'limits.decompression_ratio: 10' },
  ]);
  expect((await send({ to, body: spaces(200 * 1024), headers })).status, 'small: no line in it').toBe(400);
});
