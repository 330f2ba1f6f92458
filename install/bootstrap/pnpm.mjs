/** Finds the package manager, in the one version that package.json names; npx fetches it where it is not installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runQuiet } from './child.mjs';
import { StepFailed } from './step.mjs';

/** The version in package.json's "packageManager": "pnpm@12.21.0" gives "12.21.0". */
export function pinnedPnpm(packageJson) {
  const version = /^pnpm@(\d+\.\d+\.\d+)$/.exec(JSON.parse(packageJson).packageManager ?? '')?.[1];
  if (version === undefined) throw new StepFailed('package.json: "packageManager" must name one version, pnpm@X.Y.Z');
  return version;
}

/** Resolves with the words that start pnpm: ["pnpm"], or npx with the pinned version. */
export async function findPnpm(root) {
  const version = pinnedPnpm(readFileSync(join(root, 'package.json'), 'utf8'));
  const onPath = await runQuiet('pnpm', ['--version'], { cwd: root }).catch(() => '');
  if (onPath === version) return ['pnpm'];
  const command = ['npx', '-y', `pnpm@${version}`];
  await runQuiet(command[0], [...command.slice(1), '--version'], { cwd: root });
  return command;
}
