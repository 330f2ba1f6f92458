import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { cached } from './cache.ts';
import { run } from './run.ts';

async function emptyRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'ms-cache-'));
  onTestFinished(() => rm(root, { recursive: true }));
  return root;
}

const cacheModule = new URL('./cache.ts', import.meta.url).href;

/** Asks for an entry whose making is noted in the file `made`, and takes a while. */
const asking = (root: string) => `
  import { appendFile, readFile, writeFile } from 'node:fs/promises';
  const { cached } = await import(${JSON.stringify(cacheModule)});
  const dir = await cached({
    name: 'thing-1',
    root: '${root}',
    async make(dir) {
      await appendFile('${root}/made', 'x');
      await writeFile(dir + '/half', '1');
      await new Promise((resolve) => setTimeout(resolve, 200));
      await writeFile(dir + '/whole', '2');
    },
  });
  process.stdout.write(await readFile(dir + '/half', 'utf8') + await readFile(dir + '/whole', 'utf8'));
`;

it('processes that ask for one entry at once get the same, made once', async () => {
  const root = await emptyRoot();
  const ask = () => run(process.execPath, ['--input-type=module', '-e', asking(root)]);
  expect((await Promise.all([ask(), ask(), ask()])).map(String)).toEqual(['12', '12', '12']);
  expect(await readFile(join(root, 'made'), 'utf8')).toBe('x');
  expect((await readdir(root)).sort()).toEqual(['made', 'thing-1']);
});

it('an entry is made anew when the process that was making it has died', async () => {
  const root = await emptyRoot();
  const child = spawn(process.execPath, ['--input-type=module', '-e', asking(root)]);
  const made = () => readFile(join(root, 'made'), 'utf8').catch(() => '');
  await expect.poll(made, { interval: 5 }).toBe('x');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await readdir(root)).toContain('thing-1.lock');
  const dir = await cached({ name: 'thing-1', root, make: (dir) => writeFile(join(dir, 'whole'), 'mine') });
  expect(await readFile(join(dir, 'whole'), 'utf8')).toBe('mine');
  expect((await readdir(root)).sort()).toEqual(['made', 'thing-1']);
});

it('an entry whose making fails leaves nothing behind, and the error is the maker’s', async () => {
  const root = await emptyRoot();
  const make = async (dir: string) => {
    await writeFile(join(dir, 'half'), '1');
    throw new Error('the mirror is away');
  };
  await expect(cached({ name: 'thing-1', root, make })).rejects.toThrow('the mirror is away');
  expect(await readdir(root)).toEqual([]);
});

it('an entry is stamped with what it is made of, and a directory without a stamp is none', async () => {
  const root = await emptyRoot();
  await mkdir(join(root, 'thing-1'));
  const dir = await cached({ name: 'thing-1', root, make: async () => ['thing 1.0'] });
  const stamp = JSON.parse(await readFile(join(dir, 'stamp.json'), 'utf8')) as object;
  expect(stamp).toMatchObject({ name: 'thing-1', versions: ['thing 1.0'] });
});
