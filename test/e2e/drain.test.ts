/**
 * SIGTERM: nothing new is taken, what is in flight is answered, and the program is gone within 10 s with 0, whatever
 * clients and sinks do. What was said yes to is there after the next start.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../services/ports.ts';
import { type CollectorApp, type Config, startCollector } from '../app.ts';
import { batchOf, POINTS_PER_BATCH, startFleet } from './clients.ts';
import { keyOf, linesByTriple, reconcile } from './ledger.ts';

const STOP_MS_MAX = 10_000;
const NO_FAULTS = { lost: [], repeated: [], invented: [] };

function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-drain-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

interface Raw {
  socket: Socket;
  /** All that came so far. */
  text(): string;
  closed: Promise<void>;
}

async function rawClient(url: string): Promise<Raw> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  const closed = new Promise<void>((resolve) => void socket.on('close', () => resolve()));
  await new Promise((resolve) => void socket.once('connect', resolve));
  return { socket, text: () => text, closed };
}

function headOf(clientId: string, bytes: number): string {
  const fields = [
    'Host: a',
    `Client-Id: ${clientId}`,
    'Content-Type: application/x-protobuf',
    `Content-Length: ${bytes}`,
  ];
  return `POST /v1/batches HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
}

/** Stops it, cleanly. @returns how long that took, in ms. */
async function stopCleanly(collector: CollectorApp): Promise<number> {
  const sinceMs = performance.now();
  const end = await collector.stop();
  const tookMs = performance.now() - sinceMs;
  expect(end, collector.lastWords()).toEqual({ code: 0, signal: null });
  return Math.round(tookMs);
}

/** A server that takes connections and never says a word, like one whose machine hangs. */
async function frozenServer(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.resume();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => void server.once('listening', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('under load: it ends with 0, and each batch that got a yes is stored once', { timeout: 60_000 }, async ({
  annotate,
}) => {
  const dir = temporaryDirectory();
  let collector = await startCollector({ dir, config: { limits: { per_client: { requests: 'unlimited' } } } });
  const fleet = startFleet({ clients: 12, url: collector.url, pauseMs: 0 });
  while (fleet.acked.size < 300) await delay(5);
  const tookMs = await stopCleanly(collector);
  expect(tookMs).toBeLessThan(STOP_MS_MAX);
  collector = await startCollector({ dir });
  fleet.url = collector.url;
  await fleet.finish();
  await stopCleanly(collector);
  const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
  expect(faults).toEqual(NO_FAULTS);
  expect(stored).toBe(fleet.acked.size);
  await annotate(`stopped in ${tookMs} ms`);
});

test('who has begun a request is answered with Connection: close; both readyz say no, healthz says yes; then the port is closed', async () => {
  const dir = temporaryDirectory();
  const collector = await startCollector({ dir });
  const epoch = Date.now() * 1024;
  const body = batchOf('slow', epoch, 1);
  const sending = await rawClient(collector.url);
  sending.socket.write(headOf('slow', body.length));
  sending.socket.write(body.subarray(0, 20));
  const asking = await rawClient(collector.url);
  asking.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  while (!asking.text().trimEnd().endsWith('up')) await delay(2);
  asking.socket.write('GET /readyz HTTP/1.1\r\nHo');
  const idle = await rawClient(collector.url);
  // Nothing tells when half a head has been read.
  await delay(500);

  const stopping = stopCleanly(collector);
  await collector.waitForLog('stopping');
  await idle.closed;
  expect(idle.text()).toBe('');
  const ready = await fetch(`${collector.admin}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reasons: ['stopping'] }]);
  expect((await fetch(`${collector.admin}/healthz`)).status).toBe(200);
  asking.socket.write('st: a\r\n\r\n');
  await asking.closed;
  const answer = asking.text().slice(asking.text().lastIndexOf('HTTP/1.1'));
  expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  sending.socket.write(body.subarray(20));
  await sending.closed;
  expect(sending.text()).toMatch(/^HTTP\/1\.1 200 /);
  expect(sending.text()).toMatch(/\r\nConnection: close\r\n/i);
  expect(await stopping).toBeLessThan(STOP_MS_MAX);
  await expect(fetch(`${collector.url}/healthz`)).rejects.toThrow('fetch failed');
  const key = keyOf({ clientId: 'slow', epoch, seq: 1 });
  expect([...linesByTriple(join(dir, 'points'))]).toEqual([[key, POINTS_PER_BATCH]]);
});

