/**
 * The way to the collector: a sink of the pump for each lane, over one kept-alive connection each. Owns the requests
 * and what is measured of them, and promises: a request never hangs longer than its timeouts, a batch counts as stored
 * only after a 2xx with an Ack, the bytes of a batch are the same each time it is sent, and nothing is sent without the
 * token that should be with it.
 */
import { createHistogram } from 'node:perf_hooks';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Ack } from '@metricstream/proto/batch.ts';
import type { Clock } from '@metricstream/shared/clock.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Outcome, Sink } from '@metricstream/shared/pump/types.ts';
import { ackOf, PROTOBUF, saidBy } from './answer.ts';
import { type Answer, type CollectorClient, createCollectorClient } from './collector-client.ts';
import type { Credentials, Current } from './credentials.ts';
import { faultOf, wasClosed } from './send-fault.ts';
import type { TlsFiles } from './tls-files.ts';
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
  /** For the words of a fault; what they hold comes from the credentials. */
  tls: TlsFiles;
  credentials: Credentials;
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

  /** A halt ends as soon as the files that may be at fault have changed. */
  function whenMended(outcome: Outcome, used: Current): Outcome {
    return outcome.kind === 'halt' ? { ...outcome, changed: options.credentials.whenChanged(used) } : outcome;
  }

  function take(outcome: Outcome, ack: Ack | undefined, record: JournalRecord): Outcome {
    stats.lastError = outcome.kind === 'stored' ? '' : outcome.why;
    if (outcome.kind === 'rejected') stats.rejected++;
    if (outcome.kind !== 'stored' || !ack) return outcome;
    if (ack.duplicate) stats.duplicates++;
    if (record.epoch === options.epoch) stats.contiguousSeq = Math.max(stats.contiguousSeq, ack.contiguousSeq);
    stats.clockSkewMs = ack.receivedUnixMs - options.clock.unixMs();
    return outcome;
  }

  return {
    stats,
    ackMs: (percentile) => (latencyUs.count === 0 ? 0 : latencyUs.percentile(percentile) / 1000),
    sink(lane) {
      const way = createWay(options, lane, stats);
      let last: { epoch: number; seq: number } | undefined;
      return {
        name: `collector (${lane})`,
        async write({ records }, signal) {
          const record = records[0] as JournalRecord;
          const used = options.credentials.current();
          if (used.trouble !== '')
            return take(whenMended({ kind: 'halt', why: used.trouble }, used), undefined, record);
          if (record.seq !== last?.seq || record.epoch !== last.epoch) stats.pointsSent += record.points;
          last = { epoch: record.epoch, seq: record.seq };
          const begunMs = options.clock.monotonicMs();
          let answer: Answer;
          try {
            answer = await way.post(record, used, signal);
          } catch (error) {
            const fault = faultOf(error, { ...options, answeredBefore: way.hasAnswered() });
            return take(whenMended(fault, used), undefined, record);
          }
          const ack = ackOf(answer);
          const outcome = verdictOf(saidBy(answer, ack), record.clientId === options.clientId, options.clock.unixMs());
          if (answer.status === 429 || answer.status === 503) stats.refused++;
          if (outcome.kind === 'stored')
            latencyUs.record(Math.max(1, Math.round((options.clock.monotonicMs() - begunMs) * 1000)));
          return take(whenMended(outcome, used), ack, record);
        },
        close: () => way.close(),
      };
    },
  };
}

/** A lane's connection. */
interface Way {
  post(record: JournalRecord, used: Current, signal: AbortSignal): Promise<Answer>;
  /** Something has answered once. */
  hasAnswered(): boolean;
  close(): Promise<void>;
}

function createWay(options: UplinkOptions, lane: UplinkLane, stats: UplinkStats): Way {
  const { origin } = new URL(options.url);
  const open = (tls: Current['tls']): CollectorClient =>
    createCollectorClient({ origin, timeoutMs: options.timeoutMs, tls });
  let { tls } = options.credentials.current();
  let client = open(tls);
  let answered = false;
  /** The connection has carried an answer, so the server may close it at any time, as idle. */
  let reused = false;

  async function postOnce(record: JournalRecord, used: Current, signal: AbortSignal): Promise<Answer> {
    stats.requests++;
    const { path, headers, body } = request(options, record, lane, stats);
    if (used.authorization !== undefined) headers['authorization'] = used.authorization;
    const wasReused = reused;
    reused = false;
    try {
      const answer = await client.post(path, headers, body, signal);
      reused = answered = true;
      return answer;
    } catch (error) {
      if (wasReused && wasClosed(error) && !signal.aborted) return postOnce(record, used, signal);
      throw error;
    }
  }

  return {
    async post(record, used, signal) {
      if (used.tls !== tls) {
        // Nothing is on its way now: a lane sends one request at a time.
        await client.close();
        tls = used.tls;
        client = open(tls);
        reused = false;
      }
      return postOnce(record, used, signal);
    },
    hasAnswered: () => answered,
    close: () => client.close(),
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
    'content-type': PROTOBUF,
    accept: PROTOBUF,
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
