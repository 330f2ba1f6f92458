import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadJsonlState, saveJsonlState } from '../../src/forward/jsonl-state.ts';

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-forward-state-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('an empty directory gets a first state at once, so that a crash before the first commit is cut like any other', async () => {
  const dir = newDir();
  const first = { file: 'metrics-000001.jsonl', lengthBytes: 0 };
  expect(await loadJsonlState(dir)).toEqual(first);
  writeFileSync(join(dir, 'metrics-000001.jsonl'), 'half a li');
  expect(await loadJsonlState(dir)).toEqual(first);
});

test('what was saved is loaded', async () => {
  const dir = newDir();
  const state = { file: 'metrics-000007.jsonl', lengthBytes: 812 };
  saveJsonlState(dir, state);
  expect(await loadJsonlState(dir)).toEqual(state);
});

test('lines that no state explains have none', async () => {
  const dir = newDir();
  writeFileSync(join(dir, 'metrics-000003.jsonl'), '{}\n');
  expect(await loadJsonlState(dir)).toBeUndefined();
});

test('a state that is none is an error that says what to do', async () => {
  for (const text of [
    '',
    '{',
    '[]',
    '{"file":"../x","lengthBytes":1}',
    '{"file":"metrics-000001.jsonl","lengthBytes":-1}',
  ]) {
    const dir = newDir();
    writeFileSync(join(dir, 'forward-state.json'), text);
    await expect(loadJsonlState(dir), text).rejects.toThrow(/forward-state\.json .*remove it/);
    expect(readFileSync(join(dir, 'forward-state.json'), 'utf8')).toBe(text);
  }
});
