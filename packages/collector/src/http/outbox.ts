/**
 * The answers of one connection on their way out. Owns the queue of exchanges in request order and the bytes the
 * kernel has not taken yet. Promises: answers leave in request order whatever order they are given in; all that are
 * ready go out in one write; what a client leaves unread is bounded in bytes and in time.
 */
import { send } from './adopt.ts';
import type { Wire } from './adopt.ts';
import type { HttpExchange } from './exchange.ts';
import { CONTINUE, finalText } from './responses.ts';
import type { Shared } from './shared.ts';

/** Answers gathered during one read beyond this are written before reading on. */
const GATHER_BYTES_MAX = 64 * 1024;

export class Outbox {
  /** Exchanges whose answer is not in `ready` yet. */
  waiting = 0;
  last: HttpExchange | null = null;
  /** The last answer is in `ready`: nothing follows it. */
  closing = false;
  /** Tick at which a stalled write has taken too long, 0 when none has stalled. */
  deadlineTick = 0;

  private first: HttpExchange | null = null;
  private ready = '';
  private readonly shared: Shared;
  private readonly drained: (error?: Error) => void;
  /** Bytes of the write under way. */
  private unsent = 0;
  private readonly written = (error?: Error | null): void => this.onWritten(error);

  /** @param drained called when a stalled write has gone out, and with the error when any write failed. */
  constructor(shared: Shared, drained: (error?: Error) => void) {
    this.shared = shared;
    this.drained = drained;
  }

  /** Answers are ready that were not written yet. */
  get pending(): boolean {
    return this.ready !== '';
  }

  enqueue(exchange: HttpExchange): void {
    if (this.last === null) this.first = exchange;
    else this.last.next = exchange;
    this.last = exchange;
    this.waiting++;
    this.shared.stats.openExchanges++;
  }

  /** Moves the answers at the head of the queue to the bytes ready to be written. */
  collect(): void {
    let exchange = this.first;
    while (exchange !== null && exchange.reply !== null) {
      const { reply } = exchange;
      const isHead = exchange.method === 'HEAD';
      const { date } = this.shared;
      if (exchange.close || isHead) this.ready += finalText(reply, { date, close: exchange.close, isHead });
      else this.ready += reply.line + date + reply.text;
      this.waiting--;
      this.shared.stats.openExchanges--;
      if (exchange.close) {
        this.closing = true;
        this.first = exchange.next;
        this.abandon();
        return;
      }
      exchange = exchange.next;
    }
    this.first = exchange;
    if (exchange === null) this.last = null;
    else this.payContinue(exchange);
  }

  /** Sends 100 Continue to the client that waits for it, once it is its request's turn. */
  private payContinue(exchange: HttpExchange): void {
    if (!exchange.continueOwed) return;
    exchange.continueOwed = false;
    this.ready += CONTINUE;
  }

  /** No request follows the last one: the connection closes after its answer. */
  closeAfterLast(): void {
    if (this.last === null) this.closing = true;
    else this.last.close = true;
  }

  /** No answer of the exchanges still queued will be sent. */
  abandon(): void {
    let exchange = this.first;
    this.first = null;
    this.last = null;
    for (; exchange !== null; exchange = exchange.next) {
      this.waiting--;
      this.shared.stats.openExchanges--;
      if (exchange.reply !== null) continue;
      exchange.detached = true;
      this.shared.abort(exchange);
    }
  }

  /** Writes early when a long run of pipelined answers has gathered. */
  flushIfLong(wire: Wire): void {
    if (this.ready.length > GATHER_BYTES_MAX) this.flush(wire);
  }

  /** Writes what is ready. @returns false when the client left more unread than allowed. */
  flush(wire: Wire): boolean {
    const text = this.ready;
    if (text === '') return true;
    if (this.unsent > 0) return text.length + this.unsent <= this.shared.limits.writeBufferBytesMax;
    this.ready = '';
    this.unsent = text.length;
    this.shared.stats.bytesWritten += text.length;
    send(wire, text, this.written);
    if (this.unsent > 0) this.deadlineTick = this.shared.tick + this.shared.ticks.write;
    return true;
  }

  /** The kernel's send buffer is full: the last write is not out. */
  get stalled(): boolean {
    return this.unsent > 0;
  }

  private onWritten(error: Error | null | undefined): void {
    if (this.unsent === 0) return;
    this.unsent = 0;
    if (this.deadlineTick === 0 && (error === undefined || error === null)) return;
    this.deadlineTick = 0;
    this.drained(error ?? undefined);
  }
}
