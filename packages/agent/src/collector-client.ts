/**
 * One kept-alive HTTP/1.1 connection to the collector, one request at a time. Owns the connection and its time limits,
 * and promises: a request ends within them or when the signal is aborted, an answer's body is bounded, and nothing is
 * sent a second time behind the caller's back. The only file that knows undici, and only undici's client of it: the
 * whole library costs 13 MB more of memory.
 */
import Client from 'undici/lib/dispatcher/client.js';
import type { TlsOptions } from './tls-files.ts';

/** A collector's idle timeout is 75 s and outlasts ours. One that says `Keep-Alive: timeout=N` gets N less the margin. */
const KEEP_ALIVE_MS = 65_000;
const KEEP_ALIVE_MARGIN_MS = 2000;
/** An Ack is some twenty bytes, a reason a line. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** All of a request together, as a multiple of the limit of its parts: an answer that drips ends too. */
const WHOLE_TIMEOUT_FACTOR = 3;

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Uint8Array;
}

export interface CollectorClient {
  /** Sends one POST and waits for the whole answer. Rejects with the network's error, or the signal's reason. */
  post(path: string, headers: Record<string, string>, body: Uint8Array, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

export interface CollectorClientOptions {
  origin: string;
  /** For connecting, for the head of an answer and between two pieces of its body, each. */
  timeoutMs: number;
  /** For https: what is trusted and what is shown. Sessions are resumed. */
  tls: TlsOptions | undefined;
}

export function createCollectorClient({ origin, timeoutMs, tls }: CollectorClientOptions): CollectorClient {
  const client = new Client(origin, {
    pipelining: 1,
    connect: { ...tls, timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
    maxResponseSize: ANSWER_BYTES_MAX,
    // Over TLS too: the collector speaks HTTP/1.1.
    allowH2: false,
  });
  return {
    async post(path, headers, body, signal) {
      const whole = new AbortController();
      const late = (): void => whole.abort(new Error(`no whole answer within ${timeoutMs * WHOLE_TIMEOUT_FACTOR} ms`));
      const timer = setTimeout(late, timeoutMs * WHOLE_TIMEOUT_FACTOR);
      try {
        return await dispatch(client, { path, headers, body, signal: AbortSignal.any([signal, whole.signal]) });
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => client.destroy(),
  };
}

interface Posted {
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
  signal: AbortSignal;
}

function dispatch(client: Client, { path, headers, body, signal }: Posted): Promise<Answer> {
  const answer: Answer = { status: 0, headers: {}, body: new Uint8Array() };
  const pieces: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    let abort: ((reason: Error) => void) | undefined;
    const aborted = (): void => {
      const { reason } = signal;
      abort?.(reason instanceof Error ? reason : new Error('aborted'));
      reject(reason);
    };
    const ended = (): void => signal.removeEventListener('abort', aborted);
    signal.addEventListener('abort', aborted, { once: true });
    client.dispatch(
      { path, method: 'POST', headers, body },
      {
        onRequestStart(controller) {
          abort = (reason) => controller.abort(reason);
          if (signal.aborted) aborted();
        },
        onResponseStart(_controller, status, received) {
          answer.status = status;
          answer.headers = received;
        },
        onResponseData(_controller, piece) {
          // Copied: the memory may be the parser's own.
          pieces.push(Uint8Array.from(piece));
        },
        onResponseEnd() {
          ended();
          answer.body = Buffer.concat(pieces);
          resolve(answer);
        },
        onResponseError(_controller, error) {
          ended();
          reject(error);
        },
      },
    );
  });
}
