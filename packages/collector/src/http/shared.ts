/**
 * What all connections of one listener share: limits, handler, the coarse clock, counters, the pool of parsed heads
 * and the list of connections with answers to write. Owns no socket. Time is a count of ticks, so that arming a
 * timeout costs one integer store and no system call; a timeout fires up to two ticks late, never early.
 */
import type { HttpExchange } from './exchange.ts';
import { RequestHead } from './request-head.ts';
import type { Reason } from './reasons.ts';
import { dateField, refusalsFor } from './responses.ts';
import type { Answer, Handler, HttpLimits } from './types.ts';

export const TICK_MS = 250;
/** A closing connection reads and drops what still comes for this long, so that no reset eats the last answer. */
const LINGER_MS = 2000;
/** How long a body may take to come up to the rate that is asked of it. */
const BODY_GRACE_MS = 5000;
/** Parsed heads kept for reuse; one is in use per request whose body is not complete. */
const HEADS_POOLED_MAX = 64;

/** Running totals, and two levels (`open…`), of one listener. */
export interface HttpStats {
  connectionsAccepted: number;
  /** Turned away, or while stopping. */
  connectionsRefused: number;
  /** The system could not accept: mostly too many open files. */
  acceptFailures: number;
  openConnections: number;
  requests: number;
  /** Requests whose answer has not been written. */
  openExchanges: number;
  bytesRead: number;
  bytesWritten: number;
}

/** A connection as the list of dirty ones sees it. */
interface Flushable {
  settle(): void;
}

export class Shared {
  readonly limits: HttpLimits;
  readonly handler: Handler;
  /** What http/ answers by itself. */
  readonly refusals: Readonly<Record<Reason, Answer>>;
  readonly ticks: { head: number; body: number; bodyGrace: number; idle: number; write: number; linger: number };
  readonly stats: HttpStats = {
    connectionsAccepted: 0,
    connectionsRefused: 0,
    acceptFailures: 0,
    openConnections: 0,
    requests: 0,
    openExchanges: 0,
    bytesRead: 0,
    bytesWritten: 0,
  };
  tick = 1;
  /** The Date field of answers sent now, at most a tick late. */
  date: string;
  draining = false;
  /** Capacity of all unfinished heads and bodies. */
  bufferedBytes = 0;
  /** The head every request is parsed into; given away when its body has yet to come. */
  scratch: RequestHead;

  private readonly pool: RequestHead[] = [];
  private dirty: Flushable[] = [];
  private turnPending = false;
  private second: number;

  constructor(limits: HttpLimits, handler: Handler) {
    if (limits.headBytesMax > 65_535)
      throw new Error(`http: headBytesMax is ${limits.headBytesMax}, at most 65535 fits the parser's offsets`);
    this.limits = limits;
    this.handler = handler;
    this.refusals = refusalsFor(limits);
    this.scratch = new RequestHead(limits.headersMax);
    const nowUnixMs = Date.now();
    this.second = secondOf(nowUnixMs);
    this.date = dateField(nowUnixMs);
    this.ticks = {
      head: ticksOf(limits.headTimeoutMs),
      body: ticksOf(limits.bodyTimeoutMs),
      bodyGrace: ticksOf(BODY_GRACE_MS),
      idle: ticksOf(limits.idleTimeoutMs),
      write: ticksOf(limits.writeTimeoutMs),
      linger: ticksOf(LINGER_MS),
    };
  }

  /** A tick has passed. @returns its number. */
  advance(nowUnixMs: number): number {
    const second = secondOf(nowUnixMs);
    if (second !== this.second) {
      this.second = second;
      this.date = dateField(nowUnixMs);
    }
    return ++this.tick;
  }

  /** The head just parsed stays with its exchange; the next request is parsed into another. */
  giveScratch(): void {
    this.scratch = this.pool.pop() ?? new RequestHead(this.limits.headersMax);
  }

  takeBack(head: RequestHead): void {
    if (head !== this.scratch && this.pool.length < HEADS_POOLED_MAX) this.pool.push(head);
  }

  /**
   * Claims memory for an unfinished request. @param part of the allowance up to which it may be used for this.
   * @returns undefined when all connections together hold too much.
   */
  allocate(bytes: number, part: number): Buffer | undefined {
    if (this.bufferedBytes + bytes > this.limits.bufferedBytesMax * part) return undefined;
    this.bufferedBytes += bytes;
    return Buffer.allocUnsafeSlow(bytes);
  }

  free(buffer: Buffer): void {
    this.bufferedBytes -= buffer.length;
  }

  /** Tells the handler that an exchange came to nothing. */
  abort(exchange: HttpExchange): void {
    if (this.handler.aborted === undefined) return;
    try {
      this.handler.aborted(exchange);
    } catch (error) {
      this.handler.failed(error, exchange.remote);
    }
  }

  /** Writes a connection's answers when the caller's run of answers is over, all of them in one write. */
  flushLater(connection: Flushable): void {
    if (this.dirty.length === 0) queueMicrotask(() => this.flushAll());
    this.dirty.push(connection);
  }

  private flushAll(): void {
    const { dirty } = this;
    this.dirty = [];
    for (const connection of dirty) connection.settle();
  }

  /** Fresh input came: the handler's `turn` runs once, after every readable socket of this turn was read. */
  turnLater(): void {
    if (this.turnPending || this.handler.turn === undefined) return;
    this.turnPending = true;
    setImmediate(() => {
      this.turnPending = false;
      this.handler.turn?.();
    });
  }
}

function secondOf(unixMs: number): number {
  return Math.floor(unixMs / 1000);
}

/** One more than the ticks that fit: the first may come at once. */
function ticksOf(ms: number): number {
  return Math.ceil(ms / TICK_MS) + 1;
}
