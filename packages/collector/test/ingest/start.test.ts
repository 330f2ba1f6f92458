/** The ingest workers as main sees them: what becomes of the others when one cannot start, and of one that dies. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, test } from 'vitest';
import { sha256Of, type TokenEntry } from '../../src/admission/tokens.ts';
import { collectorSpec } from '../../src/config.ts';
import { ingestSettings } from '../../src/ingest/settings.ts';
import type { IngestSettings, IngestWorkers } from '../../src/ingest/start.ts';
import { startIngestWorkers } from '../../src/ingest/start.ts';
import { onePointBatch } from '../one-point-batch.ts';
import { commonParts } from './common-parts.ts';
import { RING_WORD } from '../../src/rings/ring-layout.ts';
import { createRingReader } from '../../src/rings/ring-reader.ts';

const CONFIG = `{listen: "127.0.0.1:0", workers: 2, journal: {ring: 64KiB}, limits: {decompressed: 8KiB, body: 8KiB}, log: {level: error}}`;

function settings(): IngestSettings {
  const parsed = parseConfig(CONFIG, collectorSpec, {});
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return ingestSettings(parsed.config, commonParts());
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

test('when one worker cannot start, those before it are stopped and their rings closed', async () => {
  const rings: SharedArrayBuffer[] = [];
  const start = startIngestWorkers(
    settings(),
    (ring) => {
      rings.push(ring);
      if (rings.length === 2) throw new Error('no more rings');
    },
    silentLog,
  );
  await expect(start).rejects.toThrow('no more rings');
  expect(rings.map((ring) => createRingReader(ring).isClosed())).toEqual([true, true]);
});

test('workers share one port, and stopping closes it and every ring', async () => {
  const rings: SharedArrayBuffer[] = [];
  const workers = await startIngestWorkers(settings(), (ring) => void rings.push(ring), silentLog);
  expect(await isListening(workers.port)).toBe(true);
  await workers.stop(500);
  expect(await isListening(workers.port)).toBe(false);
  expect(rings.map((ring) => createRingReader(ring).isClosed())).toEqual([true, true]);
  expect(workers.respawns()).toBe(0);
});

/** Has the worker that owns this ring hold a batch, then takes its life by what only a fault of ours could do. */
async function killWorker(ring: SharedArrayBuffer, port: number, authorization: string): Promise<void> {
  const words = new Int32Array(ring);
  const socket = connect(port, '127.0.0.1').resume();
  const cutOff = once(socket, 'close');
  socket.on('error', () => {});
  const body = onePointBatch(1);
  const fields = `Host: a\r\nClient-Id: c\r\nContent-Type: application/x-protobuf\r\nAuthorization: ${authorization}\r\n`;
  socket.write(`POST /v1/batches HTTP/1.1\r\n${fields}Content-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  while (Atomics.load(words, RING_WORD.write) === 0) await delay(5);
  // More is settled than was ever written.
  Atomics.store(words, RING_WORD.settled, Atomics.load(words, RING_WORD.write) + 2);
  Atomics.notify(words, RING_WORD.settled);
  await cutOff;
}

test('a worker that dies is replaced: its clients are cut off, its ring is closed, it is counted', async () => {
  const rings: SharedArrayBuffer[] = [];
  const runningAtRing: (number | undefined)[] = [];
  const made: IngestWorkers[] = [];
  const addRing = (ring: SharedArrayBuffer): void => {
    rings.push(ring);
    runningAtRing.push(made[0]?.running());
  };
  const workers = await startIngestWorkers({ ...settings(), workers: 1 }, addRing, silentLog);
  made.push(workers);
  workers.tell({ message: 'open' });
  expect(workers.running()).toBe(1);
  await killWorker(rings[0] as SharedArrayBuffer, workers.port, 'none');
  while (rings.length < 2) await delay(5);
  const reader = createRingReader(rings[0] as SharedArrayBuffer);
  expect(reader.isClosed()).toBe(true);
  expect(workers.respawns()).toBe(1);
  expect(workers.counters[0]?.get('connections')).toBe(0);
  while (!(await isListening(workers.port))) await delay(20);
  expect([runningAtRing, workers.running()], 'none while there is none').toEqual([[undefined, 0], 1]);
  await workers.stop(500);
  expect(workers.running()).toBe(0);
});

test('before they are opened workers take connections and read nothing; then those who waited are answered', async () => {
  const workers = await startIngestWorkers(settings(), () => {}, silentLog);
  let answered = false;
  const waiting = fetch(`http://127.0.0.1:${workers.port}/healthz`).then((answer) => {
    answered = true;
    return answer.status;
  });
  while (workers.counters.every((table) => table.get('connections') === 0)) await delay(5);
  await delay(100);
  expect(answered).toBe(false);
  workers.tell({ message: 'open' });
  expect(await waiting).toBe(200);
  await workers.stop(500);
});

test('what was told holds for the successor of a worker that died: it is open, and a token taken back lets nobody in', async () => {
  const entry = (name: string, token: string): TokenEntry => ({
    name,
    clients: '*',
    sha256: sha256Of(token),
    expiresUnixMs: Infinity,
  });
  const [old, fresh] = ['old', 'fresh'].map((name) => `ms_${name.padEnd(43, 'x')}`) as [string, string];
  const rings: SharedArrayBuffer[] = [];
  const options: IngestSettings = { ...settings(), workers: 1, auth: 'tokens', tokens: [entry('old', old)] };
  const workers = await startIngestWorkers(options, (ring) => void rings.push(ring), silentLog);
  workers.tell({ message: 'open' });
  workers.tell({ message: 'tokens', tokens: [entry('fresh', fresh)] });
  const statusFor = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}`, connection: 'close' };
    return (await fetch(`http://127.0.0.1:${workers.port}/nowhere`, { headers })).status;
  };
  expect([await statusFor(old), await statusFor(fresh)]).toEqual([401, 404]);
  await killWorker(rings[0] as SharedArrayBuffer, workers.port, `Bearer ${fresh}`);
  while (!(await isListening(workers.port))) await delay(20);
  expect([await statusFor(old), await statusFor(fresh)]).toEqual([401, 404]);
  expect(workers.respawns()).toBe(1);
  await workers.stop(500);
});
