/**
 * The way to the collector: a sink of the pump for each lane, over one kept-alive connection each. Owns the requests
 * and what is measured of them, and promises: a request never hangs longer than its timeouts, a batch counts as stored
 * only after a 2xx with an Ack, and the bytes of a batch are the same each time it is sent.
 */
import { createHistogram } from 'node:perf_hooks';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { decodeAck } from '@metricstream/proto/ack.ts';
import type { Ack } from '@metricstream/proto/batch.ts';
import type { Clock } from '@metricstream/shared/clock.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import { type Answer, createCollectorClient } from './collector-client.ts';
import { verdictOf } from './verdict.ts';

const GZIP_LEVEL = 1;
const ZSTD_LEVEL = 1;

export type UplinkLane = 'live' | 'backlog';

export interface UplinkOptions {
  /** Of the collector, without a slash at the end; a path is kept. */
  url: string;
  clientId: string;
  /** The running one. */
  epoch: number;
  /** Connecting, waiting for the head of an answer and for its body: each has this long. */
  timeoutMs: number;
  compression: 'gzip' | 'zstd' | 'none';
  compressAboveBytes: number;
  /** What a sending says about the spool. */
  sending(record: JournalRecord): { oldestSeq: number; bytes: number; runwaySeconds: number };
  clock: Clock;
}

export interface UplinkStats {
  requests: number;
  /** Points of batches whose sending has begun, each counted once. */
  pointsSent: number;
  /** Batches answered "try again": 429 and 503. */
  refused: number;
  rejected: number;
  duplicates: number;
  bytesSent: number;
  /** Why the last request did not end in a 2xx; '' after one that did. */
  lastError: string;
  /** Every seq of the running epoch up to this one is settled, in the collector's words. */
  contiguousSeq: number;
  /** The collector's clock minus ours when the last answer came, give or take its time on the way. */
  clockSkewMs: number;
}

export interface Uplink {
  sink(lane: UplinkLane): Sink;
  readonly stats: UplinkStats;
  /** From writing a request to its whole answer, 2xx only; ms, 0 before the first. */
  ackMs(percentile: number): number;
}

export function createUplink(options: UplinkOptions): Uplink {
  const stats: UplinkStats = {
    requests: 0,
    pointsSent: 0,
    refused: 0,
    rejected: 0,
    duplicates: 0,
    bytesSent: 0,
    lastError: '',
    contiguousSeq: 0,
    clockSkewMs: 0,
  };
  // 0.1 ms resolution: recorded in microseconds, three digits.
  const latencyUs = createHistogram({ figures: 3 });

  function take(outcome: Outcome, ack: Ack | undefined, record: JournalRecord): void {
    if (outcome.kind !== 'stored') {
      stats.lastError = outcome.why;
      if (outcome.kind === 'rejected') stats.rejected++;
      return;
    }
    stats.lastError = '';
    if (!ack) return;
    if (ack.duplicate) stats.duplicates++;
    if (record.epoch === options.epoch) stats.contiguousSeq = Math.max(stats.contiguousSeq, ack.contiguousSeq);
    stats.clockSkewMs = ack.receivedUnixMs - options.clock.unixMs();
  }

  return {
    stats,
    ackMs: (percentile) => (latencyUs.count === 0 ? 0 : latencyUs.percentile(percentile) / 1000),
    sink(lane) {
      const client = createCollectorClient(new URL(options.url).origin, options.timeoutMs);
      let last: { epoch: number; seq: number } | undefined;
      return {
        name: `collector (${lane})`,
        async write({ records }, signal) {
          const record = records[0] as JournalRecord;
          if (record.seq !== last?.seq || record.epoch !== last.epoch) stats.pointsSent += record.points;
          last = { epoch: record.epoch, seq: record.seq };
          stats.requests++;
          const begunMs = options.clock.monotonicMs();
          let answer: Answer;
          try {
            const { path, headers, body } = request(options, record, lane, stats);
            answer = await client.post(path, headers, body, signal);
          } catch (error) {
            stats.lastError = faultOf(error, options);
            return { kind: 'retry', why: stats.lastError };
          }
          const text = Buffer.from(answer.body).toString('latin1');
          const header = (name: string): string | undefined => headerText(answer.headers[name]);
          const ownId = record.clientId === options.clientId;
          const { status } = answer;
          const ack = ackOf(answer);
          const said = { status, header, text, isAck: ack !== undefined };
          const outcome = verdictOf(said, ownId, options.clock.unixMs());
          if (status === 429 || status === 503) stats.refused++;
          if (outcome.kind === 'stored')
            latencyUs.record(Math.max(1, Math.round((options.clock.monotonicMs() - begunMs) * 1000)));
          take(outcome, ack, record);
          return outcome;
        },
        close: () => client.close(),
      };
    },
  };
}

interface Request {
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

function request(options: UplinkOptions, record: JournalRecord, lane: UplinkLane, stats: UplinkStats): Request {
  const { oldestSeq, bytes, runwaySeconds } = options.sending(record);
  const headers: Record<string, string> = {
    'content-type': 'application/x-protobuf',
    'client-id': record.clientId,
    'sent-at': String(options.clock.unixMs()),
    lane,
    'oldest-seq': String(oldestSeq),
    'spool-bytes': String(bytes),
    'runway-seconds': String(runwaySeconds),
  };
  const { encoding, body } = compressed(options, record.body);
  if (encoding !== undefined) headers['content-encoding'] = encoding;
  stats.bytesSent += body.length;
  const { pathname } = new URL(options.url);
  return { path: `${pathname.replace(/\/+$/, '')}/v1/batches`, headers, body };
}

function compressed(options: UplinkOptions, body: Uint8Array): { encoding?: 'gzip' | 'zstd'; body: Uint8Array } {
  if (options.compression === 'none' || body.length <= options.compressAboveBytes) return { body };
  if (options.compression === 'gzip') return { encoding: 'gzip', body: gzipSync(body, { level: GZIP_LEVEL }) };
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
  return { encoding: 'zstd', body: zstdCompressSync(body, { params }) };
}

/** @returns the Ack of a 2xx, or undefined when its body is none: every collector says when it took the batch. */
function ackOf({ status, body }: Answer): Ack | undefined {
  if (status < 200 || status >= 300) return undefined;
  try {
    const ack = decodeAck(body);
    return ack.receivedUnixMs > 0 ? ack : undefined;
  } catch {
    return undefined;
  }
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** What went wrong, in words that name the collector and the option that matters. */
function faultOf(error: unknown, options: UplinkOptions): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'no such host name',
    EAI_AGAIN: 'the host name cannot be looked up now',
    ECONNRESET: 'the connection was reset',
    EPIPE: 'the connection was closed while sending',
    UND_ERR_SOCKET: 'the connection was closed before the answer',
    UND_ERR_CONNECT_TIMEOUT: `no connection within ${options.timeoutMs} ms`,
    UND_ERR_HEADERS_TIMEOUT: `no answer within ${options.timeoutMs} ms`,
    UND_ERR_BODY_TIMEOUT: `the answer stopped for ${options.timeoutMs} ms`,
  };
  return `${options.url}: ${words[code] ?? messageOf(error)}`;
}
