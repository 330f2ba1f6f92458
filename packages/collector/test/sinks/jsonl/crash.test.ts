/**
 * Exactly the committed points, once each and in order, whatever happens in between: a seeded model of crashes, old
 * cursors, failing disks and interrupted compressions; a real process killed at random moments; a really full disk.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJsonlSink } from '../../../src/sinks/jsonl/jsonl-sink.ts';
import { faultyOpen, noFaults } from './faulty-file.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { deliveryOf, never, recordOf, valuesIn } from './helpers.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'jsonl-crash-'));
  dir = join(root, 'jsonl');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/**
 * Twelve lives of a sink: some deliveries each, then an end of some kind.
 * @returns the values that the files held at the last opening, how many were committed, and the fault counters.
 */
async function runModel(seed: number) {
  const random = mulberry32(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const faults = noFaults();
  /** Every commit so far: the state, and how many values it covers. */
  let commits: { state: unknown; values: number }[] = [{ state: undefined, values: 0 }];
  const latest = () => commits.at(-1) as { state: unknown; values: number };

  for (let life = 0; life < 12; life++) {
    const options = { dir, rotateBytes: 2500, keepMs: 1e9, clientsMax: 4, open: faultyOpen(faults) };
    const sink = await createJsonlSink({ ...options, state: latest().state });
    expect(valuesIn(dir), `seed ${seed}, life ${life}`).toEqual(upTo(latest().values));
    for (let write = below(8); write > 0; write--) {
      let next = latest().values;
      const records = Array.from({ length: 1 + below(3) }, (_, at) => {
        const values = Array.from({ length: 1 + below(6) }, () => next++);
        return recordOf(at + 1, values);
      });
      if (random() < 0.15) faults.freeBytes = below(1500);
      if (random() < 0.1) faults.syncsFailing = 1 + below(2);
      let outcome = await sink.write(deliveryOf(...records), never);
      for (let again = 0; outcome.kind !== 'stored' && again < 5; again++) {
        faults.freeBytes = Number.POSITIVE_INFINITY;
        outcome = await sink.write(deliveryOf(...records), never);
      }
      if (outcome.kind !== 'stored') throw new Error(`seed ${seed}: ${JSON.stringify(outcome)}`);
      // Stored and never committed: the process dies between the two.
      if (random() < 0.15) break;
      commits.push({ state: outcome.state, values: next });
    }
    if (random() < 0.5) await sink.idle();
    await sink.close();
    faults.freeBytes = Number.POSITIVE_INFINITY;
    faults.syncsFailing = 0;
    if (commits.length > 1) leaveTraces(below, latest().state as { file: string });
    // A power cut may bring the cursor of some commits ago back.
    if (random() < 0.2) commits = commits.slice(0, Math.max(2, commits.length - below(6)));
  }
  const sink = await createJsonlSink({ dir, rotateBytes: 2500, keepMs: 1e9, clientsMax: 4, state: latest().state });
  await sink.close();
  return { values: valuesIn(dir), committed: latest().values, writesAfterFailure: faults.writesAfterFailure };
}

/** What a dying process may leave: torn lines, a half or a whole compression whose original is still there. */
function leaveTraces(below: (bound: number) => number, { file }: { file: string }): void {
  const names = readdirSync(dir).filter((name) => /^metrics-\d+\.jsonl$/.test(name));
  if (below(3) === 0 && names.includes(file)) appendFileSync(join(dir, file), '{"timestamp":"20');
  const older = names.filter((name) => name < file).sort()[0];
  if (older === undefined) return;
  const compressed = zstdCompressSync(readFileSync(join(dir, older)));
  if (below(2) === 0) writeFileSync(join(dir, `${older}.zst.tmp`), compressed.subarray(0, compressed.length >> 1));
  if (below(2) === 0) writeFileSync(join(dir, `${older}.zst`), compressed);
}

describe('in a model of everything that can go wrong', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('the files hold the committed points (seed %i)', async (seed) => {
    const { values, committed, writesAfterFailure } = await runModel(seed);
    expect(committed).toBeGreaterThan(0);
    expect(values, `seed ${seed}`).toEqual(upTo(committed));
    expect(writesAfterFailure).toBe(0);
  });
});

const child = (name: string): string => join(import.meta.dirname, name);

describe('a process killed with SIGKILL', () => {
  it('ten times at random moments loses and doubles nothing', async () => {
    const seed = 99;
    const random = mulberry32(seed);
    const cursorPath = join(root, 'cursor.json');
    const committed = () => JSON.parse(readFileSync(cursorPath, 'utf8')) as { next: number; state: unknown };
    let before = 0;
    for (let kill = 0; kill < 10; kill++) {
      const running = spawn(process.execPath, [child('crash-child.ts'), root], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const died = once(running, 'exit');
      const died1st = died.then(([code]) => Promise.reject(new Error(`it ended by itself with ${String(code)}`)));
      await Promise.race([once(running.stdout, 'data'), died1st]);
      died1st.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, random() * 30));
      running.kill('SIGKILL');
      expect((await died)[1]).toBe('SIGKILL');
      const { next, state } = committed();
      expect(next).toBeGreaterThan(before);
      before = next;
      const sink = await createJsonlSink({ dir, rotateBytes: 40_000, keepMs: 1e9, clientsMax: 4, state });
      await sink.close();
      const values = valuesIn(dir);
      expect(values.length, `seed ${seed}, kill ${kill}`).toBe(next);
      expect(values.every((value, at) => value === at)).toBe(true);
    }
  });
});

interface FullDisk {
  stored: number;
  whys: string[];
  torn: number;
  fillerBytes: number;
  storedAfterRoom: string;
  values: number;
  expected: number;
}

/** A disk of 1 MB in a mount namespace of its own; where that is not allowed, a limit on the size of files. */
function runOnFullDisk(): { limited: string; seen: FullDisk } {
  const disk = join(root, 'disk');
  mkdirSync(disk);
  const mount = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" "$1" disk';
  const inNamespace = ['-rm', 'sh', '-c', mount, 'sh', disk, process.execPath, child('full-disk-child.ts')];
  const first = spawnSync('unshare', inNamespace, { encoding: 'utf8' });
  if (first.status === 0) return { limited: 'disk', seen: JSON.parse(first.stdout) as FullDisk };
  const command = [`--fsize=${1024 * 1024}`, process.execPath, child('full-disk-child.ts'), disk, 'file'];
  const second = spawnSync('prlimit', command, { encoding: 'utf8' });
  if (second.status === 0) return { limited: 'file', seen: JSON.parse(second.stdout) as FullDisk };
  throw new Error(`neither a small disk nor a file size limit: ${first.stderr} ${second.stderr}`);
}

describe('a disk that is really full', () => {
  it('tears no line, doubles none, and takes the rest once there is room', () => {
    const { limited, seen } = runOnFullDisk();
    expect(seen.stored).toBeGreaterThan(2);
    expect(seen.torn).toBe(0);
    expect(seen.values).toBe(seen.expected);
    const refused: unknown = expect.stringMatching(limited === 'disk' ? /^retry .*ENOSPC/ : /^retry .*EFBIG/);
    expect(seen.whys).toEqual(limited === 'disk' ? [refused, refused, refused] : [refused]);
    expect(seen.storedAfterRoom).toBe(limited === 'disk' ? 'stored' : '');
  });
});
