/**
 * The same corpus against the collector as a process, plain and over TLS: on its health path, on a path that it has not,
 * and where batches go. No case is a batch, so every one that is well formed is answered at its head: 200, 404, 405 or
 * 415. What is made of bodies that are read is http1.test.ts's business.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCollector } from '../app.ts';
import type { CollectorApp } from '../app.ts';
import { certificateFiles } from '../services/certificates.ts';
import { loadCorpus } from './corpus.ts';
import { REFUSED_AT_HEAD } from './differences.ts';
import { describeRun, runAll } from './run.ts';
import type { Run } from './run.ts';
import { TRANSPORTS } from './server.ts';
import type { Transport } from './server.ts';

const PATHS = ['/no/such/path', '/healthz', '/v1/batches'];

const corpus = loadCorpus();
const runs: Run[] = PATHS.flatMap((path) =>
  TRANSPORTS.map((transport) => {
    const shots = corpus.map((entry) => ({ entry }));
    return { way: REFUSED_AT_HEAD, path, transport, cutting: 'as it is', shots };
  }),
);

let dir: string;
let collectors: Record<Transport, CollectorApp>;
const results = new Map<Run, string[]>();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ms-conformance-'));
  const { certFile, keyFile } = certificateFiles('server');
  const config = { workers: 1, limits: { head_timeout: '4s', body_timeout: '4s', idle_timeout: '4s' } };
  const [plain, tls] = await Promise.all([
    startCollector({ dir: join(dir, 'plain'), config }),
    startCollector({ dir: join(dir, 'tls'), config: { ...config, tls: { cert_file: certFile, key_file: keyFile } } }),
  ]);
  collectors = { plain, tls };
  const portFor = (_: unknown, transport: Transport): number => Number(new URL(collectors[transport].url).port);
  const runOver = async (run: Run): Promise<void> => {
    results.set(run, await runAll(run, { portFor }));
  };
  await Promise.all(runs.map(runOver));
}, 90_000);

afterAll(async () => {
  await Promise.all([collectors.plain.stop(), collectors.tls.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

test.each(runs.map((run) => [`${run.path}: ${describeRun(run)}`, run] as const))(
  'every case gets its verdict: %s',
  (_, run) => {
    expect(results.get(run)).toEqual([]);
  },
);

test('both collectors are still up and ready', async () => {
  const { port } = new URL(collectors.plain.url);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  expect((await fetch(`${collectors.tls.admin}/readyz`)).status).toBe(200);
});
