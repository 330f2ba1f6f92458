import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyTotals } from '@metricstream/shared/journal/cursor.ts';
import { type Log, silentLog } from '@metricstream/shared/log.ts';
import { expect, onTestFinished, test } from 'vitest';
import { type OpenSink, openJsonl } from '../../src/forward/sinks.ts';
import { deliveryOf, never, recordOf, valuesIn } from '../sinks/jsonl/helpers.ts';

const ROTATE_BYTES = 1024 * 1024;

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-forward-sinks-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const open = (dir: string, log: Log = silentLog): Promise<OpenSink> =>
  openJsonl({ enabled: true, dir, rotateBytes: ROTATE_BYTES, keepMs: 3_600_000 }, 100, log);

/** Writes one record of one value; committed, or not, as by a crash before. */
async function write({ sink, beforeCommit }: OpenSink, value: number, committed = true): Promise<void> {
  const outcome = await sink.write(deliveryOf(recordOf(value, [value])), never);
  if (outcome.kind !== 'stored') throw new Error(JSON.stringify(outcome));
  if (committed) beforeCommit?.({ ...emptyTotals(), state: outcome.state });
}

/** As a crash would: nothing is closed in order, and the lock is free. */
async function crash({ sink, release }: OpenSink): Promise<void> {
  await sink.close();
  release();
}

test('what a crash left behind the last commit is cut off at the next start, with a word', async () => {
  const dir = newDir();
  const first = await open(dir);
  await write(first, 1);
  await write(first, 2, false);
  await crash(first);
  appendFileSync(join(dir, 'metrics-000001.jsonl'), '{"half');
  const said: string[] = [];
  const second = await open(dir, { ...silentLog, warn: (message) => void said.push(message) });
  expect(valuesIn(dir)).toEqual([1]);
  expect(said).toEqual([expect.stringContaining('cut off')]);
  await write(second, 2);
  await write(second, 3);
  await crash(second);
  expect(valuesIn(dir)).toEqual([1, 2, 3]);
});

test('a crash before the first commit leaves nothing', async () => {
  const dir = newDir();
  const first = await open(dir);
  await write(first, 1, false);
  await crash(first);
  const second = await open(dir);
  expect(valuesIn(dir)).toEqual([]);
  await crash(second);
});

test('a delivery without lines moves nothing', async () => {
  const dir = newDir();
  const first = await open(dir);
  await write(first, 1);
  first.beforeCommit?.(emptyTotals());
  await crash(first);
  await crash(await open(dir));
  expect(valuesIn(dir)).toEqual([1]);
});

test('a directory belongs to one forwarder; the next may have it when that one is gone', async () => {
  const dir = newDir();
  const first = await open(dir);
  await expect(open(dir)).rejects.toMatchObject({
    code: 'directory_locked',
    message: expect.stringMatching(/in use by another forwarder.*forward\.jsonl\.dir/),
  });
  await crash(first);
  await crash(await open(dir));
});

test('files whose state was lost are set aside, not destroyed, and the lock is free after a failed start', async () => {
  const dir = newDir();
  const first = await open(dir);
  await write(first, 1);
  await crash(first);
  unlinkSync(join(dir, 'forward-state.json'));
  const said: string[] = [];
  const second = await open(dir, { ...silentLog, error: (message) => void said.push(message) });
  expect(said).toEqual([expect.stringContaining('set aside')]);
  expect(existsSync(join(dir, 'set-aside', '1-metrics-000001.jsonl'))).toBe(true);
  await crash(second);

  rmSync(join(dir, 'forward-state.json'), { force: true });
  mkdirSync(join(dir, 'forward-state.json'));
  await expect(open(dir)).rejects.toThrow('EISDIR');
  rmSync(join(dir, 'forward-state.json'), { recursive: true });
  await crash(await open(dir));
});
