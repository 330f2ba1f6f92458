/** What one address may do, at a running collector of four workers: connections, in total and per address; failed attempts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CollectorApp, startCollector } from '../app.ts';
import { newToken, oneConnection } from './token-kit.ts';

const dir = mkdtempSync(join(tmpdir(), 'ms-addresses-'));
const CONNECTIONS_MAX = 40;
const PER_ADDRESS_MAX = 25;
const ATTEMPTS_PER_SECOND = 10;
let collector: CollectorApp;
let token: string;

beforeAll(async () => {
  const file = join(dir, 'tokens');
  token = await newToken(file, 'web-*');
  const limits = {
    connections: CONNECTIONS_MAX,
    per_address: { connections: PER_ADDRESS_MAX, unauthenticated: `${ATTEMPTS_PER_SECOND}/s` },
  };
  collector = await startCollector({ dir, config: { auth: 'tokens', tokens_file: file, workers: 4, limits } });
});

afterAll(async () => {
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Opened {
  /** Of the answer to one GET /healthz; 0 when there was none. */
  status: number;
  text: string;
  socket: Socket;
}

/** Opens a connection from a loopback address, asks one thing and keeps it open. */
async function open(localAddress: string): Promise<Opened> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(collector.url).port), localAddress });
  socket.on('error', () => {});
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  const text = await new Promise<string>((resolve) => {
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      if (/\r\n\r\n.*\n$/.test(got)) resolve(got);
    });
    socket.once('close', () => resolve(got));
  });
  return { status: Number(text.slice(9, 12)), text, socket };
}

function statuses(all: readonly Opened[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of all) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function connections(expected: number): Promise<void> {
  const read = async (): Promise<number> => ((await collector.status()) as { connections: number }).connections;
  await expect.poll(read, { timeout: 5000 }).toBe(expected);
}

/** Ends them, and waits until the collector knows: its figure is a little behind, so it is seen to rise first. */
async function closeAll(all: readonly Opened[]): Promise<void> {
  await connections(all.filter(({ status }) => status === 200).length);
  for (const { socket } of all) socket.destroy();
  await connections(0);
}

async function many(count: number, localAddress: string): Promise<Opened[]> {
  const all: Opened[] = [];
  for (let i = 0; i < count; i++) all.push(await open(localAddress));
  return all;
}

async function turnedAway(reason: string): Promise<number> {
  const status = (await collector.status()) as { batches: { rejected: Record<string, number> } };
  return status.batches.rejected[reason] ?? 0;
}

test('an address has so many connections over all workers, and the collector so many from all', async () => {
  const one = await many(PER_ADDRESS_MAX + 15, '127.0.0.1');
  expect(statuses(one)).toEqual({ 200: PER_ADDRESS_MAX, 429: 15 });
  expect(one.at(-1)?.text).toMatch(/too many connections from this address/);
  const other = await many(CONNECTIONS_MAX - PER_ADDRESS_MAX + 10, '127.0.0.2');
  expect(statuses(other)).toEqual({ 200: CONNECTIONS_MAX - PER_ADDRESS_MAX, 503: 10 });
  expect(other.at(-1)?.text).toMatch(/too many connections/);
  expect([await turnedAway('address_full'), await turnedAway('connections_full')]).toEqual([15, 10]);
  await closeAll([...one, ...other]);
  const again = await many(PER_ADDRESS_MAX, '127.0.0.1');
  expect(statuses(again)).toEqual({ 200: PER_ADDRESS_MAX });
  await closeAll(again);
});

test('of many that come at once no more are let in than there is room for, and hardly one less', async () => {
  for (let round = 0; round < 3; round++) {
    const all = await Promise.all(Array.from({ length: 60 }, () => open('127.0.0.3')));
    const { 200: taken = 0 } = statuses(all);
    expect(taken).toBeLessThanOrEqual(PER_ADDRESS_MAX);
    // Two that race for the last place may both be told no: one for each other worker at most.
    expect(taken).toBeGreaterThanOrEqual(PER_ADDRESS_MAX - 3);
    await closeAll(all);
  }
});

test('attempts without a valid token are held to the rate of their address, and a valid one always passes', async () => {
  const [guesser, client] = [oneConnection(collector.url, 'web-1'), oneConnection(collector.url, 'web-1')];
  const counts: Record<number, number> = {};
  const sinceMs = performance.now();
  const SECONDS = 3;
  while (performance.now() - sinceMs < SECONDS * 1000) {
    const answer = await guesser.send('ms_a-guess-that-nobody-made');
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
    if (answer.status === 429) {
      expect(answer.headers['connection']).toBe('close');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(answer.text).toMatch(/too many requests from this address without a valid token or certificate/);
    }
    expect((await client.send(token)).status).toBe(200);
    await delay(10);
  }
  await Promise.all([guesser.close(), client.close()]);
  const seconds = (performance.now() - sinceMs) / 1000;
  expect(counts[429] ?? 0, JSON.stringify(counts)).toBeGreaterThan(0);
  // A second's worth may come at once.
  expect(counts[401] ?? 0, JSON.stringify(counts)).toBeLessThanOrEqual(Math.ceil(ATTEMPTS_PER_SECOND * (seconds + 1)));
  expect(counts[401] ?? 0, JSON.stringify(counts)).toBeGreaterThanOrEqual(ATTEMPTS_PER_SECOND);
});
