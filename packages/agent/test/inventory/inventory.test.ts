/** The inventory's life: found out beside the sweeps, given once, tried again after failures, never in the way. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { INVENTORY_INTERVAL_MS, INVENTORY_RETRY_MS, createInventory } from '../../src/inventory/inventory.ts';
import { type ChildCommand, defaultChildCommand, runChild } from '../../src/inventory/run-child.ts';
import type { Reading, Sampler } from '../../src/samplers/sampler.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'inventory-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** This Node running a line of script in place of the real child. */
function script(source: string): ChildCommand {
  return { command: process.execPath, args: ['-e', source] };
}

/** Samples until the child has ended, one way or the other. */
async function untilAnswered(inventory: Sampler): Promise<{ readings: Reading[]; faults: string[] }> {
  for (;;) {
    const faults: string[] = [];
    const readings = await inventory.sample(new AbortController().signal, (why) => faults.push(why));
    if (readings.length > 0 || faults.length > 0) return { readings, faults };
    await pause();
  }
}

/** Child processes cannot be awaited from outside: they are looked for every few milliseconds. */
async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

async function sampleOnce(inventory: Sampler): Promise<Reading[]> {
  return inventory.sample(new AbortController().signal, () => undefined);
}

const never = new AbortController().signal;

test('the first sweeps wait for nothing; one later sweep has the point; the next a day later', async () => {
  const clock = fakeClock();
  const child = script(`process.stdout.write(JSON.stringify({ arch: 'x64', cores: 2 }))`);
  const inventory = createInventory({ child, clock });
  expect(await sampleOnce(inventory)).toEqual([]);
  const { readings } = await untilAnswered(inventory);
  expect(readings).toMatchObject([
    {
      value: 1,
      series: {
        name: 'host.info',
        labels: [
          ['arch', 'x64'],
          ['cpu_cores', '2'],
        ],
      },
    },
  ]);
  await clock.advance(INVENTORY_INTERVAL_MS - 1);
  for (let sweep = 0; sweep < 5; sweep++) expect(await sampleOnce(inventory)).toEqual([]);
  await clock.advance(1);
  expect((await untilAnswered(inventory)).readings).toHaveLength(1);
  inventory.close?.();
});

test('a failure is said once and tried again after a while that doubles', async () => {
  const clock = fakeClock();
  const runs = join(dir, 'runs');
  const child = script(`require('node:fs').appendFileSync(${JSON.stringify(runs)}, 'x'); process.exit(3)`);
  const inventory = createInventory({ child, clock });
  const count = async (): Promise<number> => (await readFile(runs, 'utf8')).length;
  expect((await untilAnswered(inventory)).faults).toEqual(["the inventory's child process ended with 3"]);
  expect(await count()).toBe(1);
  await clock.advance(INVENTORY_RETRY_MS);
  expect((await untilAnswered(inventory)).faults).toHaveLength(1);
  expect(await count()).toBe(2);
  await clock.advance(2 * INVENTORY_RETRY_MS - 1);
  await sampleOnce(inventory);
  expect(await count()).toBe(2);
  await clock.advance(1);
  expect((await untilAnswered(inventory)).faults).toHaveLength(1);
  expect(await count()).toBe(3);
  inventory.close?.();
});

test('an answer that is no JSON, or says nothing, is a failure like any other', async () => {
  const answers = ['', 'null', '{}', '[1', '"text"'];
  const seen = answers.map(async (answer) => {
    const child = script(`process.stdout.write(${JSON.stringify(answer)})`);
    const { readings, faults } = await untilAnswered(createInventory({ child, clock: fakeClock() }));
    return [answer, readings, faults.length];
  });
  expect(await Promise.all(seen)).toEqual(answers.map((answer) => [answer, [], 1]));
});

test('a child that hangs is killed together with what it started', async () => {
  const pidFile = join(dir, 'pid');
  // The child starts a program, as the library does, and then hangs with it.
  const program = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000)`;
  const child = script(
    `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(program)}]); setInterval(() => {}, 1000)`,
  );
  const stop = new AbortController();
  const run = runChild(child, 60_000, stop.signal);
  run.catch(() => undefined);
  while (readIfThere(pidFile) === '') await pause();
  const pid = Number(readIfThere(pidFile));
  expect(isAlive(pid)).toBe(true);
  stop.abort();
  await expect(run).rejects.toThrow('was stopped with the agent');
  while (isAlive(pid)) await pause();
});

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A zombie that nobody waits for, as under some containers' first process, is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !readIfThere(`/proc/${pid}/stat`).includes(') Z ');
}

test('too slow, too much and not there are each told apart', async () => {
  await expect(runChild(script('setInterval(() => {}, 1000)'), 50, never)).rejects.toThrow('took longer than 50 ms');
  const loud = script(`process.stdout.write('x'.repeat(1e6)); setInterval(() => {}, 1000)`);
  await expect(runChild(loud, 30_000, never)).rejects.toThrow('said more than');
  const missing = { command: join(dir, 'no-such-program'), args: [] };
  await expect(runChild(missing, 30_000, never)).rejects.toThrow('cannot start its child process');
});

test("the child has nothing of the agent's environment but where programs are", async () => {
  process.env.MS_TOKEN = 'secret';
  try {
    const seen = await runChild(script('process.stdout.write(JSON.stringify(process.env))'), 30_000, never);
    expect(seen).not.toContain('secret');
    expect(
      Object.keys(JSON.parse(seen) as object).filter((name) => !['PATH', 'LC_ALL', 'SystemRoot'].includes(name)),
    ).toEqual([]);
  } finally {
    delete process.env.MS_TOKEN;
  }
});

test('the real child tells what this host is', async () => {
  const facts = JSON.parse(await runChild(defaultChildCommand(), 30_000, never)) as Record<string, unknown>;
  expect(facts).toMatchObject({ platform: process.platform, arch: process.arch });
  expect(facts.memoryBytes).toBeGreaterThan(2 ** 20);
}, 40_000);

test('closing stops the child, and no other is started', async () => {
  const inventory = createInventory({ child: script('setInterval(() => {}, 1000)'), clock: fakeClock() });
  await sampleOnce(inventory);
  inventory.close?.();
  const { faults } = await untilAnswered(inventory);
  expect(faults).toEqual(["the inventory's child process was stopped with the agent"]);
  expect(await sampleOnce(inventory)).toEqual([]);
});
