/**
 * One request as the handler sees it. Owns the link between a request and its place in the order of answers; promises
 * that an answer given twice is caught, and one given after the connection is gone is harmless.
 */
import type { RequestHead } from './request-head.ts';
import type { Answer, Exchange, Peer } from './types.ts';

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly remote: string;
  readonly peer: Peer;
  answered(exchange: HttpExchange): void;
}

export class HttpExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly contentLength: number;
  context: unknown = undefined;

  readonly owner: ExchangeOwner;
  /** The connection is gone or http/ itself has answered: `answer` does nothing then. */
  detached = false;
  /** Null once the body was handed over: headers are gone then. */
  head: RequestHead | null;
  /** The next request of the same connection. */
  next: HttpExchange | null = null;
  reply: Answer | null = null;
  /** The whole request has been read. */
  complete = false;
  /** The connection closes after this answer. */
  close = false;
  /** The client waits for 100 Continue, and gets it as soon as all earlier answers are out. */
  continueOwed = false;
  private answered = false;

  /** @param head null for what could not be parsed: http/ answers it itself, `method` says how. */
  constructor(owner: ExchangeOwner, head: RequestHead | null, method = '') {
    this.owner = owner;
    this.head = head;
    this.method = head === null ? method : head.method;
    this.path = head === null ? '' : head.path;
    this.contentLength = head === null ? 0 : head.contentLength;
  }

  get remote(): string {
    return this.owner.remote;
  }

  get peer(): Peer {
    return this.owner.peer;
  }

  get query(): string {
    return this.head === null ? '' : this.head.text.slice(this.head.queryFrom, this.head.queryTo);
  }

  header(name: string): string {
    return this.head === null ? '' : this.head.header(name);
  }

  repeats(name: string): boolean {
    return this.head !== null && this.head.repeats(name);
  }

  answer(answer: Answer): void {
    if (this.answered)
      throw new Error(`http: ${this.method} ${this.path} was answered twice; answer each exchange once`);
    this.answered = true;
    if (this.detached) return;
    this.reply = answer;
    this.owner.answered(this);
  }
}
