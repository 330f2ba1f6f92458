/** The cursor's file: the old place or the new one, whole, and never taken for absent because it could not be read. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bringCursorBack, emptyTotals, loadCursor, saveCursor } from '../../src/journal/cursor.ts';
import { temporaryDirectory } from './kit.ts';

const KEPT = { journalId: 7, position: 1000, pointsBefore: 0, sink: { file: 'a' }, totals: emptyTotals() };

test('an absent cursor is undefined, one that is not whole is damaged, one that cannot be read throws', () => {
  const dir = temporaryDirectory();
  const path = join(dir, 'cursor.json');
  expect(loadCursor(path)).toBeUndefined();
  for (const text of [
    '',
    '{"position": 12',
    '[]',
    'null',
    '{"position":-8,"journalId":1}',
    JSON.stringify({ ...KEPT, totals: 1 }),
  ]) {
    writeFileSync(path, text);
    expect(loadCursor(path), text).toBe('damaged');
  }
  saveCursor(path, KEPT);
  expect(loadCursor(path)).toEqual(KEPT);
  mkdirSync(join(dir, 'directory.json'));
  expect(() => loadCursor(join(dir, 'directory.json'))).toThrow(/EISDIR/);
});

test('a cursor beyond the end is brought back to it in its file, any other is left alone', () => {
  const path = join(temporaryDirectory(), 'cursor.json');
  expect(bringCursorBack(path, 7, 500)).toBeUndefined();
  saveCursor(path, KEPT);
  expect(bringCursorBack(path, 8, 500), 'of another journal').toBeUndefined();
  expect(bringCursorBack(path, 7, 1000)).toBeUndefined();
  expect(loadCursor(path)).toEqual(KEPT);
  expect(bringCursorBack(path, 7, 500)).toBe(1000);
  expect(loadCursor(path)).toEqual({ ...KEPT, position: 500 });
});
