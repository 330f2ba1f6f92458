/**
 * What a request's head says about the batch in its body. Owns the reading of our headers and promises that nothing
 * goes on unless every one of them is understood: an unknown lane is refused, not guessed.
 */
import { Lane } from '@metricstream/shared/journal/record.ts';
import type { Exchange } from '../http/types.ts';
import { isOwnClient } from '../own-clients.ts';
import type { RejectedReason } from './counters.ts';
import type { ContentEncoding } from './decompress.ts';
import { parseContentEncoding } from './decompress.ts';
import { type Form, formOf, type Particulars } from './refusals.ts';

/** A batch's request from its head to its answer. */
export interface BatchRequest {
  /** What its body is: one batch, or lines (jsonl.ts). */
  kind: 'batch' | 'lines';
  clientId: string;
  /** Slot in the client table; set by admission. */
  slot: number;
  encoding: ContentEncoding;
  lane: Lane;
  /** 0 when the client did not say. */
  oldestSeq: number;
  /** `json`: the Ack as JSON too, instead of protobuf. */
  form: Form;
  /** Bytes charged to the client's limit, to be given back when we are the ones who say no. */
  bytesCharged: number;
  /** Monotonic ms of the turn in which the head was complete. */
  headMs: number;
  /** The same of the body. */
  bodyMs: number;
  /** Of the walked batch. */
  points: number;
}

const BATCHES_PATH = '/v1/batches';
const CLIENT_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const SEQ = /^[0-9]{1,16}$/;

/** Why a request can be turned away without its body. */
export interface RequestDoubt {
  readonly reason: RejectedReason;
  readonly particulars: Particulars;
}

export function doubt(reason: RejectedReason, instead?: string): RequestDoubt {
  return { reason, particulars: { instead } };
}

/** @returns the request, or why it can be turned away without its body. */
export function parseBatchRequest(exchange: Exchange): BatchRequest | RequestDoubt {
  if (exchange.path !== BATCHES_PATH) return doubt('not_found');
  if (exchange.method !== 'POST') return doubt('method_not_allowed');
  if (isFromWebPage(exchange)) return doubt('forbidden', 'batches are not taken from web pages (Origin)');
  if (!isProtobuf(exchange.header('content-type'))) return doubt('content_type');
  const encoding = parseContentEncoding(exchange.header('content-encoding'));
  if (!encoding) return doubt('content_encoding');
  const clientId = exchange.header('client-id');
  if (!CLIENT_ID.test(clientId)) return doubt('client_id');
  if (isOwnClient(clientId)) return doubt('forbidden', "a Client-Id that begins with jsonl: is the collector's own");
  const laneText = exchange.header('lane');
  if (laneText !== '' && laneText !== 'live' && laneText !== 'backlog') return doubt('header');
  const oldestText = exchange.header('oldest-seq');
  const oldestSeq = Number(oldestText);
  if (oldestText !== '' && (!SEQ.test(oldestText) || oldestSeq < 1 || !Number.isSafeInteger(oldestSeq)))
    return doubt('header');
  return {
    kind: 'batch',
    clientId,
    slot: -1,
    encoding,
    lane: laneText === 'backlog' ? Lane.backlog : Lane.live,
    oldestSeq,
    form: formOf(exchange.header('accept')),
    bytesCharged: 0,
    headMs: 0,
    bodyMs: 0,
    points: 0,
  };
}

/**
 * A browser says so with every POST. A page whose name was pointed here (DNS rebinding) may send any header, and on
 * loopback nobody is asked for a token.
 */
export function isFromWebPage(exchange: Exchange): boolean {
  return exchange.header('origin') !== '';
}

function isProtobuf(contentType: string): boolean {
  return contentType === 'application/x-protobuf' || /^application\/(?:x-)?protobuf\s*(?:;|$)/i.test(contentType);
}
