import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { emptyTotals, loadCursor } from '@metricstream/shared/journal/cursor.ts';
import { expect, test } from 'vitest';
import { createCursorKeeper } from '../../../src/sinks/kafka/cursor-keeper.ts';
import { temporaryDirectory } from './kit.ts';

function rig() {
  const path = join(temporaryDirectory(), 'kafka.json');
  const saved: number[] = [];
  const at = { position: 0 };
  const keeper = createCursorKeeper({
    path,
    state: () => ({ journalId: 1, position: at.position, pointsBefore: 0, sink: undefined, totals: emptyTotals() }),
    onSaved: ({ position }) => saved.push(position),
  });
  return { path, saved, at, keeper };
}

test('it saves what has moved, once, and says so afterwards', () => {
  const { path, saved, at, keeper } = rig();
  keeper.tick();
  expect(saved).toEqual([]);
  at.position = 8;
  keeper.touch();
  keeper.saveIfOverdue();
  expect(saved).toEqual([]);
  keeper.tick();
  keeper.tick();
  expect(saved).toEqual([8]);
  expect(loadCursor(path)).toMatchObject({ position: 8 });
});

test('while saving fails, nobody is told of a position, and commits fail with it', () => {
  const { path, saved, at, keeper } = rig();
  // A directory where the file's new version is to be written.
  mkdirSync(`${path}.new`);
  at.position = 8;
  keeper.touch();
  keeper.tick();
  expect(keeper.why()).toMatch(/EISDIR/);
  expect(() => keeper.saveIfOverdue()).toThrow(/EISDIR/);
  expect(saved).toEqual([]);
  rmdirSync(`${path}.new`);
  keeper.saveIfOverdue();
  expect([keeper.why(), ...saved]).toEqual(['', 8]);
  expect(statSync(path).isFile()).toBe(true);
});
