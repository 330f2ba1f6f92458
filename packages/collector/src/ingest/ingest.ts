/**
 * From a request to a record in the ring, and from the journal's verdict to the answer. Owns the batches this worker
 * holds in the ring and promises: nothing enters it that was not admitted, walked and found to be its sender's; with
 * `ack: journal` no 2xx leaves before the verdict; the answers of one turn leave together; every no has its counter.
 */
import type { Walker } from '@metricstream/proto/walk.ts';
import type { Counters } from '@metricstream/shared/counters.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { asciiSlice, RecordKind, recordLength, writeRecord } from '@metricstream/shared/journal/record.ts';
import type { Exchange, Handler } from '../http/types.ts';
import type { RingWriter } from '../rings/ring-writer.ts';
import { readContiguousSeq, readVerdict, RingVerdict } from '../rings/ring-layout.ts';
import type { Admission, ClientRefusal } from '../admission/admission.ts';
import type { Auth } from '../admission/auth.ts';
import { ackAnswer } from './acks.ts';
import type { RejectedReason } from './counters.ts';
import { boundMet, decompress, decompressedBytesMax, type DecompressionLimits } from './decompress.ts';
import { createFifo } from './fifo.ts';
import { healthAnswer } from './health.ts';
import {
  batchesOf,
  type HeldLines,
  JSONL_PATH,
  type LineBatches,
  linesAnswer,
  linesLimits,
  parseJsonlRequest,
  roomFor,
  TOO_MANY_FOR_RING,
  WORK_BYTES_PER_BATCH,
  WORK_PER_BYTE,
} from './jsonl.ts';
import type { OwnSeq } from './own-seqs.ts';
import type { Particulars, Refusals } from './refusals.ts';
import type { BatchRequest } from './request.ts';
import { parseBatchRequest } from './request.ts';
import { createTurnAway, isAnswer } from './turn-away.ts';

export interface IngestOptions {
  ring: RingWriter;
  admission: Admission;
  auth: Auth;
  isReady(): boolean;
  walk: Walker;
  counters: Counters<string>;
  ack: 'journal' | 'memory';
  decompression: DecompressionLimits;
  refusals: Refusals;
  ownSeqs(clientId: string, nowUnixMs: number): OwnSeq;
  onFault(error: unknown, remote: string): void;
  log?: Log;
}

/** A batch in the ring whose verdict is not there yet. */
interface Held {
  exchange: Exchange;
  request: BatchRequest;
  receivedUnixMs: number;
  /** When it is one of the batches that lines became. */
  lines: HeldLines | undefined;
}

export interface Ingest {
  handler: Handler;
  /** Answers what the journal thread has settled, for as long as the worker lives. */
  answerSettled(): Promise<never>;
  /** Batches in the ring whose verdict is not there yet. */
  holds(): number;
}

