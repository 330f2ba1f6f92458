/**
 * The collector's listener in memory: the real intake, parser and outbox behind a socket that is no socket, so that
 * millions of requests can be read. Owns that socket, and a handler that answers in every way there is; promises to
 * scribble over what was read, so that bytes kept too long show.
 */
import { EventEmitter } from 'node:events';
import type { Server } from 'node:net';
import { serve } from '@metricstream/collector/http/listener.ts';
import type { Listener } from '@metricstream/collector/http/listener.ts';
import { plain, withBody } from '@metricstream/collector/http/responses.ts';
import type { Answer, Exchange, Handler, HttpLimits } from '@metricstream/collector/http/types.ts';
import { REFUSED_PATH } from './reference.ts';

export const LIMITS: HttpLimits = {
  connectionsMax: 1000,
  headBytesMax: 1024,
  headersMax: 20,
  targetBytesMax: 200,
  bodyBytesMax: 2048,
  // Little enough that a leak of it ends in 503 soon.
  bufferedBytesMax: 256 * 1024,
  requestsPerConnectionMax: Number.POSITIVE_INFINITY,
  pipelinedMax: 4,
  headTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  bodyBytesPerSecondMin: 0,
  idleTimeoutMs: 60_000,
  writeBufferBytesMax: 1024 * 1024,
  writeTimeoutMs: 60_000,
};

/** The handler answers these after the bytes at hand are read, the youngest first. */
export const LATER_PATH = '/later';

/** What became of one connection. */
export interface Verdict {
  /** One line for each request that reached the handler: method, path, query and body. */
  exchanges: string[];
  /** Why http/ refused what followed them, if it did: `400 host`. */
  refused: string[];
  /** Everything the client got, but for interim answers, which depend on when bytes come. */
  answers: string;
}

export interface Driven {
  /** Sends `pieces` over a connection of its own, half-closes, and waits for the end. */
  send(pieces: readonly Buffer[]): Promise<Verdict>;
  listener: Listener;
  /** What the handler threw, and other impossible things. */
  failures: unknown[];
}

const REFUSAL = plain(429, 'slower');
const OK = withBody(200, 'text/plain');
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const READ_BYTES_MAX = 64 * 1024;

/** What the handler says at the head; a client that waits for 100 is closed upon by a no, which depends on when bytes come. */
export function refusalOf(exchange: Exchange): Answer | undefined {
  return exchange.path.startsWith(REFUSED_PATH) && exchange.header('expect') === '' ? REFUSAL : undefined;
}

/** What the handler says to a whole request. */
export function answerOf(exchange: Exchange): Answer {
  return OK(exchange.path);
}

/** What a client got, but for what depends on when bytes come: interim answers and dates. */
export function timeless(text: string): string {
  return text.replaceAll(CONTINUE, '').replaceAll(/^Date: [^\r]*\r\n/gm, '');
}

interface Note {
  line: string;
  exchange: Exchange;
}

/** Serves connections made of nothing. */
export function startDriven(): Driven {
  const failures: unknown[] = [];
  const server = new FakeServer();
  let notes: Note[] = [];
  let refused: string[] = [];
  let later: Exchange[] = [];
  const handler: Handler = {
    head(exchange) {
      const note = { line: `${exchange.method} ${exchange.path} ${exchange.query}`, exchange };
      exchange.context = note;
      const refusal = refusalOf(exchange);
      if (refusal !== undefined) notes.push(note);
      return refusal;
    },
    body(exchange, body) {
      const note = exchange.context as Note;
      note.line += ` ${Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1')}`;
      notes.push(note);
      if (exchange.path.startsWith(LATER_PATH)) later.push(exchange);
      else exchange.answer(answerOf(exchange));
    },
    malformed: (status, reason) => void refused.push(`${status} ${reason}`),
    failed: (error) => void failures.push(error),
  };
  const listener = serve(server as unknown as Server, { handler, limits: LIMITS });
  const readBuffer = Buffer.alloc(READ_BYTES_MAX);

  /** Answers those that wait, and those that were not read because of them. */
  async function answerLater(): Promise<void> {
    while (later.length > 0) {
      const waiting = later;
      later = [];
      for (const exchange of waiting.toReversed()) exchange.answer(answerOf(exchange));
      // The answers of one turn leave in the microtask that the first has begun.
      await Promise.resolve();
    }
  }

  return {
    listener,
    failures,
    async send(pieces) {
      notes = [];
      refused = [];
      const socket = new FakeSocket();
      server.emit('connection', socket);
      for (const piece of pieces) {
        piece.copy(readBuffer);
        socket.emit('data', readBuffer.subarray(0, piece.length));
        readBuffer.fill(0x2a, 0, piece.length);
        if (later.length > 0) await answerLater();
      }
      socket.emit('end');
      socket.destroy();
      return { exchanges: notes.map(({ line }) => line), refused, answers: timeless(socket.text) };
    },
  };
}

/** What serve() wants of a server. */
class FakeServer extends EventEmitter {
  address(): { port: number } {
    return { port: 0 };
  }

  close(done: () => void): void {
    done();
  }
}

/** What a connection wants of its socket. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly writableLength = 0;
  destroyed = false;
  text = '';

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  isPaused(): boolean {
    return false;
  }

  end(): void {}
  pause(): void {}
  resume(): void {}
}
