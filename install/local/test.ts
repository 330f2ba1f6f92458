/**
 * What `npm test` runs under Node 26: format, lint and types, a line each, then every test. The last line is always
 * "N passed, N failed, N skipped"; the three checks count as one each. Under CI=true a skip is a failure too.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { parseCLI, startVitest } from 'vitest/node';
import { createTally, formatTally, isFailure, type Tally } from './tally.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const checks = [
  { title: 'format', command: ['biome', 'format', '.'] },
  { title: 'lint', command: ['oxlint', '--type-aware'] },
  { title: 'types', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
];

/** Runs an installed tool; resolves with whether it succeeded and all that it said. */
function runTool([tool = '', ...args]: string[]): Promise<{ ok: boolean; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(`${root}node_modules/.bin/${tool}`, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ ok: code === 0, said }));
  });
}

/** Format, lint and types; prints a line each, and what the tool said when it found something. */
async function runChecks(tally: Tally): Promise<void> {
  for (const { title, command } of checks) {
    const begunMs = performance.now();
    const { ok, said } = await runTool(command);
    const took = `${((performance.now() - begunMs) / 1000).toFixed(1)} s`;
    process.stdout.write(`  ${title.padEnd(14)}${(ok ? 'ok' : 'failed').padEnd(44)} ${took.padStart(8)}\n`);
    if (!ok) process.stdout.write(`${process.stdout.isTTY ? said : stripVTControlCharacters(said)}\n`);
    tally[ok ? 'passed' : 'failed'] += 1;
  }
}

/** Every test, or those that the arguments (vitest's own) choose. */
async function runTests(tally: Tally, args: string[]): Promise<void> {
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const counter = createTally(tally);
  const vitest = await startVitest(filter, { ...options, run: true, watch: false, reporters: ['default', counter] });
  await vitest.close();
  if (!counter.finished()) {
    process.stdout.write('the tests did not run to their end\n');
    tally.failed += 1;
  }
}

async function main(args: string[]): Promise<number> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  await runChecks(tally);
  try {
    await runTests(tally, args);
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    tally.failed += 1;
  }
  process.stdout.write(`${formatTally(tally)}\n`);
  return isFailure(tally, process.env.CI === 'true') ? 1 : 0;
}

// The set-up that started this is gone, without a signal: so is whoever wanted the result.
process.on('disconnect', () => process.exit(1));
// A test that left something open must not keep the run from ending; everything is closed or counted by now.
process.exit(await main(process.argv.slice(2)));
