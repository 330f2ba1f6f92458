/** A listener that is held: connections wait, unread, until it begins or stops. */
import { afterEach, expect, test } from 'vitest';
import { GET, eventually, startRig } from './harness.ts';
import type { Rig, RigOptions } from './harness.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig({ held: true, ...options });
  return rig;
}

afterEach(() => rig.close());

test('what is sent before the release is read after it, and answered', async () => {
  const { client, listener, seen } = await start();
  const early = [client().send(GET), client().send(GET), client()];
  await eventually(() => listener.connections() === 3);
  expect(listener.stats.bytesRead).toBe(0);
  listener.release();
  listener.release();
  early[2]!.send(GET);
  await Promise.all(early.map((one) => one.receives('200')));
  await client().send(GET).receives('200');
  expect([seen.bodies.length, seen.arrived.length]).toEqual([4, 4]);
});

test('connections that wait take places: one too many is told to come again, at once', async () => {
  const { client, listener, seen } = await start({ limits: { connectionsMax: 2 } });
  const waiting = [client().send(GET), client().send(GET)];
  await eventually(() => listener.connections() === 2);
  const refused = client();
  expect(await refused.isClosed()).toMatch(/^HTTP\/1\.1 503 /);
  refused.socket.destroy();
  expect(seen.malformed).toEqual(['503 connections_full']);
  listener.release();
  await Promise.all(waiting.map((one) => one.receives('200')));
});

test('a client that leaves while it waits gives its place back when the listener begins', async () => {
  const { client, listener, seen } = await start();
  const [leaving, resetting, staying] = [client().send(GET), client().send(GET), client().send(GET)];
  await eventually(() => listener.connections() === 3);
  leaving.socket.destroy();
  resetting.socket.resetAndDestroy();
  await Promise.all([leaving.isClosed(), resetting.isClosed()]);
  listener.release();
  await staying.receives('200');
  await eventually(() => listener.connections() === 1);
  expect(seen.gone).toHaveLength(2);
});

test('a stop closes those that wait, and nothing of them is read', async () => {
  const { client, listener, seen } = await start();
  const waiting = [client().send(GET), client()];
  await eventually(() => listener.connections() === 2);
  expect(await listener.stop({ drainMs: 3000 })).toEqual({ forced: 0 });
  for (const one of waiting) expect(await one.isClosed()).toBe('');
  listener.release();
  expect([seen.bodies, seen.gone.length, listener.stats.bytesRead]).toEqual([[], 2, 0]);
});
