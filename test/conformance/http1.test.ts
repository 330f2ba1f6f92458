/** The whole HTTP/1.1 corpus against the collector's listener, once for every way a handler deals with a request. */
import { empty, plain } from '@metricstream/collector/http/responses.ts';
import { listen } from '@metricstream/collector/http/listener.ts';
import type { Listener } from '@metricstream/collector/http/listener.ts';
import type { Exchange, Handler, HttpLimits } from '@metricstream/collector/http/types.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCase } from './client.ts';
import { loadCorpus } from './corpus.ts';
import { DIFFERENCES, REFUSED_AT_HEAD } from './differences.ts';
import { judge } from './verdict.ts';

/** Cases under way at once, in each way of running them. */
const CONCURRENCY = 24;

/** How the handler below deals with each path: the ways a request can be answered. */
const WAYS: Record<string, string> = {
  [REFUSED_AT_HEAD]: '/no/such/head',
  'unknown path, answered after the body': '/no/such/body',
  'health path': '/healthz',
  'ingest path': '/v1/batches',
  'ingest path, answered later': '/v1/later',
};

const LIMITS: HttpLimits = {
  connectionsMax: 1000,
  headBytesMax: 16 * 1024,
  headersMax: 100,
  targetBytesMax: 8000,
  bodyBytesMax: 1024 * 1024,
  bufferedBytesMax: 64 * 1024 * 1024,
  requestsPerConnectionMax: Number.POSITIVE_INFINITY,
  pipelinedMax: 32,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 10_000,
  bodyBytesPerSecondMin: 0,
  idleTimeoutMs: 10_000,
  writeBufferBytesMax: 1024 * 1024,
  writeTimeoutMs: 5000,
};

const NOT_FOUND = plain(404, 'no such path');
const OK = plain(200, 'ok');
const STORED = empty(204);
const ONLY_POST = plain(405, 'POST only', { Allow: 'POST' });

const corpus = loadCorpus();
const paths: string[] = [];
const failures: unknown[] = [];

const handler: Handler = {
  head(exchange: Exchange) {
    paths.push(exchange.path);
    if (exchange.path === '/healthz' || exchange.path === '/no/such/body') return undefined;
    if (!exchange.path.startsWith('/v1/')) return NOT_FOUND;
    return exchange.method === 'POST' ? undefined : ONLY_POST;
  },
  body(exchange) {
    if (exchange.path === '/v1/later') setImmediate(() => exchange.answer(STORED));
    else exchange.answer(exchange.path === '/healthz' ? OK : exchange.path === '/v1/batches' ? STORED : NOT_FOUND);
  },
  malformed: () => undefined,
  failed: (error) => void failures.push(error),
};

let patient: Listener;
/** Times out within a second or two: for the cases that are about being slow. */
let hasty: Listener;

beforeAll(async () => {
  const base = { host: '127.0.0.1', port: 0, reusePort: false, handler };
  const short = { headTimeoutMs: 1000, bodyTimeoutMs: 1000, idleTimeoutMs: 1000 };
  patient = await listen({ ...base, limits: LIMITS });
  hasty = await listen({ ...base, limits: { ...LIMITS, ...short } });
  // Most of the time is spent waiting for timeouts: all ways wait together.
  await Promise.all(Object.entries(WAYS).map(async ([way, path]) => void results.set(way, await run(way, path))));
});

afterAll(async () => {
  await Promise.all([patient.stop({ drainMs: 100 }), hasty.stop({ drainMs: 100 })]);
});

/** What is wrong with each case that failed, by id. */
async function run(way: string, path: string): Promise<Map<string, string>> {
  const failed = new Map<string, string>();
  const queue = [...corpus];
  const differences = DIFFERENCES.filter((difference) => difference.way === way);
  const worker = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      const { id, level, desc } = entry;
      const { port } = entry.expect.v === 'hold' || entry.expect.v === 'slow' ? hasty : patient;
      const seen = await runCase(entry, port, path);
      let wrong = judge(entry, seen);
      const instead = differences.find((difference) => difference.ids.includes(id))?.instead;
      if (instead !== undefined) {
        if (wrong === undefined) wrong = 'passes although differences.ts lists it: take it out there';
        else wrong = judge({ ...entry, expect: instead }, seen);
      }
      if (wrong !== undefined) failed.set(id, `${level} ${id} (${desc}), ${way}: ${wrong}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return failed;
}

const results = new Map<string, Map<string, string>>();

test.each(Object.keys(WAYS))(`all ${corpus.length} cases get their verdict: %s`, (way) => {
  expect([...results.get(way)!.values()]).toEqual([]);
});

test('every difference listed is a case of the corpus', () => {
  const known = new Set(corpus.map((entry) => entry.id));
  expect(DIFFERENCES.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
});

test('no hidden request ever reached the handler, and the handler never failed', () => {
  expect(paths.filter((path) => path.includes('smuggled'))).toEqual([]);
  expect(paths.length).toBeGreaterThan(corpus.length);
  expect(failures).toEqual([]);
});

test('every connection and exchange of the run is gone or idle', async () => {
  await Promise.all([patient.stop({ drainMs: 3000 }), hasty.stop({ drainMs: 3000 })]);
  for (const { stats } of [patient, hasty]) {
    expect(stats.openConnections).toBe(0);
    expect(stats.openExchanges).toBe(0);
  }
});
