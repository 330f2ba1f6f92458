/**
 * What passes between the HTTP room and whoever answers requests. Owns these types only. http/ knows nothing of rings,
 * journals or batches: it hands over heads and bodies, and takes answers, in any order, for each request once.
 */
import type { Reason } from './reasons.ts';

/** Named limits of one listener; every one is enforced before memory is spent. */
export interface HttpLimits {
  connectionsMax: number;
  /** Request line and all header lines together; at most 65,535. */
  headBytesMax: number;
  headersMax: number;
  targetBytesMax: number;
  /** A declared or chunked body above it is answered 413. */
  bodyBytesMax: number;
  /** Unfinished heads and bodies of all connections together; a request that needs more is answered 503. */
  bufferedBytesMax: number;
  /** The answer to this many closes the connection; Infinity: no limit. */
  requestsPerConnectionMax: number;
  /** Requests of one connection that may be waiting for their answer; reading stops there. */
  pipelinedMax: number;
  /** From the first byte of a head to its end; also from the opening of a connection to its first byte. */
  headTimeoutMs: number;
  /** From the end of the head to the end of the body. */
  bodyTimeoutMs: number;
  /** A body slower than this, after the first seconds, is answered 408; 0: no limit. */
  bodyBytesPerSecondMin: number;
  /** Silence between requests. */
  idleTimeoutMs: number;
  /** Answers the client does not read. */
  writeBufferBytesMax: number;
  /** How long one write may wait for the client to read. */
  writeTimeoutMs: number;
}

/**
 * One answer, shared or fresh. Build it with responses.ts. http/ itself adds Date, and `Connection: close` where the
 * connection closes after it, and leaves the body out for HEAD, so that a constant Answer serves every request.
 */
export interface Answer {
  status: number;
  /** The status line with its line end. */
  line: string;
  /** What follows, Latin-1: headers with Content-Length, empty line and body; never a Date or Connection field. */
  text: string;
  /** The connection closes after it. */
  close: boolean;
}

/** Whom the certificate of a client names. */
export interface Certified {
  /** The names in it that the listener was told to read. */
  readonly names: readonly string[];
  /** When it ends. */
  readonly untilUnixMs: number;
}

/** The other end of a connection; the same object for every exchange of it. */
export interface Peer {
  /** Its IP address, without the port. */
  readonly ip: string;
  /** Undefined without a certificate that was valid when the connection was opened: it may have ended since. */
  readonly certified: Certified | undefined;
  /** Whatever the handler wants to keep from request to request. */
  context: unknown;
}

/** One request from the end of its head to its answer. */
export interface Exchange {
  readonly method: string;
  /** The path before any `?`, as it came; never decoded. */
  readonly path: string;
  /** What follows the first `?`, as it came; '' when absent. Valid as long as headers are. */
  readonly query: string;
  /** The first value of a header by lower-case name, '' when absent. Valid until `Handler.body` returns, then ''. */
  header(name: string): string;
  /** Whether more than one header has this lower-case name. Valid as long as headers are. */
  repeats(name: string): boolean;
  /** Declared length, or -1 for chunked. */
  readonly contentLength: number;
  /** The other end as `address:port`, for logs. */
  readonly remote: string;
  readonly peer: Peer;
  /** Whatever the handler wants to keep from `head` to `body` to its answer. */
  context: unknown;
  /**
   * Answers, once; a second call is a programmer's error and throws. After the connection is gone it does nothing.
   * Before the body is complete it refuses: `Handler.body` is then not called.
   */
  answer(answer: Answer): void;
}

export interface Handler {
  /**
   * Somebody connected: asked before anything is read or allocated. @returns why the connection is refused, if it is;
   * `gone` is called once for each that was not.
   */
  arrived?(ip: string): Reason | undefined;
  gone?(ip: string): void;
  /** The head is complete and well formed. To refuse before the body is read, return an answer. */
  head(exchange: Exchange): Answer | undefined;
  /** The body is complete (empty when there is none). `body` is valid only during the call. Answer now or later. */
  body(exchange: Exchange, body: Uint8Array): void;
  /**
   * The exchange will never reach its client, or was answered by http/ after `head` had let it pass: the connection
   * is gone, the body is malformed, too large or too slow. Its `answer` does nothing from now on.
   */
  aborted?(exchange: Exchange): void;
  /**
   * http/ refused or closed by itself, for the counters. `status` 0: nothing could be answered. `detail` is more about
   * it, for a log, where there is more.
   */
  malformed(status: number, reason: Reason, remote: string, detail?: string): void;
  /** `head` or `body` threw: the client got a 500 (counted under `handler_error`) and the connection closes. */
  failed(error: unknown, remote: string): void;
  /** All sockets with fresh input of this event-loop turn were read: a good moment to publish. */
  turn?(): void;
}
