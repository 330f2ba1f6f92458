/**
 * A successor started beside a running collector: batches go on through the change, nothing is lost or doubled, nobody is
 * refused a connection. And what happens when one of the two is stopped or killed in the middle.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished as ended, test } from 'vitest';
import { type Program, startProgram } from '../../install/local/program.ts';
import { productEntries } from '../../install/local/session.ts';
import { type Config, startCollector } from '../app.ts';
import { startFleet } from './clients.ts';
import { linesByTriple, reconcile } from './ledger.ts';
import { stopWhenStored } from './sinks.ts';

const TAKEOVERS = 20;
const CLIENTS = 8;
const NO_FAULTS = { lost: [], repeated: [], invented: [] };

/** @param onTestFinished of the test itself, where it runs beside another. */
function rig({ onTestFinished } = { onTestFinished: ended }) {
  const dir = mkdtempSync(join(tmpdir(), 'ms-takeover-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const config: Config = { workers: 2, limits: { per_client: { requests: 'unlimited' } } };
  return {
    dir,
    first: () => startCollector({ dir, config }),
    /** @param url of the collector that it follows. */
    successor: (url: string) =>
      startCollector({ dir, config: { ...config, listen: new URL(url).host }, args: ['--takeover'] }),
    /** The same without waiting for it to listen. */
    async successorAtDoor(url: string, args = ['--takeover']): Promise<Program> {
      const file = join(dir, 'successor.yaml');
      const places = { state_dir: join(dir, 'collector'), sinks: { jsonl: { dir: join(dir, 'points') } } };
      const listens = { listen: new URL(url).host, admin: { listen: '127.0.0.1:0' } };
      writeFileSync(file, JSON.stringify({ ...places, ...config, ...listens }));
      const program = startProgram({
        name: 'successor',
        entry: productEntries.collector,
        args: ['run', '-c', file, ...args],
      });
      onTestFinished(async () => void (await program.kill9()));
      return program;
    },
  };
}

/** A client in the middle of a body: a collector that is told to stop waits for the rest. */
async function halfARequest(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const head = 'POST /v1/batches HTTP/1.1\r\nHost: a\r\nClient-Id: slow\r\nContent-Type: application/x-protobuf\r\n';
  socket.write(`${head}Content-Length: 1000\r\n\r\n`);
  for (let i = 0; i < 3; i++) {
    await delay(20);
    socket.write('body');
  }
  return socket;
}

/** Connects again and again. @returns how often it was refused, once stopped. */
function knock(url: string): { connections: () => number; stop: () => Promise<number> } {
  const { hostname, port } = new URL(url);
  const over = new AbortController();
  let refused = 0;
  let connections = 0;
  const once = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.on('connect', () => {
        connections++;
        socket.destroy();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') refused++;
      });
      socket.on('close', () => resolve());
    });
  const knocking = (async () => {
    for (; !over.signal.aborted; await delay(2)) await once();
  })();
  return {
    connections: () => connections,
    async stop() {
      over.abort();
      await knocking;
      return refused;
    },
  };
}

/** The longest time without a yes, in ms. */
function watchGap(acked: ReadonlySet<string>): { stop: () => number } {
  let seen = acked.size;
  let sinceMs = performance.now();
  let longestMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - sinceMs);
    if (acked.size === seen) return;
    seen = acked.size;
    sinceMs = nowMs;
  }, 2);
  return {
    stop() {
      clearInterval(timer);
      return Math.round(longestMs);
    },
  };
}

test(`${TAKEOVERS} takeovers under load: each batch is stored once, no connection is refused, each predecessor ends with 0`, {
  timeout: 300_000,
}, async ({ annotate }) => {
  const { dir, first, successor } = rig();
  let running = await first();
  const fleet = startFleet({ clients: CLIENTS, url: running.url, pauseMs: 1 });
  const door = knock(running.url);
  const gaps: number[] = [];
  for (let turn = 0; turn < TAKEOVERS; turn++) {
    const before = fleet.acked.size;
    while (fleet.acked.size < before + 50) await delay(5);
    const gap = watchGap(fleet.acked);
    const next = await successor(running.url);
    expect(await running.ended, running.lastWords()).toMatchObject({ code: 0 });
    const atOpen = fleet.acked.size;
    while (fleet.acked.size < atOpen + CLIENTS) await delay(5);
    gaps.push(gap.stop());
    running = next;
  }
  const errors = fleet.answers.get('error') ?? 0;
  expect(await door.stop()).toBe(0);
  await fleet.finish();
  expect(await stopWhenStored(running), running.lastWords()).toMatchObject({ code: 0 });
  const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
  expect(faults).toEqual(NO_FAULTS);
  expect(stored).toBe(fleet.acked.size);
  expect([...fleet.answers.keys()].filter((status) => !['200', '503', 'error'].includes(status))).toEqual([]);
  const cut = `${errors} requests cut off, ${fleet.answers.get('503') ?? 0} answered 503`;
  await annotate(
    `${stored} batches, ${door.connections()} connections; longest gaps ${gaps.join(', ')} ms without a yes; ${cut}`,
  );
  expect(Math.max(...gaps)).toBeLessThan(10_000);
});

