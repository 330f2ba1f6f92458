/** The other thread of the ring's bench: reads a ring to its end and posts what it found, or swallows messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { openDoorbell } from '../src/rings/doorbell.ts';
import { createRingReader } from '../src/rings/ring-reader.ts';
import { consume } from './ring-load.ts';

export type RingWorkerData = { ring: SharedArrayBuffer; bell: SharedArrayBuffer } | { messages: number };

const data = workerData as RingWorkerData;
parentPort?.postMessage('ready', []);
if ('ring' in data) parentPort?.postMessage(consume(createRingReader(data.ring), openDoorbell(data.bell)), []);
else countMessages(data.messages);

/** Tells the sender each time that `each` messages have come. */
function countMessages(each: number): void {
  let seen = 0;
  parentPort?.on('message', (message: unknown) => {
    if (message === 'stop') parentPort?.close();
    else if (++seen % each === 0) parentPort?.postMessage('all', []);
  });
}
