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
import type { Case } from './corpus.ts';
import { REFUSED_AT_HEAD } from './differences.ts';
import { describeRun, runAll } from './run.ts';
import type { Run } from './run.ts';
import { TRANSPORTS, isAboutTime } from './server.ts';
import type { Transport } from './server.ts';

const PATHS = ['/no/such/path', '/healthz', '/v1/batches'];

const corpus = loadCorpus();
const runs: Run[] = PATHS.flatMap((path) =>
  TRANSPORTS.map((transport) => {
    const shots = corpus.map((entry) => ({ entry }));
    return { way: REFUSED_AT_HEAD, path, transport, cutting: 'as it is', shots };
  }),
);

type Both = Record<Transport, CollectorApp>;

let dir: string;
let patient: Both;
let hasty: Both;
const results = new Map<Run, string[]>();

/** Two collectors, plain and over TLS, that give a client so long for anything. */
async function startBoth(name: string, timeout: string): Promise<Both> {
  const { certFile, keyFile } = certificateFiles('server');
  const config = { workers: 1, limits: { head_timeout: timeout, body_timeout: timeout, idle_timeout: timeout } };
  const [plain, tls] = await Promise.all([
    startCollector({ dir: join(dir, `${name}-plain`), config }),
    startCollector({
      dir: join(dir, `${name}-tls`),
      config: { ...config, tls: { cert_file: certFile, key_file: keyFile } },
    }),
  ]);
  return { plain, tls };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ms-conformance-'));
  [patient, hasty] = await Promise.all([startBoth('patient', '60s'), startBoth('hasty', '2s')]);
  const portFor = (entry: Case, transport: Transport): number =>
    Number(new URL((isAboutTime(entry) ? hasty : patient)[transport].url).port);
  await Promise.all(runs.map(async (run) => void results.set(run, await runAll(run, { portFor }))));
}, 90_000);

afterAll(async () => {
  await Promise.all([patient, hasty].flatMap(({ plain, tls }) => [plain.stop(), tls.stop()]));
  rmSync(dir, { recursive: true, force: true });
});

test.each(runs.map((run) => [`${run.path}: ${describeRun(run)}`, run] as const))(
  'every case gets its verdict: %s',
  (_, run) => {
    expect(results.get(run)).toEqual([]);
  },
);

test('all collectors are still up and ready', async () => {
  for (const { plain, tls } of [patient, hasty]) {
    expect((await fetch(`${plain.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${tls.admin}/readyz`)).status).toBe(200);
  }
});
