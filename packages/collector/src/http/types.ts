/**
 * What passes between the HTTP room and whoever answers requests. Owns these types only. http/ knows nothing of rings,
 * journals or batches: it hands over heads and bodies, and takes answers, in any order, for each request once.
 */

/** Named limits of one listener; every one is enforced before memory is spent. */
export interface HttpLimits {
  connectionsMax: number;
  /** Request line and all header lines together. */
  headBytesMax: number;
  headersMax: number;
  targetBytesMax: number;
  /** A declared or chunked body above it is answered 413. */
  bodyBytesMax: number;
  /** Requests of one connection that may be waiting for their answer; reading stops there. */
  pipelinedMax: number;
  /** From the first byte of a head to its end. */
  headTimeoutMs: number;
  /** From the end of the head to the end of the body. */
  bodyTimeoutMs: number;
  /** Silence between requests. */
  idleTimeoutMs: number;
  /** Answers the client does not read. */
  writeBufferBytesMax: number;
  writeTimeoutMs: number;
}

/** One answer. `head` is complete (status line and headers with content-length, ending in an empty line). */
export interface Answer {
  status: number;
  /** Latin-1: status line, headers, empty line and body together, ready to send. */
  text: string;
  /** The connection closes after it, and `text` says so. */
  close: boolean;
}

/** One request from the end of its head to its answer. */
export interface Exchange {
  readonly method: string;
  /** The path before any `?`, as it came; never decoded. */
  readonly path: string;
  /** The value of a header by lower-case name, '' when absent. Valid until the body is complete. */
  header(name: string): string;
  /** Declared length, or -1 for chunked. */
  readonly contentLength: number;
  /** The other end, for logs. */
  readonly remote: string;
  /** Whatever the handler wants to keep from `head` to `body` to `closed`. */
  context: unknown;
  /** Answers, once; a second call is a programmer's error and throws. After the connection is gone it does nothing. */
  answer(answer: Answer): void;
}

export interface Handler {
  /** The head is complete and well formed. To refuse before the body is read, return an answer. */
  head(exchange: Exchange): Answer | undefined;
  /** The body is complete. `body` is valid only during the call. The handler answers now or later. */
  body(exchange: Exchange, body: Uint8Array): void;
  /** A request that was malformed, too large or too slow was answered by http/ itself, for the counters. */
  malformed(status: number, reason: string, remote: string): void;
  /** All sockets with fresh input of this event-loop turn were read: a good moment to publish. */
  turn?(): void;
}
