/** kill -9 of the collector while curl sends line after line: what curl was told 200 for is stored, and stored once. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, startCollector } from '../app.ts';
import { debianProgram } from '../services/debian.ts';
import { available } from '../services/index.ts';
import { stopWhenStored } from './sinks.ts';

const KILLS = 8;
const LOOPS = 3;
const LINES = 4;
const HOSTS = 2;

/** What a loop of curl sends: request `n` of loop `id`, each line with a value of its own, on hosts whose batches differ. */
function bodyOf(id: number, n: number): string {
  const line = (i: number) => {
    const value = (id * 1e6 + n) * LINES + i;
    return JSON.stringify({
      timestamp: new Date(1_764_000_000_000 + n).toISOString(),
      name: `kill.${i}`,
      value,
      host: `h${i % HOSTS}`,
    });
  };
  return Array.from({ length: LINES }, (_, i) => line(i)).join('\n');
}

/** curl's exit codes for an empty reply and for a connection that broke while it sent or received. */
const CUT_OFF = new Set<unknown>([52, 55, 56]);

/** @returns the status of one request by curl; `cut off`, or 000 when there was no other end. */
async function curl(command: string, env: NodeJS.ProcessEnv, url: string, body: string): Promise<string> {
  const args = [
    '-q',
    '-s',
    '-m',
    '5',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `${url}/v1/jsonl`,
    '--data-binary',
    body,
  ];
  return new Promise((resolve) => {
    execFile(command, args, { env }, (error, stdout) => resolve(CUT_OFF.has(error?.code) ? 'cut off' : stdout));
  });
}

/** How often each value is in the files. */
function valuesIn(dir: string): Map<number, number> {
  const found = new Map<number, number>();
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.jsonl'))) {
    for (const line of readFileSync(join(dir, name), 'utf8').split('\n').filter(Boolean)) {
      const { value } = JSON.parse(line) as { value: number };
      found.set(value, (found.get(value) ?? 0) + 1);
    }
  }
  return found;
}

describe.runIf(await available('curl'))('curl', () => {
  test(`through ${KILLS} kills: each answered line is stored once, none is stored twice`, {
    timeout: 120_000,
  }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ms-jsonl-kill-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const { command, env } = await debianProgram({ name: 'curl', pkg: 'curl' });
    const config = { workers: 2, limits: { per_client: { requests: 'unlimited' } } };
    const random = seeded(65);
    let collector: CollectorApp = await startCollector({ dir, config });
    const answered = new Set<number>();
    const statuses = new Map<string, number>();
    const ending = new AbortController();

    /** A request without an answer is not sent again: its lines may be there or not. */
    async function loop(id: number): Promise<void> {
      for (let n = 0; !ending.signal.aborted; n++) {
        const status = await curl(command, { ...process.env, ...env }, collector.url, bodyOf(id, n));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === '200') for (let i = 0; i < LINES; i++) answered.add((id * 1e6 + n) * LINES + i);
      }
    }

    const loops = Array.from({ length: LOOPS }, (_, id) => loop(id + 1));
    for (let kill = 0; kill < KILLS; kill++) {
      const before = answered.size;
      await expect.poll(() => answered.size, { timeout: 20_000, interval: 10 }).toBeGreaterThan(before + 40);
      await delay(random.int(50));
      await collector.kill9();
      collector = await startCollector({ dir, config });
    }
    ending.abort();
    await Promise.all(loops);
    expect(await stopWhenStored(collector), collector.lastWords()).toMatchObject({ code: 0 });
    const stored = valuesIn(join(dir, 'points'));
    const told = `seed ${random.seed}, answers ${JSON.stringify([...statuses])}`;
    expect(
      [...answered].filter((value) => !stored.has(value)),
      `lost; ${told}`,
    ).toEqual([]);
    expect(
      [...stored].filter(([, times]) => times > 1),
      `twice; ${told}`,
    ).toEqual([]);
    expect(statuses.get('cut off') ?? 0, `the kills must have hit requests; ${told}`).toBeGreaterThan(0);
  });
});
