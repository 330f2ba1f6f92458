/** A listener whose handler notes what happens, and raw clients for it. Owns both; `close` ends them. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { readCertificate } from '../../../../test/services/certificates.ts';
import { listen } from '../../src/http/listener.ts';
import type { Listener } from '../../src/http/listener.ts';
import type { Reason } from '../../src/http/reasons.ts';
import { empty, withBody } from '../../src/http/responses.ts';
import { newTicketKeys } from '../../src/http/tls.ts';
import type { TlsMaterial } from '../../src/http/tls.ts';
import type { Answer, Exchange, Handler, HttpLimits } from '../../src/http/types.ts';

export const LIMITS: HttpLimits = {
  connectionsMax: 100,
  headBytesMax: 8192,
  headersMax: 50,
  targetBytesMax: 2000,
  bodyBytesMax: 1024 * 1024,
  bufferedBytesMax: 16 * 1024 * 1024,
  requestsPerConnectionMax: Number.POSITIVE_INFINITY,
  pipelinedMax: 8,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 10_000,
  bodyBytesPerSecondMin: 0,
  idleTimeoutMs: 10_000,
  writeBufferBytesMax: 1024 * 1024,
  writeTimeoutMs: 10_000,
};

export const NO_CONTENT = empty(204);
export const OK = withBody(200, 'application/octet-stream');

/** @returns answers without their Date, for comparing. */
export function undated(text: string): string {
  return text.replaceAll(/Date: [^\r]*\r\n/g, '');
}

export interface Seen {
  /** Exchanges handed over with their bodies, in order. */
  bodies: { exchange: Exchange; body: string }[];
  /** The addresses of connections that were let in, and of those that have gone. */
  arrived: string[];
  gone: string[];
  aborted: Exchange[];
  malformed: string[];
  /** What was said beside the reasons, where something was. */
  details: string[];
  failed: unknown[];
  turns: number;
}

export interface Rig {
  listener: Listener;
  seen: Seen;
  client: () => Client;
  /** A client that speaks TLS and knows the authority of test/services/certificates.ts. */
  tlsClient: (options?: ConnectionOptions) => TlsClient;
  /** Ends everything, and throws when anything is left behind or the handler failed. */
  close: () => Promise<void>;
}

export interface RigOptions {
  limits?: Partial<HttpLimits>;
  host?: string;
  held?: boolean;
  tls?: TlsMaterial;
  /** Default: everybody is let in. */
  arrived?: (ip: string) => Reason | undefined;
  head?: (exchange: Exchange) => Answer | undefined;
  /** Default: answers 200 with the body sent back. */
  body?: (exchange: Exchange, body: Uint8Array) => void;
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const seen: Seen = {
    bodies: [],
    arrived: [],
    gone: [],
    aborted: [],
    malformed: [],
    details: [],
    failed: [],
    turns: 0,
  };
  const handler: Handler = {
    arrived(ip) {
      const reason = options.arrived?.(ip);
      if (reason === undefined) seen.arrived.push(ip);
      return reason;
    },
    gone: (ip) => void seen.gone.push(ip),
    head: (exchange) => options.head?.(exchange),
    body(exchange, body) {
      const text = Buffer.from(body).toString('latin1');
      seen.bodies.push({ exchange, body: text });
      if (options.body === undefined) exchange.answer(OK(text));
      else options.body(exchange, body);
    },
    aborted: (exchange) => void seen.aborted.push(exchange),
    malformed(status, reason, _remote, detail) {
      seen.malformed.push(`${status} ${reason}`);
      if (detail !== undefined) seen.details.push(detail);
    },
    failed: (error) => void seen.failed.push(error),
    turn: () => void seen.turns++,
  };
  const limits = { ...LIMITS, ...options.limits };
  const { host = '127.0.0.1', held = false, tls } = options;
  const listener = await listen({ host, port: 0, reusePort: false, limits, handler, held, tls });
  const clients: Client[] = [];
  return {
    listener,
    seen,
    client: () => {
      const client = new Client(listener.port);
      clients.push(client);
      return client;
    },
    tlsClient: (more = {}) => {
      const client = new TlsClient(listener.port, more);
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.socket.destroy();
      const { forced } = await listener.stop({ drainMs: 3000 });
      const { openConnections, openExchanges } = listener.stats;
      const left = JSON.stringify({ forced, openConnections, openExchanges, failed: seen.failed.map(String) });
      if (left !== '{"forced":0,"openConnections":0,"openExchanges":0,"failed":[]}')
        throw new Error(`left behind: ${left}`);
      if (seen.gone.toSorted().join() !== seen.arrived.toSorted().join())
        throw new Error(`arrived: ${seen.arrived.join()}; gone: ${seen.gone.join()}`);
    },
  };
}

/** Resolves as soon as `reached` is true, looking again in every turn of the event loop; rejects after `withinMs`. */
export async function eventually(reached: () => boolean, withinMs = 5000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!reached()) {
    if (performance.now() > deadline) throw new Error(`not reached within ${withinMs} ms: ${reached.toString()}`);
    await new Promise((resolve) => void setTimeout(resolve, 2));
  }
}

export class Client {
  readonly socket: Socket;
  /** Everything received, as Latin-1. */
  text = '';
  closed = false;

  constructor(at: number | Socket) {
    this.socket =
      typeof at === 'number' ? connect({ host: '127.0.0.1', port: at, noDelay: true, allowHalfOpen: true }) : at;
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => void (this.text += chunk));
    const gone = (): void => void (this.closed = true);
    this.socket.on('end', gone);
    this.socket.on('error', gone);
    this.socket.on('close', gone);
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until `part` was received `times` times. @returns everything received. */
  async receives(part: string, times = 1): Promise<string> {
    await eventually(() => this.text.split(part).length > times);
    return this.text;
  }

  async isClosed(withinMs?: number): Promise<string> {
    await eventually(() => this.closed, withinMs);
    return this.text;
  }
}

export class TlsClient extends Client {
  readonly tls: TLSSocket;
  /** The last session the server gave, to resume it. */
  session: Buffer | undefined;
  /** What went wrong, by node's code. */
  fault = '';

  constructor(port: number, more: ConnectionOptions = {}) {
    const { ca } = readCertificate('server');
    const options = { host: '127.0.0.1', port, ca, servername: 'localhost', allowHalfOpen: true, ...more };
    const tls = connectTls(options as ConnectionOptions);
    super(tls);
    this.tls = tls;
    tls.on('session', (session) => void (this.session = session));
    tls.on('error', (error: NodeJS.ErrnoException) => void (this.fault = error.code ?? error.message));
  }

  /** Waits until the handshake is over. */
  async secure(): Promise<this> {
    await eventually(() => this.tls.authorized);
    return this;
  }
}

export function tlsMaterial(more: Partial<TlsMaterial> = {}): TlsMaterial {
  const { cert, key } = readCertificate('server');
  const plain = { clientCa: '', clientRequired: false, clientId: 'san', minVersion: '1.2' } as const;
  return { cert, key, ...plain, ticketKeys: newTicketKeys(), ...more };
}

/** A POST with a declared length. */
export function post(body: string, fields = '', path = '/p'): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

export const GET = 'GET /g HTTP/1.1\r\nHost: a\r\n\r\n';
