/**
 * From bytes to exchanges: the state machine of one connection's input (a head, a body, a refused body to skip, or
 * closed). Owns the request being read. Promises that bytes are taken in order and once, that at most `pipelinedMax`
 * exchanges wait, and that after a fault or a closing answer no further request is read.
 */
import { ChunkStep, ChunkedDecoder } from './chunked.ts';
import { HttpExchange } from './exchange.ts';
import type { ExchangeOwner } from './exchange.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import type { Outbox } from './outbox.ts';
import { parseHead } from './parser.ts';
import { INCOMPLETE, INVALID } from './request-head.ts';
import type { Reason } from './reasons.ts';
import { statusOf } from './reasons.ts';
import type { Shared } from './shared.ts';
import { CR, LF, areAll } from './syntax.ts';

/** A refused body up to this is read and dropped so that the connection can stay; a longer one closes it. */
const SKIPPED_BODY_BYTES_MAX = 64 * 1024;

/** What the next byte belongs to. */
export const Expecting = { head: 0, body: 1, chunks: 2, refusedBody: 3, nothing: 4 } as const;
export type Expecting = (typeof Expecting)[keyof typeof Expecting];

/** What every TLS connection begins with, and no request. */
const TLS_HANDSHAKE = 0x16;

const NO_BODY = Buffer.alloc(0);

export class Intake {
  expecting: Expecting = Expecting.head;
  /** `advance` stopped before a request because too many wait or the client does not read its answers. */
  blocked = false;
  /** A head was completed since this was last cleared: timeouts begin anew. */
  moved = false;

  private requests = 0;
  /** An empty line came since the last request: one is nothing at all (RFC 9112 2.2), old clients end a body with it. */
  private emptyLine = false;
  /** What may follow the part of a head that was not taken, and leaves it one: from its RequestHead. */
  private moreClasses = 0;
  private moreBytesMax = 0;

  /** The exchange whose body is being read or handed over. */
  private current: HttpExchange | null = null;
  /** Bytes of the declared body that have not come. */
  private rest = 0;
  private body: GrowingBuffer | null = null;
  private decoder: ChunkedDecoder | null = null;
  /** The client sent Expect: 100-continue and none of its body. */
  private clientWaits = false;
  private readonly shared: Shared;
  private readonly outbox: Outbox;
  private readonly owner: ExchangeOwner;

  constructor(shared: Shared, outbox: Outbox, owner: ExchangeOwner) {
    this.shared = shared;
    this.outbox = outbox;
    this.owner = owner;
  }

  /**
   * Takes bytes `at` … `end`, handing over each request they complete. A handler that throws costs its connection.
   * @returns the index up to which they were taken: what is left is part of a head, or `blocked`.
   */
  advance(bytes: Buffer, at: number, end: number): number {
    try {
      return this.run(bytes, at, end);
    } catch (error) {
      this.shared.handler.failed(error, this.owner.remote);
      this.fail('handler_error');
      return end;
    }
  }

  /**
   * Whether bytes 0 … `end`, behind those that `advance` left, neither complete nor spoil the head they are part of, so that
   * a head in many pieces is not parsed at each of them.
   */
  isMoreOfHead(bytes: Buffer, end: number): boolean {
    if (end > this.moreBytesMax || this.outbox.stalled || !areAll(bytes, 0, end, this.moreClasses)) return false;
    this.moreBytesMax -= end;
    return true;
  }

  private run(bytes: Buffer, from: number, end: number): number {
    let at = from;
    this.moreBytesMax = 0;
    while (at < end) {
      switch (this.expecting) {
        case Expecting.head: {
          this.blocked = this.outbox.waiting >= this.shared.limits.pipelinedMax || this.outbox.stalled;
          if (this.blocked) return at;
          if (bytes[at] === CR && !this.emptyLine) {
            if (at + 1 === end) return at;
            this.emptyLine = true;
            if (bytes[at + 1] === LF) at += 2;
            break;
          }
          const next = this.takeHead(bytes, at, end);
          if (next === INCOMPLETE) return at;
          at = next;
          break;
        }
        case Expecting.body:
          at = this.takeBody(bytes, at, end);
          break;
        case Expecting.chunks:
          at = this.takeChunks(bytes, at, end);
          break;
        case Expecting.refusedBody: {
          const skipped = Math.min(this.rest, end - at);
          this.rest -= skipped;
          at += skipped;
          if (this.rest === 0) this.expecting = Expecting.head;
          break;
        }
        default:
          return end;
      }
    }
    return at;
  }

