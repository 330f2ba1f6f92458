import { describe, expect, test } from 'vitest';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { ringPair, push } from './rings.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';
import { createRing } from '../../src/rings/ring-layout.ts';

const LONG_MS = 5000;

/** How long `sleep` slept. */
function sleptMs(sleep: () => void): number {
  const started = performance.now();
  sleep();
  return performance.now() - started;
}

describe('a doorbell', () => {
  test('lets the sleeper sleep no longer than it said', () => {
    const bell = openDoorbell(createDoorbell());
    const slept = sleptMs(() => bell.sleep(() => true, 20));
    expect(slept).toBeGreaterThan(15);
    expect(slept).toBeLessThan(LONG_MS / 2);
  });

  test('is heard by a sleeper that is just about to wait', () => {
    const shared = createDoorbell();
    const bell = openDoorbell(shared);
    const quietThenRung = (ring: () => void) => (): boolean => {
      ring();
      return true;
    };
    expect(
      sleptMs(() =>
        bell.sleep(
          quietThenRung(() => openDoorbell(shared).ring()),
          LONG_MS,
        ),
      ),
    ).toBeLessThan(LONG_MS / 2);
    expect(
      sleptMs(() =>
        bell.sleep(
          quietThenRung(() => openDoorbell(shared).ringIfAsleep()),
          LONG_MS,
        ),
      ),
    ).toBeLessThan(LONG_MS / 2);
  });

  test('does not let a sleeper sleep that finds something at its last look', () => {
    const bell = openDoorbell(createDoorbell());
    expect(sleptMs(() => bell.sleep(() => false, LONG_MS))).toBeLessThan(LONG_MS / 2);
  });

  test('is rung once by several writers, and not at all while nobody sleeps', () => {
    const shared = createDoorbell();
    const words = new Int32Array(shared);
    const bell = openDoorbell(shared);
    const writers = [0, 1, 2].map(() => createRingWriter(createRing(64, 16), bell));
    const publishAll = (): void => {
      for (const writer of writers) {
        const at = writer.tryReserve(8);
        writer.view.setUint32(at, 8, true);
        writer.commitReserve(8);
        writer.publish();
      }
    };
    publishAll();
    expect(words[0]).toBe(0);
    bell.sleep(() => {
      publishAll();
      return true;
    }, LONG_MS);
    expect(words[0]).toBe(1);
  });

  test('is not rung by publishing nothing', () => {
    const pair = ringPair(64, 16);
    let rings = 0;
    const writer = createRingWriter(createRing(64, 16), { ...pair.doorbell, ringIfAsleep: () => rings++ });
    writer.publish();
    expect(rings).toBe(0);
    push({ ...pair, writer }, 16, 1);
    writer.publish();
    writer.publish();
    expect(rings).toBe(1);
  });
});
