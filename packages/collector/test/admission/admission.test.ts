/** What a client is charged for its bytes, whatever form it sends them in. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { createWalker } from '@metricstream/proto/walk.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import { expect, test } from 'vitest';
import { createAdmission } from '../../src/admission/admission.ts';
import { ClientCounter } from '../../src/admission/client-counters.ts';
import { createClientTable, openClientTable } from '../../src/admission/client-table.ts';
import { createLimiter } from '../../src/admission/limits.ts';
import { createAuth } from '../../src/admission/auth.ts';
import type { Exchange } from '../../src/http/types.ts';
import { INGEST_COUNTERS } from '../../src/ingest/counters.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { createOwnSeqs } from '../../src/ingest/own-seqs.ts';
import { createDecisions, createDecisionWriter } from '../../src/rings/decisions.ts';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { NO_ADDRESSES, REFUSALS } from '../ingest/common-parts.ts';
import { createRing } from '../../src/rings/ring-layout.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';

const DECOMPRESSED_BYTES_MAX = 64 * 1024;

/** An ingest whose clients may send 64 KiB a second; the returned function sends a body and returns the answer's status. */
function ingestOf64KiBPerSecond(): (body: Uint8Array, encoding: string, chunked?: boolean) => number {
  const table = openClientTable(createClientTable(16));
  const limits = { requestsPerSecond: Infinity, bytesPerSecond: 64 * 1024, pointsPerSecond: Infinity, burstMs: 1000 };
  const { handler } = createIngest({
    ring: createRingWriter(createRing(64 * 1024, 1024), openDoorbell(createDoorbell())),
    admission: createAdmission(table, createLimiter(table, limits), createDecisionWriter(createDecisions(64))),
    auth: createAuth({ mode: 'none', tokens: [], addresses: NO_ADDRESSES }),
    isReady: () => true,
    walk: createWalker(DEFAULT_WIRE_LIMITS),
    counters: createCounters<string>(INGEST_COUNTERS),
    ack: 'journal',
    decompression: { bytesMax: DECOMPRESSED_BYTES_MAX, ratioMax: 200 },
    refusals: REFUSALS,
    ownSeqs: createOwnSeqs(0),
    onFault: () => {},
  });
  return (body, encoding, chunked = false) => {
    const headers: Record<string, string> = {
      'content-type': 'application/x-protobuf',
      'client-id': 'c',
      'content-encoding': encoding,
    };
    let status = 0;
    const exchange: Exchange = {
      method: 'POST',
      path: '/v1/batches',
      query: '',
      header: (name) => headers[name] ?? '',
      repeats: () => false,
      contentLength: chunked ? -1 : body.length,
      remote: 'test',
      peer: { ip: '', certified: undefined, context: undefined },
      context: undefined,
      answer: (answer) => void (status = answer.status),
    };
    const refusal = handler.head(exchange);
    if (refusal) return refusal.status;
    handler.body(exchange, body);
    return status;
  };
}

test('a chunked body is held to the limit of bytes like one of declared length', () => {
  for (const chunked of [false, true]) {
    const send = ingestOf64KiBPerSecond();
    const statuses = Array.from({ length: 20 }, () => send(new Uint8Array(32 * 1024), '', chunked));
    expect(statuses.filter((status) => status !== 429).length).toBeLessThanOrEqual(4);
  }
});

test('a small body that decompresses to a large one is charged as what it becomes', () => {
  const zeros = Buffer.alloc(DECOMPRESSED_BYTES_MAX);
  for (const [encoding, body] of [
    ['gzip', gzipSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
    ['gzip', gzipSync(Buffer.alloc(4 * DECOMPRESSED_BYTES_MAX))],
    ['gzip', gzipSync(zeros).subarray(0, -1)],
  ] as const) {
    const send = ingestOf64KiBPerSecond();
    const statuses = Array.from({ length: 20 }, () => send(body, encoding));
    expect(statuses[0]).toBeLessThan(429);
    expect(statuses.filter((status) => status !== 429).length).toBeLessThanOrEqual(3);
  }
});

test('a batch that is refused for its bytes has not used up a request', () => {
  const table = openClientTable(createClientTable(16));
  const limits = { requestsPerSecond: 10, bytesPerSecond: 1000, pointsPerSecond: 1000, burstMs: 1000 };
  const limiter = createLimiter(table, limits);
  const admission = createAdmission(table, limiter, createDecisionWriter(createDecisions(64)));
  const request = { clientId: 'c', slot: -1, bytesCharged: 0, points: 1 };
  admission.beginTurn();
  expect(admission.admit(request, 1000)).toBeUndefined();
  for (let i = 0; i < 20; i++) expect(admission.admit(request, 1000)).toMatchObject({ reason: 'rate_bytes' });
  expect(admission.admit(request, 0)).toBeUndefined();
  expect(table.counters.sum(request.slot, ClientCounter.refusedLimit)).toBe(20);
  const used = Array.from({ length: 20 }, () => admission.admit(request, 0)).filter((refusal) => refusal === undefined);
  expect(used).toHaveLength(8);
});
