/**
 * The admin port of both programs: a few GET paths over node:http, for people and monitoring, never for batches. Owns
 * the listener and promises: only what is in the routes is served, and on loopback to no name that was pointed there
 * from afar; a route that throws or hangs is answered and harms nothing else, connections and their heads are bounded,
 * and closing does not wait for a client that holds on.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { isLoopback, type ListenAddress, listenText } from './config/listen.ts';
import { messageOf, MetricStreamError } from './errors.ts';
import type { Log } from './log.ts';

const CONNECTIONS_MAX = 64;
const HEAD_BYTES_MAX = 8 * 1024;
const HEAD_TIMEOUT_MS = 5000;
/** How often node looks whose time is over; by itself every 30 s. */
const TIMEOUTS_EVERY_MS = 1000;
const ROUTE_TIMEOUT_MS = 10_000;

/** What a route answers: `json` is serialised, `text` goes as it is. `status` is 200 unless given. */
export type AdminAnswer = { status?: number } & ({ json: unknown } | { text: string; contentType: string });

/** @param query of the request; empty when there is none. */
export type AdminRoute = (query: URLSearchParams) => AdminAnswer | Promise<AdminAnswer>;

export interface AdminServerOptions {
  listen: ListenAddress;
  /** By path: `/status`. HEAD is answered wherever GET is. */
  routes: Readonly<Record<string, AdminRoute>>;
  log: Log;
  /** The option that says where to listen, for the message when the port is taken. */
  option: string;
}

export interface AdminServer {
  /** Where it listens, `127.0.0.1:7442`; with port 0 the one the system chose. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Listens; logs `admin listening` with the address.
 * @throws MetricStreamError `port_taken` when another program listens there, `config_invalid` when the address is not
 * this machine's, `io` for anything else: each names the address and the option.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer(
    {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: HEAD_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_EVERY_MS,
    },
    (request, response) => void respond(request, response, options),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listenOn(server, options);
  const { address, port } = server.address() as AddressInfo;
  const text = listenText({ host: address, port });
  // The program's other parts keep it alive; this port alone must not.
  server.unref();
  options.log.info('admin listening', { address: text });
  return {
    address: text,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listenOn(server: Server, options: AdminServerOptions): Promise<void> {
  const { listen, option } = options;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, listenText(listen), option)));
    server.listen({ host: listen.host, port: listen.port }, resolve);
  });
}

function listenFault(cause: NodeJS.ErrnoException, address: string, option: string): MetricStreamError {
  const { code } = cause;
  if (code === 'EADDRINUSE')
    return new MetricStreamError(
      'port_taken',
      `${option}: another program listens on ${address}; stop it, or set ${option} to another port (0: any free one)`,
      { cause },
    );
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new MetricStreamError('config_invalid', `${option}: ${address} is no address of this machine`, { cause });
  return new MetricStreamError('io', `${option}: cannot listen on ${address}`, { cause });
}

async function respond(request: IncomingMessage, response: ServerResponse, options: AdminServerOptions): Promise<void> {
  const { answer, allow } = await answerOf(request, options);
  const text = 'json' in answer ? `${JSON.stringify(answer.json)}\n` : answer.text;
  if (allow) response.setHeader('allow', 'GET, HEAD');
  response.setHeader('content-type', 'json' in answer ? 'application/json' : answer.contentType);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.writeHead(answer.status ?? 200);
  response.end(request.method === 'HEAD' ? '' : text);
}

async function answerOf(
  request: IncomingMessage,
  { listen, routes, log }: AdminServerOptions,
): Promise<{ answer: AdminAnswer; allow?: true }> {
  if (isLoopback(listen.host) && isForeignName(request.headers.host ?? ''))
    return { answer: { status: 421, json: { error: 'on this address only localhost, or an IP address, is a host' } } };
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined)
    return { answer: { status: 404, json: { error: 'no such path', paths: Object.keys(routes) } } };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return {
      answer: { status: 405, json: { error: `${request.method ?? ''} is not served here; use GET` } },
      allow: true,
    };
  try {
    const query = new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1));
    return { answer: await inTime(route(query)) };
  } catch (error) {
    log.warn('admin: a request failed', { path, error });
    return { answer: { status: 500, json: { error: messageOf(error) } } };
  }
}

/**
 * A page from anywhere may point its own name to 127.0.0.1 and have the browser read what is here (DNS rebinding); the
 * name is in Host then. With an address there, or localhost, a page of another origin is kept out by the browser itself.
 */
function isForeignName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return name !== '' && isIP(name) === 0 && !/^(?:[\w-]+\.)*localhost$/i.test(name);
}

async function inTime<T>(work: T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fault = (): void => reject(new MetricStreamError('timeout', `no answer within ${ROUTE_TIMEOUT_MS} ms`));
    timer = setTimeout(fault, ROUTE_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `/healthz`: the process answers. */
export const healthRoute: AdminRoute = () => ({ json: { ok: true } });

/** `/readyz`: 200 with no reasons, else 503 and all of them. */
export function readyRoute(reasons: () => readonly string[]): AdminRoute {
  return () => {
    const found = reasons();
    return { status: found.length === 0 ? 200 : 503, json: { ready: found.length === 0, reasons: found } };
  };
}
