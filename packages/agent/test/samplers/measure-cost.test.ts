/** What sampling costs: children are counted however they are started, and CPU time is found. */
import { type spawnSync, exec } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { countChildren, meanCost, measureCost, parseChildrenCpuMs } from '../../src/samplers/measure-cost.ts';

const NODE = process.execPath;

interface SyncFunctions {
  execFileSync(file: string, args: string[]): Buffer;
  execSync(command: string): Buffer;
  spawnSync: typeof spawnSync;
}

test('children are counted, asynchronous and synchronous, until the counter is taken out', async () => {
  const children = countChildren();
  const sync = createRequire(import.meta.url)('node:child_process') as SyncFunctions;
  await promisify(exec)(`"${NODE}" --version`);
  sync.execFileSync(NODE, ['--version']);
  sync.execSync(`"${NODE}" --version`);
  sync.spawnSync(NODE, ['--version']);
  expect(children.count()).toBe(4);
  children.stop();
  sync.spawnSync(NODE, ['--version']);
  expect(children.count()).toBe(4);
});

test('the CPU of this process and the number of children are measured over one run', async () => {
  const children = countChildren();
  const { result, cost } = await measureCost(children, async () => {
    const endMs = performance.now() + 30;
    while (performance.now() < endMs);
    await promisify(exec)(`"${NODE}" --version`);
    return 'done';
  });
  children.stop();
  expect(result).toBe('done');
  expect(cost.children).toBe(1);
  expect(cost.cpuMs).toBeGreaterThan(5);
  expect(cost.wallMs).toBeGreaterThanOrEqual(29);
});

test("children's time is read behind the command's last bracket", () => {
  const stat = '42 (a) b) S 1 2 3 0 -1 4194560 1 2 3 4 11 12 7 8 20 0 5 0';
  expect(parseChildrenCpuMs(stat)).toBe(150);
  expect(parseChildrenCpuMs('')).toBeUndefined();
});

test('the mean of costs knows no children time where one of them does not', () => {
  const cost = { wallMs: 2, cpuMs: 4, childrenCpuMs: 10, children: 1 };
  expect(meanCost([cost, { ...cost, wallMs: 4, childrenCpuMs: 20 }])).toEqual({
    ...cost,
    wallMs: 3,
    childrenCpuMs: 15,
  });
  expect(meanCost([cost, { ...cost, childrenCpuMs: undefined }]).childrenCpuMs).toBeUndefined();
});
