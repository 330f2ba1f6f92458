/**
 * An ingest room with a ring, a group commit and a journal on a real file, in one thread: a test says when a turn ends and
 * when the journal's round comes. `events` has what happened, in its order.
 */
import * as fs from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turnEnd } from 'node:timers/promises';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { createWalker } from '@metricstream/proto/walk.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import { type Journal, openJournal } from '@metricstream/shared/journal/journal.ts';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { type Log, silentLog } from '@metricstream/shared/log.ts';
import { onTestFinished } from 'vitest';
import { createAdmission } from '../../src/admission/admission.ts';
import { createClientTable, openClientTable } from '../../src/admission/client-table.ts';
import type { ClientLimits } from '../../src/admission/limits.ts';
import { createLimiter } from '../../src/admission/limits.ts';
import { monotonicTicks } from '../../src/admission/monotonic.ts';
import { type Auth, createAuth } from '../../src/admission/auth.ts';
import type { Exchange } from '../../src/http/types.ts';
import { INGEST_COUNTERS } from '../../src/ingest/counters.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { createOwnSeqs } from '../../src/ingest/own-seqs.ts';
import { JOURNAL_COUNTERS } from '../../src/journal-thread/counters.ts';
import { createGroupCommit } from '../../src/journal-thread/group-commit.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { createDecisions, createDecisionWriter } from '../../src/rings/decisions.ts';
import { createDoorbell, openDoorbell } from '../../src/rings/doorbell.ts';
import { NO_ADDRESSES, REFUSALS } from './common-parts.ts';
import { createRing } from '../../src/rings/ring-layout.ts';
import { createRingReader } from '../../src/rings/ring-reader.ts';
import { createRingWriter } from '../../src/rings/ring-writer.ts';

/** A batch and its record's head fit a frame. */
const FRAME_BYTES_MAX = 1024;
const WIRE_LIMITS = {
  ...DEFAULT_WIRE_LIMITS,
  batchBytesMax: 832,
  symbolBytesMax: 256,
  pointsMax: 100,
  seriesMax: 100,
  sweepsMax: 100,
};
const UNLIMITED = { requestsPerSecond: Infinity, bytesPerSecond: Infinity, pointsPerSecond: Infinity, burstMs: 1000 };

const COMMIT = { hasRoom: () => true, onFailure: () => {}, onConflict: () => {}, onEpochSwitch: () => {} };

function openWatched(dir: string, beforeSync: () => void): Journal {
  return openJournal({
    dir,
    segmentBytesMax: 1 << 20,
    replay: 'all',
    onRecord: () => {},
    nowUnixMs: () => 1,
    fs: {
      ...fs,
      fdatasyncSync(fd) {
        beforeSync();
        fs.fdatasyncSync(fd);
      },
    },
  });
}

interface Posted {
  name: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
  gone?: boolean;
  /** What happens between the turn of the head and that of the body. */
  between?: () => void;
}

const ANYBODY = createAuth({ mode: 'none', tokens: [], addresses: NO_ADDRESSES });

export function rig(
  ack: 'journal' | 'memory' = 'journal',
  ringBytes = 64 * 1024,
  limits: ClientLimits = UNLIMITED,
  auth: Auth = ANYBODY,
  log: Log = silentLog,
) {
  const dir = mkdtempSync(join(tmpdir(), 'ms-ingest-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const events: string[] = [];
  const answers = new Map<string, string>();
  const shared = createRing(ringBytes, FRAME_BYTES_MAX);
  const ring = createRingWriter(shared, openDoorbell(createDoorbell()));
  const reader = createRingReader(shared);
  let syncFails = false;
  const journal = openWatched(dir, () => {
    events.push('sync');
    if (ring.settled() !== settledBefore) events.push('settled before the sync returned');
    if (syncFails) throw new Error('EIO');
  });
  const ledger = createLedger();
  const commit = createGroupCommit({ ...COMMIT, journal, ledger, counters: createCounters(JOURNAL_COUNTERS) });
  const table = openClientTable(createClientTable(16));
  const limiter = createLimiter(table, limits);
  const counters = createCounters<string>(INGEST_COUNTERS);
  const ingest = createIngest({
    ring,
    admission: createAdmission(table, limiter, createDecisionWriter(createDecisions(64))),
    auth,
    isReady: () => true,
    walk: createWalker(WIRE_LIMITS),
    counters,
    ack,
    decompression: { bytesMax: 8192, ratioMax: 200 },
    refusals: REFUSALS,
    ownSeqs: createOwnSeqs(0),
    onFault: () => {},
    log,
  });
  void ingest.answerSettled();
  let settledBefore = ring.settled();

  /** One request, head and body. Its answer is told in `events` as `name: status`, unless its client is `gone`. */
  function post(posted: Posted): void {
    const { name, body, gone = false, between } = posted;
    const exchange = exchangeOf(posted, (answer) => {
      if (gone) return;
      events.push(`${name}: ${answer.status}`);
      answers.set(name, answer.text.slice(answer.text.indexOf('\r\n\r\n') + 4));
    });
    const refusal = ingest.handler.head(exchange);
    if (between) {
      ingest.handler.turn?.();
      between();
    }
    if (refusal) exchange.answer(refusal);
    else ingest.handler.body(exchange, body);
  }

  function send(name: string, body: Uint8Array, gone = false): void {
    const headers = { 'content-type': 'application/x-protobuf', 'client-id': 'c' };
    post({ name, path: '/v1/batches', headers, body, gone });
  }

  const records = (): JournalRecord[] => recordsIn(dir, journal.durable.get());

  return {
    counters,
    events,
    /** The bodies of answers, by name. */
    answers,
    post,
    send,
    /** Lines for /v1/jsonl. */
    sendLines: (name: string, lines: readonly unknown[]) =>
      post({
        name,
        path: '/v1/jsonl',
        headers: {},
        body: Buffer.from(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')),
      }),
    records,
    contiguousSeq: (clientId: string, epoch: number) => ledger.contiguousSeq(clientId, epoch),
    turn: () => ingest.handler.turn?.(),
    /** What the client may still send. */
    left(kind: 'bytes' | 'points'): number {
      const nowTicks = monotonicTicks();
      return limiter.remaining(table.find('c', nowTicks), kind, nowTicks);
    },
    failSyncs: (fails: boolean) => {
      syncFails = fails;
    },
    /** The journal thread's part, then as many turns as the answers may take. */
    async round(): Promise<void> {
      settledBefore = ring.settled();
      commit([reader]);
      for (let i = 0; i < 50 && ingest.holds() > 0; i++) await turnEnd();
    },
    seqsOnDisk: () => records().map(({ seq }) => seq),
  };
}

function exchangeOf({ path, headers, body }: Posted, answer: Exchange['answer']): Exchange {
  return {
    method: 'POST',
    path,
    query: '',
    header: (field) => headers[field] ?? '',
    repeats: () => false,
    contentLength: body.length,
    remote: 'test',
    peer: { ip: '', certified: undefined, context: undefined },
    context: undefined,
    answer,
  };
}

function recordsIn(dir: string, end: number): JournalRecord[] {
  const found: JournalRecord[] = [];
  const reader = openJournalReader(dir);
  for (let at = 0; at < end; ) {
    const chunk = reader.read(at, end, 1 << 20);
    found.push(...chunk.records.map((record) => ({ ...record, body: record.body.slice() })));
    at = chunk.next;
  }
  return found;
}
