/**
 * What ingest workers are given, from the configuration. Owns the fixed limits that nobody needs to set, each with its
 * reason, and how limits relate: whatever the HTTP room lets through fits the walker, and what that lets through fits
 * a quarter of the ring.
 */
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { recordLength } from '@metricstream/shared/journal/record.ts';
import { EVICT_AFTER_SECONDS } from '../admission/client-table.ts';
import type { CollectorConfig } from '../config.ts';
import type { IngestSettings } from './start.ts';

const DECISIONS_PER_WORKER = 1024;
/** A browser or script sends a handful of headers, our agent a dozen. */
const HEADERS_MAX = 100;
/** RFC 9112 3 asks for 8000 at least. */
const TARGET_BYTES_MAX = 8000;
/** Unfinished requests of one worker: what slow or hostile clients can make it hold. */
const BUFFERED_BYTES_MAX = 128 * 1024 * 1024;
const WRITE_BUFFER_BYTES_MAX = 256 * 1024;
const WRITE_TIMEOUT_MS = 15_000;
/** A worker's JavaScript heap: what code and tables take, and what one connection may; bodies lie outside of it. */
const HEAP_MB_FIXED = 256;
const HEAP_KB_PER_CONNECTION = 32;

/** From a body's end to its verdict, on the slowest disk that is still waited for. */
const VERDICT_SECONDS = 60;

/** @returns how long a client is silent before its slot may be another's: never within a request, which is charged at its end. */
export function evictAfterSeconds({ bodyTimeoutMs }: CollectorConfig['limits']): number {
  return Math.max(EVICT_AFTER_SECONDS, Math.ceil(bodyTimeoutMs / 1000) + VERDICT_SECONDS);
}

/** What main has made for all workers. */
export type Common = Pick<IngestSettings, 'clientTable' | 'addresses' | 'ready' | 'doorbell' | 'tokens' | 'tls'>;

export function ingestSettings(config: CollectorConfig, common: Common): IngestSettings {
  const { limits, listen } = config;
  const { requestsPerSecond, bytesPerSecond, pointsPerSecond, burstMs } = limits.perClient;
  const batchBytesMax = limits.decompressedBytesMax;
  const pointsMax = Math.min(DEFAULT_WIRE_LIMITS.pointsMax, Math.floor(batchBytesMax / 8));
  return {
    workers: config.workers,
    ringBytes: config.journal.ringBytes,
    frameBytesMax: recordLength(DEFAULT_WIRE_LIMITS.clientIdBytesMax, batchBytesMax),
    decisionsPerWorker: DECISIONS_PER_WORKER,
    heapMbMax: HEAP_MB_FIXED + Math.ceil((limits.connectionsMax * HEAP_KB_PER_CONNECTION) / 1024),
    host: listen.host,
    port: listen.port,
    http: {
      // Of all workers together: admission counts them.
      connectionsMax: limits.connectionsMax,
      headBytesMax: limits.headBytesMax,
      headersMax: HEADERS_MAX,
      targetBytesMax: Math.min(TARGET_BYTES_MAX, limits.headBytesMax),
      bodyBytesMax: limits.bodyBytesMax,
      bufferedBytesMax: BUFFERED_BYTES_MAX,
      requestsPerConnectionMax: limits.requestsPerConnectionMax,
      pipelinedMax: limits.pipelinedMax,
      headTimeoutMs: limits.headTimeoutMs,
      bodyTimeoutMs: limits.bodyTimeoutMs,
      bodyBytesPerSecondMin: limits.bodyBytesPerSecondMin,
      idleTimeoutMs: limits.idleTimeoutMs,
      writeBufferBytesMax: WRITE_BUFFER_BYTES_MAX,
      writeTimeoutMs: WRITE_TIMEOUT_MS,
    },
    wire: {
      ...DEFAULT_WIRE_LIMITS,
      batchBytesMax,
      seriesMax: Math.min(limits.seriesPerBatchMax, pointsMax),
      sweepsMax: Math.min(DEFAULT_WIRE_LIMITS.sweepsMax, pointsMax),
      pointsMax,
    },
    ack: config.ack,
    decompressionRatioMax: limits.decompressionRatioMax,
    clientLimits: { requestsPerSecond, bytesPerSecond, pointsPerSecond, burstMs },
    auth: config.auth,
    addressLimits: {
      connectionsMax: limits.connectionsMax,
      perAddressMax: limits.perAddress.connectionsMax,
      unauthenticatedPerSecond: limits.perAddress.unauthenticatedPerSecond,
    },
    ...common,
    log: config.log,
  };
}
