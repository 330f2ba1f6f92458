/**
 * Programs from the distribution's packages without installing them, and without root: apt keeps its state in a private
 * directory, the packages and those of their dependencies that the machine lacks are unpacked into the cache.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { onPath, run } from './run.ts';

const downloadMsMax = 300_000;

export interface DebianProgram {
  command: string;
  /** What it needs in its environment: where its libraries are. */
  env: Record<string, string>;
}

/** A program of the package: from PATH when it is there and `fits`, else from a private copy of the package. */
export async function debianProgram({ name, pkg, dir = 'usr/bin', fits }: ProgramSearch): Promise<DebianProgram> {
  const found = onPath(name);
  if (found !== undefined && (await fits?.(found)) !== false) return { command: found, env: {} };
  const root = await unpacked(pkg);
  const libraries = await libraryDirs(root);
  const inherited = process.env.LD_LIBRARY_PATH;
  const path = [...libraries, ...(inherited ? [inherited] : [])].join(':');
  return { command: join(root, dir, name), env: { LD_LIBRARY_PATH: path } };
}

export interface ProgramSearch {
  /** The file's name. */
  name: string;
  /** The package that holds it. */
  pkg: string;
  /** Where in the package; default: usr/bin. */
  dir?: 'usr/bin' | 'usr/sbin';
  /** Whether a program of this name found on PATH will do. */
  fits?: (command: string) => Promise<boolean>;
}

async function unpacked(pkg: string): Promise<string> {
  return cached({
    name: `debian-${await release()}-${process.arch}-${pkg}`,
    async make(dir) {
      const missing = ['apt-get', 'dpkg'].filter((tool) => onPath(tool) === undefined);
      if (missing.length > 0) {
        throw new Error(`a private copy of ${pkg} needs ${missing.join(', ')}: install ${pkg} so that it is on PATH`);
      }
      const work = join(dir, 'apt');
      const archives = join(work, 'cache/archives');
      await Promise.all(['state/lists/partial', 'cache/archives/partial'].map((sub) => makeDir(join(work, sub))));
      const apt = (...args: string[]) => run('apt-get', [...privateState(work), ...args], { timeoutMs: downloadMsMax });
      await apt('-qq', 'update');
      await apt('-qq', '--yes', '--no-install-recommends', '--download-only', 'install', pkg);
      const packages = (await readdir(archives)).filter((file) => file.endsWith('.deb'));
      for (const file of packages) await run('dpkg', ['-x', join(archives, file), dir]);
      await rm(work, { recursive: true });
      return packages;
    },
  });
}

function privateState(dir: string): string[] {
  const options = {
    'Dir::State': join(dir, 'state'),
    'Dir::Cache': join(dir, 'cache'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Debug::NoLocking': '1',
    // The root user's downloads would be handed to a user who cannot write here.
    'APT::Sandbox::User': '',
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function makeDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
}

/** "bookworm", "noble". */
async function release(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? process.platform;
}

async function libraryDirs(root: string): Promise<string[]> {
  const found = await Promise.all(
    ['usr/lib', 'lib'].map(async (lib) => {
      const names = await readdir(join(root, lib)).catch(() => []);
      return names.filter((name) => name.includes('-linux-')).map((name) => join(root, lib, name));
    }),
  );
  return found.flat();
}
