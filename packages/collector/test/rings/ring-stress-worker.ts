/** The journal thread's part in the cross-thread test: checks every frame, writes a verdict into it, settles by chance. */
import { parentPort, workerData } from 'node:worker_threads';
import { openDoorbell } from '../../src/rings/doorbell.ts';
import { createRingReader } from '../../src/rings/ring-reader.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { between } from './random.ts';
import { frameBytesOf, isStressFrame } from './stress-frame.ts';

export interface StressData {
  ring: SharedArrayBuffer;
  bell: SharedArrayBuffer;
  seed: number;
  frameBytesMax: number;
}

export interface StressResult {
  frames: number;
  faults: number;
}

function run({ ring, bell, seed, frameBytesMax }: StressData): StressResult {
  const reader = createRingReader(ring);
  const doorbell = openDoorbell(bell);
  const random = mulberry32(seed + 1);
  const delay = new Int32Array(new SharedArrayBuffer(4));
  const isQuiet = (): boolean => reader.isEmpty() && !reader.isClosed();
  let frames = 0;
  let faults = 0;
  for (;;) {
    const closed = reader.isClosed();
    if (reader.refresh() === 0) {
      if (closed) return { frames, faults };
      doorbell.sleep(isQuiet, 1000);
      continue;
    }
    let left = between(random, 1, 100);
    for (let at = reader.next(); at !== -1; at = --left > 0 ? reader.next() : -1) {
      if (!isStressFrame(reader.view, at, frameBytesOf(frames, seed, frameBytesMax), frames)) faults++;
      reader.view.setUint32(at + 4, ~frames, true);
      frames++;
    }
    if (random() < 0.0002) Atomics.wait(delay, 0, 0, random() * 2);
    reader.settle(reader.position());
  }
}

parentPort?.postMessage(run(workerData as StressData), []);