test('two successors at once: one follows, the other says that there is one and leaves', {
  timeout: 60_000,
}, async () => {
  const { dir, first, successorAtDoor } = rig();
  const running = await first();
  const held = await halfARequest(running.url);
  const one = await successorAtDoor(running.url);
  await one.waitForLog('takeover: asked the running collector to leave');
  const other = await successorAtDoor(running.url);
  expect(await other.ended).toMatchObject({ code: 1 });
  expect(other.lastWords()).toContain('is taking over');
  held.destroy();
  expect(await running.ended, 'asked once, not twice').toMatchObject({ code: 0 });
  await one.waitForLog('listening');
  expect(readFileSync(join(dir, 'collector', 'collector.pid'), 'utf8')).toBe(`${one.pid}\n`);
  expect(await one.stop()).toMatchObject({ code: 0 });
});

test('a successor that is told to stop while it waits leaves at once with 0, and the next one goes on', {
  timeout: 60_000,
}, async () => {
  const { dir, first, successor, successorAtDoor } = rig();
  const running = await first();
  const fleet = startFleet({ clients: 2, url: running.url, pauseMs: 1 });
  while (fleet.acked.size < 20) await delay(5);
  await halfARequest(running.url);
  const waiting = await successorAtDoor(running.url);
  await waiting.waitForLog('takeover: asked the running collector to leave');
  const sinceMs = performance.now();
  expect(await waiting.stop()).toMatchObject({ code: 0 });
  // Sooner than the predecessor could have let it in.
  expect(performance.now() - sinceMs).toBeLessThan(3500);
  expect(await running.ended).toMatchObject({ code: 0 });
  const next = await successor(running.url);
  const before = fleet.acked.size;
  while (fleet.acked.size < before + 20) await delay(5);
  await fleet.finish();
  expect(await next.stop()).toMatchObject({ code: 0 });
  const { stored: _, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
  expect(faults).toEqual(NO_FAULTS);
});

test('a predecessor that is killed while it leaves is followed all the same, and what it said yes to is stored', {
  timeout: 60_000,
}, async () => {
  const { dir, first, successorAtDoor } = rig();
  const running = await first();
  const fleet = startFleet({ clients: 4, url: running.url, pauseMs: 1 });
  while (fleet.acked.size < 100) await delay(5);
  await halfARequest(running.url);
  const next = await successorAtDoor(running.url);
  await next.waitForLog('takeover: asked the running collector to leave');
  await running.kill9();
  await next.waitForLog('listening');
  const before = fleet.acked.size;
  while (fleet.acked.size < before + 100) await delay(5);
  await fleet.finish();
  expect(await next.stop()).toMatchObject({ code: 0 });
  const { stored, ...faults } = reconcile(linesByTriple(join(dir, 'points')), fleet.sent, fleet.acked);
  expect(faults).toEqual(NO_FAULTS);
  expect(stored).toBe(fleet.acked.size);
});

// Most of it is waiting, so the next one runs meanwhile.
test.concurrent('a predecessor that does not leave keeps what it has: the successor gives up after 15 s, with 1', {
  timeout: 60_000,
}, async ({ expect, onTestFinished }) => {
  const { first, successorAtDoor } = rig({ onTestFinished });
  const running = await first();
  process.kill(running.pid, 'SIGSTOP');
  const sinceMs = performance.now();
  const waiting = await successorAtDoor(running.url);
  expect(await waiting.ended).toMatchObject({ code: 1 });
  expect(performance.now() - sinceMs).toBeGreaterThan(15_000);
  expect(waiting.lastWords()).toContain(`process ${running.pid} was asked to leave and has not`);
  process.kill(running.pid, 'SIGCONT');
  expect(await running.ended, 'it was told to, and now it can').toMatchObject({ code: 0 });
});

test.concurrent('without a predecessor it just starts; a port that another program has is still said, with or without --takeover', {
  timeout: 60_000,
}, async ({ expect, onTestFinished }) => {
  const { successorAtDoor } = rig({ onTestFinished });
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const url = `http://127.0.0.1:${(holder.address() as AddressInfo).port}`;
  for (const args of [[], ['--takeover']]) {
    const refused = await successorAtDoor(url, args);
    expect(await refused.ended).toMatchObject({ code: 1 });
    expect(refused.lastWords()).toContain('is taken by another program');
  }
  await new Promise((resolve) => holder.close(resolve));
  const alone = await successorAtDoor(url);
  await alone.waitForLog('listening');
  const second = await successorAtDoor(url, []);
  expect(await second.ended, 'a plain start beside it').toMatchObject({ code: 1 });
  expect(second.lastWords()).toContain('is taken by another program');
  expect(await alone.stop()).toMatchObject({ code: 0 });
});