test('clients that send slowly, send nothing or read nothing do not keep it', { timeout: 60_000 }, async ({
  annotate,
}) => {
  // Patient, so that no timeout of the clients' helps the stop.
  const limits = { head_timeout: '60s', body_timeout: '60s', body_rate: '1B/s' };
  const collector = await startCollector({ dir: temporaryDirectory(), config: { limits } });
  const clients: Raw[] = [];
  for (let i = 0; i < 5; i++) {
    const slowBody = await rawClient(collector.url);
    slowBody.socket.write(headOf(`slow-${i}`, 100_000));
    const slowHead = await rawClient(collector.url);
    slowHead.socket.write('POST /v1/batches HTTP/1.1\r\nHost');
    const deaf = await rawClient(collector.url);
    deaf.socket.pause();
    deaf.socket.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5000));
    clients.push(slowBody, slowHead, deaf, await rawClient(collector.url));
  }
  const drip = setInterval(() => {
    for (const { socket } of clients) if (socket.writable) socket.write('x');
  }, 100);
  await delay(300);
  const tookMs = await stopCleanly(collector);
  expect(tookMs).toBeLessThan(STOP_MS_MAX);
  clearInterval(drip);
  for (const { socket } of clients) socket.destroy();
  await annotate(`stopped in ${tookMs} ms`);
});

test.each<[string, (port: number) => Config]>([
  ['InfluxDB', (port) => ({ influxdb: { url: `http://127.0.0.1:${port}`, database: 'metrics' } })],
  ['Kafka', (port) => ({ kafka: { brokers: [`127.0.0.1:${port}`] } })],
])(
  'a %s that takes connections and says nothing does not keep it; the journal keeps what is not stored there',
  async (_, sinkOf) => {
    const dir = temporaryDirectory();
    const port = await frozenServer();
    const sinks = { jsonl: { dir: join(dir, 'points') }, ...sinkOf(port) };
    let collector = await startCollector({ dir, config: { sinks } });
    const fleet = startFleet({ clients: 4, url: collector.url, pauseMs: 2 });
    while (fleet.acked.size < 200) await delay(5);
    await stopCleanly(collector);
    collector = await startCollector({ dir, config: { sinks } });
    fleet.url = collector.url;
    await fleet.finish();
    const points = fleet.acked.size * POINTS_PER_BATCH;
    const [away] = Object.keys(sinkOf(port)) as ['influxdb' | 'kafka'];
    const lag = async () => ((await collector.status()) as { sinks: Record<string, { lag_points: number }> }).sinks;
    expect((await lag())[away]?.lag_points, 'all of it is still to be stored there').toBe(points);
    await stopCleanly(collector);
    const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
    expect(faults).toEqual(NO_FAULTS);
    expect(stored).toBe(fleet.acked.size);
  },
);

test('a sink whose server is away is not waited for', async () => {
  const dir = temporaryDirectory();
  const [port] = await freePorts(1);
  const influxdb = { url: `http://127.0.0.1:${port}`, database: 'metrics' };
  const collector = await startCollector({ dir, config: { sinks: { jsonl: { dir: join(dir, 'points') }, influxdb } } });
  const fleet = startFleet({ clients: 1, url: collector.url, pauseMs: 2 });
  while (fleet.acked.size < 20) await delay(5);
  await fleet.finish();
  await collector.waitForLog('sink influxdb: retrying');
  // The others would have been given three seconds.
  expect(await stopCleanly(collector)).toBeLessThan(3000);
  expect(linesByTriple(join(dir, 'points')).size, 'those that can go on do').toBe(fleet.acked.size);
});
