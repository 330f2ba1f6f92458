/**
 * The way in on a bare machine: `npm start` and `npm test` with nothing but Node 20 and npm. Brings pnpm, the
 * dependencies and Node 26, a line per step, then hands over to the real program under Node 26 and passes its exit
 * code on. Plain JavaScript, no dependencies: nothing is installed yet when it runs.
 */
import { fileURLToPath } from 'node:url';
import { handOver } from './child.mjs';
import { installDependencies, dependenciesStale } from './dependencies.mjs';
import { checkNode, findNode26, programEnv } from './node.mjs';
import { findPnpm } from './pnpm.mjs';
import { StepFailed, step } from './step.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const programs = { start: 'install/local/start.ts', test: 'install/local/test.ts' };

/** Installs what is missing; returns the path of a Node that can run the product. */
async function prepare() {
  await step('node', () => checkNode(process.versions.node));
  const stale = dependenciesStale(root);
  if (stale) {
    let pnpm = [];
    await step('pnpm', async () => {
      pnpm = await findPnpm(root);
      return pnpm.length === 1 ? 'on PATH' : 'through npx';
    });
    await step('dependencies', (progress) => installDependencies(root, pnpm, progress));
  } else {
    await step('dependencies', () => 'in place');
  }
  let node = '';
  await step('node 26', async () => {
    const found = await findNode26(root);
    node = found.path;
    return `${found.version}, ${found.origin}`;
  });
  return node;
}

/** Returns the exit code: 2 for a wrong call, 1 for a failed step, else what the program returned. */
async function main([command = '', ...args]) {
  const program = Object.hasOwn(programs, command) ? programs[command] : undefined;
  if (program === undefined) {
    process.stderr.write(`bootstrap: expected one of ${Object.keys(programs).join(', ')}, got "${command}"\n`);
    return 2;
  }
  try {
    const node = await prepare();
    return await handOver(node, [program, ...args], { cwd: root, env: programEnv(root, node) });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
