/**
 * Loaded into a program's threads by the test that starts it (`--import`): a file `<thread>.<how>` in the directory that
 * KILL_SWITCH_DIR names makes that thread die that way, once. The program knows nothing of it.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, threadName } from 'node:worker_threads';

const LOOK_EVERY_MS = 20;

const WAYS: Record<string, () => void> = {
  throw() {
    throw new Error('thrown by a test');
  },
  exit: () => process.exit(3),
  memory() {
    const kept: number[][] = [];
    for (;;) kept.push(new Array<number>(1_000_000).fill(0.5));
  },
};

const dir = process.env['KILL_SWITCH_DIR'];
if (dir !== undefined && !isMainThread) {
  setInterval(() => {
    for (const [how, die] of Object.entries(WAYS)) {
      const file = join(dir, `${threadName}.${how}`);
      if (!existsSync(file)) continue;
      rmSync(file);
      die();
    }
  }, LOOK_EVERY_MS).unref();
}
