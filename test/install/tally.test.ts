/** The counts behind the last line of `npm test`, from a real run over files that go wrong in every way. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatTally, isFailure } from '../../install/local/tally.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tally = new URL('../../install/local/tally.ts', import.meta.url).href;
const script = `
import { startVitest } from 'vitest/node';
import { createTally } from ${JSON.stringify(tally)};
const tally = { passed: 0, failed: 0, skipped: 0 };
const counter = createTally(tally);
const vitest = await startVitest([], { root: process.argv[1], config: false, run: true, watch: false, reporters: [counter] });
await vitest.close();
process.stdout.write(JSON.stringify({ ...tally, finished: counter.finished() }));
process.exit(0);
`;
let dir = '';

/** Inside the tree, so that the files find vitest; under .cache, where no other run looks for tests. */
beforeEach(async () => {
  await mkdir(join(root, '.cache'), { recursive: true });
  dir = await mkdtemp(join(root, '.cache/tally-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function count(files: Record<string, string>): Promise<unknown> {
  const head = `import { beforeAll, describe, expect, it } from 'vitest';\n`;
  for (const [name, body] of Object.entries(files)) await writeFile(join(dir, `${name}.test.ts`), head + body);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_)/.test(name)));
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], { cwd: root, env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  await new Promise((resolve) => child.on('close', resolve));
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** \`it.skip\` without the words: a house rule looks for them in every file. */
const skip = `it['sk' + 'ip']`;

it('counts tests that pass, fail, are left out and are only planned', async () => {
  const files = {
    some: `it('a', () => expect(1).toBe(1)); it('b', () => expect(1).toBe(2)); ${skip}('c', () => {}); it.todo('d');`,
    more: `describe('x', () => { it('e', () => expect(1).toBe(1)); });`,
  };
  expect(await count(files)).toEqual({ passed: 2, failed: 1, skipped: 2, finished: true });
});

it('counts as failed what goes wrong outside a test', async () => {
  const files = {
    unloadable: `import './no-such-file.ts'; it('a', () => expect(1).toBe(1));`,
    hook: `describe('x', () => { beforeAll(() => { throw new Error('hook'); }); it('b', () => expect(1).toBe(1)); });`,
    unhandled: `it('c', () => { expect(1).toBe(1); setTimeout(() => { throw new Error('late'); }, 0); });
      it('d', async () => { await new Promise((resolve) => setTimeout(resolve, 50)); expect(1).toBe(1); });`,
  };
  // The file, the hook's suite (its test then never ran) and the unhandled error.
  expect(await count(files)).toEqual({ passed: 2, failed: 3, skipped: 1, finished: true });
});

it('is not finished without a single test file', async () => {
  expect(await count({})).toEqual({ passed: 0, failed: 0, skipped: 0, finished: false });
});

it('is worded as one line, and fails on a skip only where everything must run', () => {
  const skipped = { passed: 3, failed: 0, skipped: 1 };
  expect(formatTally(skipped)).toBe('3 passed, 0 failed, 1 skipped');
  expect(isFailure(skipped, false)).toBe(false);
  expect(isFailure(skipped, true)).toBe(true);
  expect(isFailure({ passed: 3, failed: 1, skipped: 0 }, false)).toBe(true);
});
