/**
 * The collector behind nginx and HAProxy: whatever bytes a client sends, no request is understood differently by the
 * two. Held against each other is what the proxy's log says and what reached the collector's handler. A failure
 * names its seed: MS_TEST_SEED plays it again.
 */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import { caseBytes } from '../conformance/client.ts';
import { loadCorpus } from '../conformance/corpus.ts';
import { makeStream } from '../conformance/fuzz/streams.ts';
import { HIDDEN } from '../conformance/fuzz/words.ts';
import { available, startHaproxy, startNginx } from '../services/index.ts';
import type { Proxy } from '../services/index.ts';
import { compare, sendRaw, startBehind } from './behind.ts';

const SEED = seeded(Date.now() % 1_000_000_000).seed;
const STREAMS = 1500;
const CONNECTIONS = 100;
const SETS = new Set([
  'smuggling',
  'transfer-encoding',
  'content-length',
  'chunked',
  'request-line',
  'headers',
  'host',
  'pipelining',
  'expect',
]);

interface Way {
  name: string;
  need: 'nginx' | 'haproxy';
  start(upstreamPort: number): Promise<Proxy>;
}

const WAYS: readonly Way[] = [
  { name: 'nginx, which reads bodies first', need: 'nginx', start: (upstreamPort) => startNginx({ upstreamPort }) },
  {
    name: 'nginx, which passes bodies on as they come',
    need: 'nginx',
    start: (upstreamPort) => startNginx({ upstreamPort, streaming: true }),
  },
  { name: 'HAProxy', need: 'haproxy', start: (upstreamPort) => startHaproxy({ upstreamPort }) },
];

const cases = loadCorpus().filter(
  ({ cat, send }) => SETS.has(cat) && send.every((part) => part.every_ms === undefined),
);

for (const { name, need, start } of WAYS) {
  describe.runIf(await available(need))(`behind ${name}`, () => {
    test(`${cases.length} cases of the corpus are understood as the proxy did, and nothing hidden comes out`, async () => {
      const texts = cases.map((entry) => ({ bytes: caseBytes(entry, '/v1/batches'), name: entry.id }));
      const { seen, ...outcome } = await runThrough(
        start,
        texts.map(({ bytes }) => bytes),
      );
      expect(outcome.differences).toEqual([]);
      expect(seen.filter(({ target }) => target.startsWith(HIDDEN))).toEqual([]);
      expect(outcome.alike).toBeGreaterThan(cases.length / 10);
    });

    test(`${STREAMS} fuzzed streams are understood as the proxy did (seed ${SEED})`, async () => {
      const random = seeded(SEED);
      const texts = Array.from({ length: STREAMS }, () => Buffer.from(makeStream(random).text, 'latin1'));
      const outcome = await runThrough(start, texts);
      expect(outcome.differences, `seed ${random.seed}`).toEqual([]);
      expect(outcome.alike).toBeGreaterThan(STREAMS / 4);
      // The proxy keeps its connections to the collector and shares them among its clients.
      expect(outcome.connections).toBeLessThan(outcome.alike / 2);
    });
  });
}

/** Sends each text over a connection of its own to a proxy of its own before a listener of its own. */
async function runThrough(start: Way['start'], texts: readonly Buffer[]) {
  const behind = await startBehind();
  const proxy = await start(behind.listener.port);
  onTestFinished(async () => {
    await proxy.stop();
    await behind.listener.stop({ drainMs: 100 });
  });
  const queue = texts.values();
  const worker = async (): Promise<void> => {
    for (const text of queue) await sendRaw(proxy.port, text);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const outcome = await compare(proxy, behind);
  expect(behind.failures).toEqual([]);
  return { ...outcome, seen: behind.seen, connections: behind.listener.stats.connectionsAccepted };
}