export function createIngest(options: IngestOptions): Ingest {
  const { ring, admission, auth, counters, refusals, decompression } = options;
  const away = createTurnAway({ auth, counters, refusals, log: options.log });
  const linesDecompression = linesLimits(decompression);
  const held = createFifo<Held>();
  let turnMs = 0;
  let turnUnixMs = 0;
  let wakeAnswers: (() => void) | undefined;

  /** One look at the clocks per event-loop turn. */
  function beginTurn(): void {
    if (turnMs !== 0) return;
    turnMs = performance.now();
    turnUnixMs = Date.now();
    admission.beginTurn();
  }

  function refuse(exchange: Exchange, request: BatchRequest, reason: ClientRefusal, waitMs = 0): void {
    counters.add(`refused_${reason}`, 1);
    admission.refused(request, reason);
    exchange.answer(refusals.refused(reason, request.form, waitMs));
  }

  function reject(exchange: Exchange, reason: RejectedReason, particulars?: Particulars): void {
    const request = exchange.context as BatchRequest;
    counters.add(`rejected_${reason}`, 1);
    admission.rejected(request, reason === 'conflict');
    exchange.answer(refusals.rejected(reason, request.form, particulars));
  }

  function head(exchange: Exchange) {
    beginTurn();
    const health = healthAnswer(exchange, options.isReady);
    if (health !== undefined) return health;
    const who = away.identify(exchange);
    if (isAnswer(who)) return who;
    const request = exchange.path === JSONL_PATH ? parseJsonlRequest(exchange, who.name) : parseBatchRequest(exchange);
    if ('reason' in request) return away.rejected(exchange, request.reason, request.particulars);
    if (request.kind === 'batch' && !who.mayBe(request.clientId))
      return away.forbidden(exchange, who, request.clientId);
    const verdict = admission.admit(request, exchange.contentLength);
    if (verdict) return away.refused(exchange, verdict);
    request.headMs = turnMs;
    exchange.context = request;
    return undefined;
  }

  /** Asked again of a body that took its time: a token may have been revoked since. @returns false when it is answered. */
  function isStillLetIn(exchange: Exchange, request: BatchRequest): boolean {
    if (request.headMs === turnMs) return true;
    const who = away.identify(exchange);
    if (isAnswer(who)) exchange.answer(who);
    else if (request.kind === 'batch' && !who.mayBe(request.clientId)) reject(exchange, 'forbidden');
    else return true;
    return false;
  }

  function body(exchange: Exchange, sent: Uint8Array): void {
    beginTurn();
    const request = exchange.context as BatchRequest;
    request.bodyMs = turnMs;
    if (!isStillLetIn(exchange, request)) return;

    const batch = plainBytes(exchange, request, sent);
    if (batch === undefined) return;
    if (request.kind === 'lines') return takeLines(exchange, request, { sent, plain: batch });
    const walk = options.walk(batch);
    if (!walk.ok) {
      const reason = walk.status === 413 ? 'too_large' : walk.status === 422 ? 'rules' : 'unparsable';
      return reject(exchange, reason, { detail: `${walk.reason} (at byte ${walk.offset})`, status: walk.status });
    }
    if (asciiSlice(batch, walk.clientIdAt, walk.clientIdLength) !== request.clientId)
      return reject(exchange, 'client_id', { detail: 'the batch names another client', status: 422 });
    if (request.oldestSeq > walk.seq) return reject(exchange, 'header', { detail: 'Oldest-Seq is above the seq' });
    request.points = walk.points;
    if (!append(request, batch, walk.epoch, walk.seq)) return refuse(exchange, request, 'ring_full');
    // At once: each frame in the ring has its place here, or verdicts would reach the wrong exchange.
    held.push({ exchange, request, receivedUnixMs: turnUnixMs, lines: undefined });
    admission.appended(request);
    counters.add('bytes', sent.length);
    if (options.ack === 'memory') accept(exchange, request, { duplicate: false, contiguousSeq: 0 }, turnUnixMs);
  }

  /** All batches of the lines are in the ring, or none is; they are answered together. */
  function takeLines(exchange: Exchange, request: BatchRequest, { sent, plain }: Record<'sent' | 'plain', Uint8Array>) {
    const { clientId } = request;
    const seq = options.ownSeqs(clientId, turnUnixMs);
    const made = batchesOf(plain, { clientId, seq, receivedUnixMs: turnUnixMs }, options.walk);
    if ('reason' in made) return reject(exchange, made.reason, made.particulars);
    const { batches } = made;
    if (batches.length === 0) {
      counters.add('rejected_rules', 1);
      admission.rejected(request, false);
      return answerLines(exchange, made);
    }
    admission.bodyComplete(request, request.bytesCharged + (batches.length - 1) * WORK_BYTES_PER_BATCH);
    const room = roomFor(ring, clientId, batches);
    if (room === 'never') return reject(exchange, 'too_large', TOO_MANY_FOR_RING);
    if (room === 'later') return refuse(exchange, request, 'ring_full');
    const lines: HeldLines = { made, seq, left: batches.length, fate: RingVerdict.durable };
    for (const [index, batch] of batches.entries()) {
      // What failed is never sent again under its seq, so nothing below those in flight is waited for.
      const oldestSeq = seq.next - seq.inFlight;
      const one = { ...request, oldestSeq, points: batch.points, bytesCharged: index === 0 ? sent.length : 0 };
      if (!append(one, batch.body, seq.epoch, batch.seq)) throw new Error('the ring has less room than it said');
      held.push({ exchange, request: one, receivedUnixMs: turnUnixMs, lines });
      seq.next++;
      seq.inFlight++;
      admission.appended(one);
    }
    counters.add('bytes', sent.length);
    if (options.ack === 'memory') {
      for (const { points } of batches) countAccepted(points);
      answerLines(exchange, made);
    }
  }

  function answerLines(exchange: Exchange, made: LineBatches): void {
    counters.add('linesAccepted', made.accepted);
    counters.add('linesRejected', made.rejected);
    exchange.answer(linesAnswer(made, options.ack));
  }

  /** @returns the body decompressed and charged for, or undefined: then it is answered. */
  function plainBytes(exchange: Exchange, request: BatchRequest, sent: Uint8Array): Uint8Array | undefined {
    const limits = request.kind === 'lines' ? linesDecompression : decompression;
    const plain = decompress(sent, request.encoding, limits);
    const failed = typeof plain === 'string';
    // As decompressed, since that is the work; what cannot be decompressed may have cost the most there is.
    const workBytes = failed ? decompressedBytesMax(sent.length, request.encoding, limits) : plain.length;
    const times = request.kind === 'lines' ? WORK_PER_BYTE : 1;
    admission.bodyComplete(request, Math.max(sent.length, workBytes * times));
    if (!failed) return plain;
    if (plain === 'undecompressable') reject(exchange, plain);
    else reject(exchange, 'too_large', boundMet(plain, limits));
    return undefined;
  }

  /** @returns false when the ring has no room: nothing of the batch is held then. */
  function append(request: BatchRequest, batch: Uint8Array, epoch: number, seq: number): boolean {
    const { clientId, lane, points, oldestSeq } = request;
    const at = ring.tryReserve(recordLength(clientId.length, batch.length));
    if (at === -1) return false;
    const head = { kind: RecordKind.batch, lane, clientId, points, epoch, seq, oldestSeq, receivedUnixMs: turnUnixMs };
    ring.commitReserve(writeRecord(ring.bytes, ring.view, at, head, batch));
    return true;
  }

  function accept(
    exchange: Exchange,
    request: BatchRequest,
    verdict: { duplicate: boolean; contiguousSeq: number },
    receivedUnixMs: number,
  ): void {
    const { duplicate, contiguousSeq } = verdict;
    if (duplicate) counters.add('duplicates', 1);
    else countAccepted(request.points);
    exchange.answer(
      ackAnswer({ durable: options.ack, contiguousSeq, receivedUnixMs, duplicate }, request.form === 'json'),
    );
  }

  function countAccepted(points: number): void {
    counters.add('accepted', 1);
    counters.add('points', points);
  }

  function settle(at: number, nowMs: number): void {
    const { exchange, request, receivedUnixMs, lines } = held.shift() as Held;
    counters.add('latencySumS', (nowMs - request.bodyMs) / 1000);
    const verdict = readVerdict(ring.view, at);
    if (lines !== undefined) lines.seq.inFlight--;
    if (options.ack === 'memory') return countLost(request, verdict);
    if (lines !== undefined) return settleLines(exchange, lines, { verdict, points: request.points });
    if (verdict === RingVerdict.durable || verdict === RingVerdict.duplicate) {
      const duplicate = verdict === RingVerdict.duplicate;
      accept(exchange, request, { duplicate, contiguousSeq: readContiguousSeq(ring.view, at) }, receivedUnixMs);
    } else if (verdict === RingVerdict.conflict) {
      reject(exchange, 'conflict');
    } else {
      refuse(exchange, request, verdict === RingVerdict.full ? 'journal_full' : 'journal_failed');
    }
  }

  /** The last verdict answers; one batch that is not durable makes a no of it, whatever is stored of the others. */
  function settleLines(
    exchange: Exchange,
    lines: HeldLines,
    { verdict, points }: { verdict: RingVerdict; points: number },
  ): void {
    if (verdict === RingVerdict.durable) countAccepted(points);
    else lines.fate = verdict;
    if (--lines.left > 0) return;
    if (lines.fate === RingVerdict.durable) return answerLines(exchange, lines.made);
    const reason = lines.fate === RingVerdict.full ? 'journal_full' : 'journal_failed';
    refuse(exchange, exchange.context as BatchRequest, reason);
  }

  /** With `ack: memory` the yes is out already; what the journal could not take then is lost, and said so. */
  function countLost(request: BatchRequest, verdict: RingVerdict): void {
    if (verdict === RingVerdict.durable || verdict === RingVerdict.duplicate) return;
    counters.add('lostBatches', 1);
    counters.add('lostPoints', request.points);
  }

  async function answerSettled(): Promise<never> {
    let seen = ring.settled();
    for (;;) {
      if (held.size() === 0) await new Promise<void>((resolve) => (wakeAnswers = resolve));
      await ring.waitSettled(seen);
      seen = ring.settled();
      const nowMs = performance.now();
      for (let at = ring.nextSettled(); at !== -1; at = ring.nextSettled()) settle(at, nowMs);
      ring.release(seen);
      counters.set('ringUsedBytes', ring.usedBytes());
    }
  }

  function turn(): void {
    turnMs = 0;
    ring.publish();
    admission.endTurn();
    if (held.size() === 0) return;
    wakeAnswers?.();
    wakeAnswers = undefined;
  }

  const malformed: Handler['malformed'] = (_status, reason) => counters.add(`http_${reason}`, 1);
  return { handler: { head, body, turn, malformed, failed: options.onFault }, answerSettled, holds: held.size };
}
