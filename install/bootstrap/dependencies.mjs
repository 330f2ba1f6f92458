/**
 * The dependencies in node_modules. A stamp there names the lock file they were installed from; while it fits, nothing
 * is run and no network is wanted.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runQuiet } from './child.mjs';
import { packagedNode } from './node.mjs';

const stampPath = (root) => join(root, 'node_modules/.metricstream-stamp');

/** What the stamp must say: the lock file's hash, and the platform, since some packages are built for one. */
export function stampOf(lockfile, platform = process.platform, arch = process.arch) {
  return `${createHash('sha256').update(lockfile).digest('hex')} ${platform}-${arch}\n`;
}

/** True when the dependencies are missing or were installed from another lock file. */
export function dependenciesStale(root) {
  const expected = stampOf(readFileSync(join(root, 'pnpm-lock.yaml')));
  if (!existsSync(stampPath(root)) || readFileSync(stampPath(root), 'utf8') !== expected) return true;
  const node = packagedNode(root);
  return node !== undefined && !existsSync(node);
}

/**
 * Installs exactly what the lock file says. CI=true keeps pnpm from asking questions nobody can answer, and an
 * inherited NODE_ENV=production would leave the tools out.
 */
export async function installDependencies(root, pnpm, progress) {
  const env = { ...process.env, CI: 'true' };
  delete env.NODE_ENV;
  const [command, ...words] = pnpm;
  await runQuiet(command, [...words, 'install', '--frozen-lockfile'], { cwd: root, env, onLine: progress });
  writeFileSync(stampPath(root), stampOf(readFileSync(join(root, 'pnpm-lock.yaml'))));
  return 'installed';
}
