/**
 * The whole HTTP/1.1 corpus against the collector's listener: once for every way a handler deals with a request, plain
 * and over TLS, as it is and one byte at a time; and the shortest cases in every cut into two pieces.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialPlain, runCase } from './client.ts';
import { loadCorpus, shortestCases } from './corpus.ts';
import type { Case } from './corpus.ts';
import { DECISIONS, DIFFERENCES, REFUSED_AT_HEAD } from './differences.ts';
import { describeRun, everyCut, runAll } from './run.ts';
import type { Run } from './run.ts';
import { TRANSPORTS, startServers } from './server.ts';
import type { Servers } from './server.ts';

/** How the handler of server.ts deals with each path: the ways a request can be answered. */
const WAYS: Record<string, string> = {
  [REFUSED_AT_HEAD]: '/no/such/head',
  'unknown path, answered after the body': '/no/such/body',
  'health path': '/healthz',
  'ingest path': '/v1/batches',
  'ingest path, answered later': '/v1/later',
};
/** The paths on which the bytes are cut, too: one of each kind. */
const CUT = new Set(['/no/such/head', '/healthz', '/v1/batches']);
const SHORTEST = 40;
const RUNS_AT_ONCE = 6;

const corpus = loadCorpus();

const shortest = shortestCases(corpus, SHORTEST);
const runs: Run[] = [];
for (const [way, path] of Object.entries(WAYS)) {
  for (const transport of TRANSPORTS) {
    const run = { way, path, transport };
    runs.push({ ...run, cutting: 'as it is', shots: corpus.map((entry) => ({ entry })) });
    if (!CUT.has(path)) continue;
    runs.push({ ...run, cutting: 'byte by byte', shots: corpus.map((entry) => ({ entry, bytesPerWrite: 1 })) });
    runs.push({ ...run, cutting: `${SHORTEST} shortest, every cut in two`, shots: everyCut(shortest, path) });
  }
}

let servers: Servers;
const results = new Map<Run, string[]>();

beforeAll(async () => {
  servers = await startServers();
  // Much of the time is spent waiting for timeouts: several runs wait together.
  const queue = [...runs];
  const next = async (): Promise<void> => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) results.set(run, await runAll(run, servers));
  };
  await Promise.all(Array.from({ length: RUNS_AT_ONCE }, next));
}, 240_000);

afterAll(() => servers.stop());

test.each(runs.map((run) => [describeRun(run), run] as const))('every case gets its verdict: %s', (_, run) => {
  expect(results.get(run)).toEqual([]);
});

test('every difference listed is a case of the corpus', () => {
  const known = new Set(corpus.map((entry) => entry.id));
  expect(DIFFERENCES.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
});

test.each(DECISIONS)('decided: $what', async ({ what, send, statuses }) => {
  const parts = [{ b64: Buffer.from(send, 'latin1').toString('base64') }];
  const entry = {
    id: what,
    cat: 'decision',
    level: 'policy',
    desc: what,
    send: parts,
    expect: { v: 'accept', n: statuses.length, close: true },
  } satisfies Case;
  const seen = await runCase({ entry, path: '', dial: () => dialPlain(servers.portFor(entry, 'plain')) });
  expect(seen.final.map(({ status }) => status)).toEqual(statuses);
  expect(seen.closed).toBe(true);
});

test('no hidden request ever reached the handler, and the handler never failed', () => {
  expect(servers.paths.filter((path) => path.includes('smuggled'))).toEqual([]);
  expect(servers.paths.length).toBeGreaterThan((corpus.length * 2 * runs.length) / 3 / 2);
  expect(servers.failures).toEqual([]);
});

test('every connection and exchange of the run is gone or idle', async () => {
  expect(await servers.stop()).toEqual({ openConnections: 0, openExchanges: 0, forced: 0 });
});
