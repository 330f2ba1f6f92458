/** The ingest workers as main sees them: what becomes of the others when one cannot start, and of one that dies. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, test } from 'vitest';
import { collectorSpec } from '../../src/config.ts';
import { ingestSettings } from '../../src/ingest/settings.ts';
import type { IngestSettings } from '../../src/ingest/start.ts';
import { startIngestWorkers } from '../../src/ingest/start.ts';
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

function batchOf(): Uint8Array {
  return encodeBatch({
    clientId: 'c',
    epoch: 1024,
    seq: 1,
    schemaVersion: 1,
    agentVersion: 'test',
    configHash: 0n,
    pointsSampledTotal: 1,
    droppedTotal: [],
    resource: [],
    series: [{ name: 'test.value', unit: 'count', kind: 'float', labels: [] }],
    timesUnixNano: [1_764_000_000_000_000_000n],
    values: Float64Array.of(1),
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

test('a worker that dies is replaced: its clients are cut off, its ring is closed, what it had published stays in it', async () => {
  const rings: SharedArrayBuffer[] = [];
  const workers = await startIngestWorkers({ ...settings(), workers: 1 }, (ring) => void rings.push(ring), silentLog);
  workers.tell({ message: 'open' });
  const words = new Int32Array(rings[0] as SharedArrayBuffer);
  const socket = connect(workers.port, '127.0.0.1').resume();
  const cutOff = once(socket, 'close');
  socket.on('error', () => {});
  const body = batchOf();
  const head = `POST /v1/batches HTTP/1.1\r\nHost: a\r\nClient-Id: c\r\nContent-Type: application/x-protobuf\r\n`;
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  while (Atomics.load(words, RING_WORD.write) === 0) await delay(5);
  // More is settled than was ever written: only a fault of ours could say so, and it costs the worker its life.
  Atomics.store(words, RING_WORD.settled, Atomics.load(words, RING_WORD.write) + 2);
  Atomics.notify(words, RING_WORD.settled);
  await cutOff;
  while (rings.length < 2) await delay(5);
  const reader = createRingReader(rings[0] as SharedArrayBuffer);
  expect(reader.isClosed()).toBe(true);
  expect(workers.respawns()).toBe(1);
  while (!(await isListening(workers.port))) await delay(20);
  await workers.stop(500);
});
