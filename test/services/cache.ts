/**
 * What the services download or compile, kept under .cache/services for later runs. An entry is made in a directory of
 * its own and renamed into place when it is finished, so that a reader sees all of it or nothing. A lock keeps others
 * from doing the same work at once; if ever two do it all the same, the first rename wins and both get its entry.
 */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const lockPollMs = 50;
/** A lock older than this has been left behind, whoever has its owner's process id now. */
const lockAgeMsMax = 15 * 60_000;

/** Where entries are kept; MS_TEST_CACHE puts it elsewhere. */
export const cacheDir = process.env.MS_TEST_CACHE ?? fileURLToPath(new URL('../../.cache/services', import.meta.url));

export interface CacheEntry {
  /** Its directory's name: what it is and which version. */
  name: string;
  /** Entries with the same lock are made one after the other. Its own name by default. */
  lock?: string;
  /** Fills the empty directory `dir`; gives what to note in its stamp (versions, mostly). */
  make(dir: string): Promise<unknown>;
  /** Another cache directory than the usual one. */
  root?: string;
}

/** The directory of an entry, made now if it is not there yet. Rejects with the maker's error, leaving nothing behind. */
export async function cached({ name, lock = name, make, root = cacheDir }: CacheEntry): Promise<string> {
  const dir = join(root, name);
  if (await isFinished(dir)) return dir;
  await mkdir(root, { recursive: true });
  const unlock = await takeLock(join(root, `${lock}.lock`), root);
  try {
    if (!(await isFinished(dir))) await fill({ name, dir, make, root });
    return dir;
  } finally {
    await unlock();
  }
}

async function fill({ name, dir, make, root }: Required<Omit<CacheEntry, 'lock'>> & { dir: string }): Promise<void> {
  // Of who died while it held the lock that is ours now.
  const left = (await readdir(root)).filter((entry) => entry.startsWith(`${name}.draft-`));
  await Promise.all(left.map((entry) => rm(join(root, entry), { recursive: true, force: true })));
  const draft = await mkdtemp(join(root, `${name}.draft-`));
  try {
    const versions = await make(draft);
    await writeFile(join(draft, 'stamp.json'), JSON.stringify({ name, madeAt: new Date().toISOString(), versions }));
    await rename(draft, dir).catch(async (error) => {
      if (!(await isFinished(dir))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function isFinished(dir: string): Promise<boolean> {
  return stat(join(dir, 'stamp.json')).then(
    () => true,
    () => false,
  );
}

/** A directory holding its owner's process id, renamed into place with it, so that it never is without. */
async function takeLock(lock: string, root: string): Promise<() => Promise<void>> {
  const own = await mkdtemp(join(root, 'lock-'));
  await writeFile(join(own, 'pid'), String(process.pid));
  for (;;) {
    const taken = await rename(own, lock).then(
      () => true,
      () => false,
    );
    if (taken) return () => rm(lock, { recursive: true, force: true });
    if (await isLeftBehind(lock)) await rm(lock, { recursive: true, force: true });
    else await delay(lockPollMs);
  }
}

async function isLeftBehind(lock: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(lock);
    if (Date.now() - mtimeMs > lockAgeMsMax) return true;
    return !isAlive(Number(await readFile(join(lock, 'pid'), 'utf8')));
  } catch {
    // Gone between two looks, or half removed by its owner: the next rename tells.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
