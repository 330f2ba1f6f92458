/**
 * The files of the repository as the house rules see them: everything that is not ignored. Walks the directories
 * itself, so that the rules also hold in an unpacked archive without git.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface RepoFile {
  /** From the repository's root, with forward slashes. */
  path: string;
  text: string;
}

/** The plain names (`data/`) and endings (`*.log`) of .gitignore, which are all that ours uses. */
function ignored(): (name: string) => boolean {
  const lines = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean);
  const names = new Set([
    '.git',
    ...lines.filter((line) => !line.startsWith('*')).map((line) => line.replace('/', '')),
  ]);
  const endings = lines.filter((line) => line.startsWith('*')).map((line) => line.slice(1));
  return (name) => names.has(name) || endings.some((ending) => name.endsWith(ending));
}

function walk(dir: string, skip: (name: string) => boolean): string[] {
  return readdirSync(join(root, dir), { withFileTypes: true })
    .filter((entry) => !skip(entry.name))
    .flatMap((entry) => {
      const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
      if (entry.isDirectory()) return walk(path, skip);
      // Links among the recorded files of a host may lead nowhere.
      return entry.isFile() ? [path] : [];
    });
}

/** Every path of the repository, sorted. */
export const paths: readonly string[] = walk('', ignored()).sort();

/** The text of one file. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The files whose path fits, with their text. */
export function files(fits: RegExp): RepoFile[] {
  return paths.filter((path) => fits.test(path)).map((path) => ({ path, text: read(path) }));
}

/** Code that people write: TypeScript and the bootstrap's JavaScript, without what is generated. */
export function sources(): RepoFile[] {
  return files(/\.(ts|mjs)$/).filter(({ path }) => !path.includes('/gen/'));
}

/** Applies a rule to files; gives "path: what is wrong" for each finding. */
export function findings(list: RepoFile[], rule: (file: RepoFile) => string[]): string[] {
  return list.flatMap((file) => rule(file).map((what) => `${file.path}: ${what}`));
}
