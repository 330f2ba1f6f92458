/** What opening makes of a directory: exactly the committed state, and nothing destroyed that a crash cannot explain. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseState, recoverDirectory } from '../../../src/sinks/jsonl/directory.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'jsonl-dir-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const FIRST = 'metrics-000001.jsonl';
const SECOND = 'metrics-000002.jsonl';
const put = (name: string, text: string): void => {
  writeFileSync(join(dir, name), name.endsWith('.zst') ? zstdCompressSync(text) : text);
};
const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
const names = (under = ''): string[] => readdirSync(join(dir, under)).sort();
const calm = { bytesCut: 0, filesSetAside: 0, filesDamaged: 0 };

describe('the active file', () => {
  it('is cut back to the committed length', async () => {
    put(FIRST, 'committed\nnot comm');
    const found = await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 });
    expect(found).toEqual({ ...calm, number: 1, lengthBytes: 10, bytesCut: 8 });
    expect(text(FIRST)).toBe('committed\n');
  });

  it('that is shorter than committed is left as it is, and the next number goes on', async () => {
    put(FIRST, 'comm');
    const found = await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 });
    expect(found).toEqual({ ...calm, number: 2, lengthBytes: 0, filesDamaged: 1 });
    expect(text(FIRST)).toBe('comm');
  });

  it('that is gone is an alarm, unless nothing was ever in it', async () => {
    expect(await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 })).toMatchObject({ number: 2, filesDamaged: 1 });
    expect(await recoverDirectory(dir, { file: SECOND, lengthBytes: 0 })).toEqual({
      ...calm,
      number: 2,
      lengthBytes: 0,
    });
  });

  it('that was compressed since an older cursor is taken back', async () => {
    put(`${FIRST}.zst`, 'committed\nlater\n');
    put(SECOND, 'even later\n');
    const found = await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 });
    const bytesCut = 'later\neven later\n'.length;
    expect(found).toEqual({ ...calm, number: 1, lengthBytes: 10, bytesCut, filesSetAside: 1 });
    expect(names()).toEqual([FIRST, 'set-aside']);
    expect(text(FIRST)).toBe('committed\n');
  });

  it('stands for itself where a taking back was interrupted', async () => {
    put(`${FIRST}.zst`, 'committed\nlater\n');
    put(FIRST, 'committed\nlater\n');
    put(`${FIRST}.tmp`, 'comm');
    await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 });
    expect(names()).toEqual([FIRST, 'set-aside']);
    expect(text(FIRST)).toBe('committed\n');
  });
});

describe('later files', () => {
  it('are removed when they are the one delivery of a crash', async () => {
    put(FIRST, 'committed\n');
    put(SECOND, 'not committed\n');
    put('metrics-000003.jsonl', '');
    const found = await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 });
    expect(found).toEqual({ ...calm, number: 1, lengthBytes: 10, bytesCut: 14 });
    expect(names()).toEqual([FIRST]);
  });

  it('are set aside when an old cursor was brought back, for they are more than a crash leaves', async () => {
    put(FIRST, 'committed\n');
    put(`${SECOND}.zst`, 'b\n');
    put('metrics-000003.jsonl', 'c\n');
    const found = await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 });
    expect(found).toMatchObject({ number: 1, bytesCut: 0, filesSetAside: 2 });
    expect(names()).toEqual([FIRST, 'set-aside']);
    expect(names('set-aside')).toEqual(['1-metrics-000002.jsonl.zst', '1-metrics-000003.jsonl']);
  });
});

describe('without a committed state', () => {
  it('an empty or missing directory begins with the first file', async () => {
    const missing = join(dir, 'deep', 'er');
    expect(await recoverDirectory(missing, undefined)).toEqual({ ...calm, number: 1, lengthBytes: 0 });
    expect(existsSync(missing)).toBe(true);
  });

  it('what is there is set aside, under names that never collide, and no more than nine times', async () => {
    for (let time = 1; time <= 11; time++) {
      put(FIRST, `${time}\n`);
      await recoverDirectory(dir, undefined);
      expect(names()).toEqual(['set-aside']);
    }
    expect(names('set-aside')).toHaveLength(9);
    expect(text('set-aside/1-metrics-000001.jsonl')).toBe('1\n');
  });
});

describe('opening', () => {
  it('twice changes nothing more', async () => {
    put(FIRST, 'committed\nnot comm');
    put(SECOND, 'not committed\n');
    const state = { file: FIRST, lengthBytes: 10 };
    await recoverDirectory(dir, state);
    expect(await recoverDirectory(dir, state)).toEqual({ ...calm, number: 1, lengthBytes: 10 });
  });

  it('leaves files of other names alone, and removes what a compression left', async () => {
    put('notes.txt', 'mine');
    put('metrics-1.jsonl', 'not ours');
    put(`${FIRST}.zst.tmp`, 'half');
    await recoverDirectory(dir, undefined);
    expect(names()).toEqual(['metrics-1.jsonl', 'notes.txt']);
  });

  it('goes on after a file was both shortened and added to', async () => {
    put(FIRST, 'committed\n');
    truncateSync(join(dir, FIRST), 3);
    appendFileSync(join(dir, FIRST), 'x');
    expect(await recoverDirectory(dir, { file: FIRST, lengthBytes: 10 })).toMatchObject({ number: 2, filesDamaged: 1 });
  });
});

describe('a state', () => {
  it.each([undefined, null])('%s is none', (state) => {
    expect(parseState(state)).toBeUndefined();
  });

  it.each([
    [{}],
    ['metrics-000001.jsonl'],
    [{ file: '../metrics-000001.jsonl', lengthBytes: 1 }],
    [{ file: 'metrics-000001.jsonl.zst', lengthBytes: 1 }],
    [{ file: 'metrics-000001.jsonl', lengthBytes: -1 }],
    [{ file: 'metrics-000001.jsonl', lengthBytes: 1.5 }],
  ])('%j is refused with what was expected', (state) => {
    expect(() => parseState(state)).toThrow('expected {"file":"metrics-000001.jsonl","lengthBytes":0}');
  });
});