  private takeHead(bytes: Buffer, at: number, end: number): number {
    const { shared } = this;
    const head = shared.scratch;
    const next = parseHead(bytes, at, end, shared.limits, head);
    if (next === INCOMPLETE) {
      this.moreClasses = head.moreClasses;
      this.moreBytesMax = head.moreBytesMax;
      return INCOMPLETE;
    }
    const length = head.contentLength;
    if (next === INVALID || length > shared.limits.bodyBytesMax) {
      if (next === INVALID) this.fail(bytes[at] === TLS_HANDSHAKE ? 'tls_unexpected' : head.reason, head.method);
      else this.fail('body_too_large', head.method);
      return end;
    }
    this.moved = true;
    this.emptyLine = false;
    shared.stats.requests++;
    const exchange = new HttpExchange(this.owner, head);
    exchange.close = head.close || shared.draining || ++this.requests >= shared.limits.requestsPerConnectionMax;
    exchange.complete = length === 0;
    this.current = exchange;
    this.rest = length;
    this.clientWaits = head.expectContinue && next === end;
    this.expecting = length === 0 ? Expecting.head : length > 0 ? Expecting.body : Expecting.chunks;
    this.outbox.enqueue(exchange);
    const refused = shared.handler.head(exchange);
    if (refused !== undefined) exchange.answer(refused);
    if (this.isClosed()) return end;
    if (exchange.reply !== null) {
      this.finish(exchange);
      return next;
    }
    if (length >= 0 && end - next >= length) {
      this.handOver(exchange, length === 0 ? NO_BODY : bytes.subarray(next, next + length));
      return next + length;
    }
    this.awaitBody(exchange);
    return next;
  }

  private awaitBody(exchange: HttpExchange): void {
    this.shared.giveScratch();
    if (exchange.contentLength < 0) this.decoder = new ChunkedDecoder(this.shared.limits.bodyBytesMax);
    this.body = new GrowingBuffer(this.shared);
    exchange.continueOwed = this.clientWaits;
    this.outbox.collect();
  }

  private takeBody(bytes: Buffer, at: number, end: number): number {
    const exchange = this.current!;
    const taken = Math.min(this.rest, end - at);
    exchange.continueOwed = false;
    if (!this.body!.append(bytes, at, at + taken, exchange.contentLength)) {
      this.fail('buffers_full');
      return end;
    }
    this.rest -= taken;
    if (this.rest === 0) this.handOver(exchange, this.body!.held());
    return at + taken;
  }

  private takeChunks(bytes: Buffer, at: number, end: number): number {
    const decoder = this.decoder!;
    this.current!.continueOwed = false;
    for (let i = at; ; i = decoder.at) {
      const step = decoder.next(bytes, i, end);
      if (step === ChunkStep.more) return end;
      if (step === ChunkStep.done) {
        this.handOver(this.current!, this.body!.held());
        return decoder.at;
      }
      if (step === ChunkStep.invalid) this.fail(decoder.reason);
      else if (this.body!.append(bytes, decoder.dataFrom, decoder.dataTo)) continue;
      else this.fail('buffers_full');
      return end;
    }
  }

  private handOver(exchange: HttpExchange, body: Buffer): void {
    exchange.complete = true;
    this.expecting = Expecting.head;
    this.shared.handler.body(exchange, body);
    if (!this.isClosed()) this.finish(exchange);
  }

  /** All of the request was read or is being skipped. */
  private finish(exchange: HttpExchange): void {
    this.release();
    if (exchange.close) this.expecting = Expecting.nothing;
  }

  /** An exchange of this connection got its answer. */
  answered(exchange: HttpExchange): void {
    const unread = exchange === this.current && !exchange.complete;
    if (exchange.reply!.close || (unread && !this.maySkip(exchange))) {
      exchange.close = true;
      this.close();
    } else if (unread) {
      this.expecting = Expecting.refusedBody;
      this.release();
    }
    this.outbox.collect();
  }

  /** Whether a refused body may be read and dropped: one that may never come (Expect) or has no known end may not. */
  private maySkip(exchange: HttpExchange): boolean {
    return exchange.contentLength >= 0 && this.rest <= SKIPPED_BODY_BYTES_MAX && !this.clientWaits && !exchange.close;
  }

  /** http/ itself answers the request being read, or what should have been one (by `method`, if known), and closes. */
  fail(reason: Reason, method = ''): void {
    if (this.isClosed()) return;
    this.shared.handler.malformed(statusOf(reason), reason, this.owner.remote);
    let exchange = this.current;
    if (exchange !== null && exchange.reply !== null) this.outbox.closeAfterLast();
    else {
      if (exchange === null) {
        exchange = new HttpExchange(this.owner, null, method);
        this.outbox.enqueue(exchange);
      } else {
        exchange.detached = true;
        this.shared.abort(exchange);
      }
      exchange.close = true;
      exchange.reply = this.shared.refusals[reason];
    }
    this.close();
    this.outbox.collect();
  }

  /** Bytes of the body being read that have come. */
  get bodyBytes(): number {
    return this.body === null ? 0 : this.body.length;
  }

  /** No request has come yet. */
  get isFresh(): boolean {
    return this.requests === 0;
  }

  /** A request was begun whose body is not complete. */
  get insideBody(): boolean {
    return this.expecting === Expecting.body || this.expecting === Expecting.chunks;
  }

  isClosed(): boolean {
    return this.expecting === Expecting.nothing;
  }

  /** Takes no further request; what was read of one is dropped. */
  close(): void {
    this.expecting = Expecting.nothing;
    this.release();
  }

  private release(): void {
    const { current } = this;
    if (current !== null && current.head !== null) {
      this.shared.takeBack(current.head);
      current.head = null;
    }
    this.current = null;
    this.body?.release();
    this.body = null;
    this.decoder = null;
  }
}
