/** The appender's bytes against the text pushed, over every way a text can meet the end of a buffer. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Appender } from '../../../src/sinks/jsonl/append.ts';
import { CREATE_FLAGS, createAppender } from '../../../src/sinks/jsonl/append.ts';
import { faultyOpen, noFaults } from './faulty-file.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'jsonl-append-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Fills in the text, making room where there is too little. */
async function push(appender: Appender, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const tryOnce = (): boolean => {
    let fits = false;
    appender.fill((target, at) => {
      fits = bytes.length <= target.length - at;
      return fits ? at + bytes.copy(target, at) : at;
    });
    return fits;
  };
  while (!tryOnce()) await appender.flush();
}

describe('what is filled in', () => {
  it('is in the file, in order, whether it fits a buffer, fills it, or is larger than it', async () => {
    const seed = 4242;
    const random = mulberry32(seed);
    const appender = createAppender(64);
    const path = join(dir, 'a');
    const handle = await open(path, 'w');
    let expected = '';
    for (let round = 0; round < 200; round++) {
      const atBytes = Buffer.byteLength(expected);
      appender.begin(handle, atBytes);
      for (let turn = 0; turn < 8; turn++) {
        const text = (['x', 'é', '€', '😀'][turn % 4] ?? '').repeat(Math.floor(random() * 80)) + String(round);
        expected += text;
        await push(appender, text);
      }
      expect(await appender.finish(), `seed ${seed}`).toBe(Buffer.byteLength(expected) - atBytes);
    }
    await handle.close();
    expect(readFileSync(path, 'utf8')).toBe(expected);
  });

  it('is forgotten when the append failed, so that the next one begins clean', async () => {
    const faults = { ...noFaults(), syncsFailing: 1 };
    const appender = createAppender(16);
    const broken = await faultyOpen(faults)(join(dir, 'a'), CREATE_FLAGS, 0o640);
    appender.begin(broken, 0);
    await push(appender, '0123456789');
    await push(appender, '0123456789');
    await expect(appender.finish()).rejects.toThrow('EIO');
    expect(await appender.settle()).toBe(false);
    await broken.close();

    const handle = await open(join(dir, 'b'), 'w');
    appender.begin(handle, 0);
    await push(appender, 'clean');
    expect(await appender.finish()).toBe(5);
    await handle.close();
    expect(readFileSync(join(dir, 'b'), 'utf8')).toBe('clean');
  });
});
